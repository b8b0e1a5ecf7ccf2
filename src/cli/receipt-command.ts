import type { Command } from 'commander';
import type { CommandContext } from './context.ts';
import { addReceiptCreate } from './receipt-create.ts';
import { addReceiptVerify } from './receipt-verify.ts';

/** Adds `receipt` with the verbs that it has. */
export function addReceiptCommand(program: Command, context: CommandContext): void {
  const receipt = program
    .command('receipt')
    .description('make and verify receipts, which prove that a transaction is in a ledger')
    .helpCommand(false);
  addReceiptCreate(receipt, context);
  addReceiptVerify(receipt, context);
}
