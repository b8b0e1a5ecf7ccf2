import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { addReceiptCreate } from './receipt-create.ts';
import { addReceiptVerify } from './receipt-verify.ts';

const help = `
Examples:
  ledger-snapshotter receipt create data/ledger 42 --member-keys data/keys --out 42.cose
  ledger-snapshotter receipt verify 42.cose --service-cert data/service_cert.pem`;

/** Adds `receipt` with the verbs that it has. */
export function addReceiptCommand(program: Command, context: CommandContext): void {
  const receipt = program
    .command('receipt')
    .description('make and verify receipts, which prove that a transaction is in a ledger')
    .addHelpText('after', help)
    .helpCommand(false);
  addReceiptCreate(receipt, context);
  addReceiptVerify(receipt, context);
}
