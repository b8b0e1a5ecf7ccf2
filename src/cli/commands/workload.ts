import type { Clock } from '../../core/clock.ts';
import type { TxId } from '../../core/words.ts';
import type { LedgerNode } from '../../node/ledger-node.ts';
import type { Transaction } from '../../store/transaction.ts';

export interface WorkloadOptions {
  readonly transactions: number;
  /** Ends the workload early. */
  readonly signal: AbortSignal;
  /** How many a second at most. @default as many as can be */
  readonly pace?: { readonly perSecond: number; readonly clock: Clock };
  /** Called for each transaction once it is on disk. */
  readonly onAcknowledged: (txId: TxId, done: number) => void;
}

/** Records that the workload keeps writing to, so that the state stops growing at some megabytes. */
const recordsMax = 10_000;

/** Transactions that wait for the disk at once, as of so many clients. */
const clients = 256;

/** And when they are paced: enough to keep the pace. */
const pacedClients = 8;

/** Bytes of a record's text. */
const textLength = 96;

/**
 * Runs transactions on a node, as a service would: each reads and writes a private balance, and writes a
 * public record of it.
 * @throws ConsensusError `CLOSED` when the node is closed meanwhile
 */
export async function runWorkload(node: LedgerNode, options: WorkloadOptions): Promise<void> {
  const { transactions, signal, pace, onAcknowledged } = options;
  const beginMs = pace?.clock.now() ?? 0;
  const base = node.status.seqno;
  let begun = 0;
  let done = 0;
  const client = async () => {
    while (begun < transactions && !signal.aborted) {
      const number = base + begun++;
      if (pace !== undefined) {
        const waitMs = beginMs + (1000 * begun) / pace.perSecond - pace.clock.now();
        await pause(pace.clock, signal, waitMs);
      }
      const { txId } = await node.transaction((tx) => deposit(tx, number));
      onAcknowledged(txId, ++done);
    }
  };
  await Promise.all(
    Array.from({ length: Math.min(pace ? pacedClients : clients, transactions) }, client),
  );
}

/** Waits so long, or until it is time to stop. */
function pause(clock: Clock, signal: AbortSignal, waitMs: number): Promise<void> {
  if (waitMs <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      clock.clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = clock.setTimeout(end, waitMs);
    signal.addEventListener('abort', end);
  });
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
