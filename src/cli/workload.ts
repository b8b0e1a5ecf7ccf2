import type { TxId } from '../core/words.ts';
import type { LedgerNode } from '../engine/node.ts';
import type { Transaction } from '../store/transaction.ts';

export interface WorkloadOptions {
  readonly transactions: number;
  /** Ends the workload early. */
  readonly signal: AbortSignal;
  /** Called for each transaction once it is on disk. */
  readonly onAcknowledged: (txId: TxId, done: number) => void;
}

/** Records that the workload keeps writing to, so that the state stops growing at some megabytes. */
const recordsMax = 10_000;

/** Transactions that wait for the disk at once, as of so many clients. */
const clients = 256;

/** Bytes of a record's text. */
const textLength = 96;

/**
 * Runs transactions on a node, as a service would: each reads and writes a private balance, and writes a
 * public record of it.
 * @throws ConsensusError `CLOSED` when the node is closed meanwhile
 */
export async function runWorkload(node: LedgerNode, options: WorkloadOptions): Promise<void> {
  const { transactions, signal, onAcknowledged } = options;
  const base = node.status.seqno;
  let begun = 0;
  let done = 0;
  const client = async () => {
    while (begun < transactions && !signal.aborted) {
      const number = base + begun++;
      const { txId } = await node.transaction((tx) => deposit(tx, number));
      onAcknowledged(txId, ++done);
    }
  };
  await Promise.all(Array.from({ length: Math.min(clients, transactions) }, client));
}

/** Multiplying by a prime spreads neighbours over the records. */
const spread = 7919;

function deposit(tx: Transaction, number: number): void {
  const account = `account:${String((number * spread) % recordsMax).padStart(6, '0')}`;
  const before = tx.get('app.balances', account);
  const balance = (before === undefined ? 0 : Number(Buffer.from(before).toString())) + number;
  tx.put('app.balances', account, String(balance));
  tx.put('public:app.records', account, `deposit ${number} `.padEnd(textLength, '.'));
}
