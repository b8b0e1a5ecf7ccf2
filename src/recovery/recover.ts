import { createActor } from 'xstate';
import type { RecoveryOutput } from '../../machines/recovery.ts';
import { AbortedError, assert, FormatError } from '../core/errors.ts';
import type { FrozenTable } from '../core/host-ports.ts';
import type { LedgerAccess } from '../files/ledger/ledger-listing.ts';
import { guarded } from '../inspect/guarded.ts';
import { environmentOf } from '../jobs/environment.ts';
import type { StoreOptions } from '../jobs/open-stores.ts';
import type { LedgerStore } from '../store/ledger-store.ts';
import { bindRecovery } from './bind-recovery.ts';
import { RecoveryPorts } from './recovery-ports.ts';
import type { Recovered, RecoveredLedger, RecoverOptions } from './report.ts';

export type { Recovered, RecoveredLedger } from './report.ts';

/**
 * Brings files back to a verified state: the newest snapshot that verifies and is of this ledger, then
 * the ledger behind it, each root checked at its signature. Without a usable snapshot the whole ledger
 * is replayed. What a crash left behind the last entry of the last open chunk is passed over, and told.
 *
 * @throws FormatError `EMPTY_LEDGER` when there is neither a usable snapshot nor a ledger, `CHUNK_GAP` when the
 * ledger does not begin at seqno 1 and no snapshot leads to it, `CHUNK_OVERLAP`
 * @throws FormatError, VerificationError where the ledger does not hold, with file, offset and seqno;
 * `UNTRUSTED_SERVICE` when no pinned identity vouches for its last signature
 * @throws StorageError when something but a snapshot could not be read
 * @throws AbortedError when `signal` aborts
 * @throws TypeError without `ledger`
 */
export async function recover(options: RecoverOptions): Promise<Recovered> {
  const {
    store,
    tree,
    viewHistory,
    secrets,
    service,
    end,
    defects: _,
    ...recovered
  } = await recoverLedger(options, { keepsTombstones: true });
  return { ...recovered, tables: tablesOf(store) };
}

/** A store's state by the names of its tables, which nobody gives back: the store must not go on. */
export function tablesOf(store: LedgerStore): ReadonlyMap<string, FrozenTable> {
  return new Map([...store.freeze().values()].map((table) => [table.name, table]));
}

/**
 * As {@link recover}, with all that a node needs to go on from there.
 * @param access how the ledger's directories are read: a node reads its own
 * @throws as {@link recover}
 */
export async function recoverLedger(
  options: RecoverOptions,
  storeOptions: StoreOptions = {},
  access: LedgerAccess = 'any',
): Promise<RecoveredLedger> {
  if (typeof options.ledger !== 'string') throw new TypeError('ledger must name a directory');
  const ports = new RecoveryPorts(options, environmentOf(options.environment), {
    ...storeOptions,
    access,
  });
  const output = await runMachine(ports, options).finally(() => ports.close());
  if (output.status === 'cancelled') throw new AbortedError('the recovery');
  if (output.refusal === 'no-start') throw noStartError(output, options);
  if (output.status === 'refused') throw ports.failure;
  const { recovered } = ports;
  assert(recovered !== undefined, 'a recovery that ends well leaves a state');
  const refused = output.refused.map(({ file, seqno, code, reason: message }) => ({
    file,
    seqno,
    code,
    message,
  }));
  return { ...recovered, refused };
}

async function runMachine(
  ports: RecoveryPorts,
  { inspect, logger, signal }: RecoverOptions,
): Promise<RecoveryOutput> {
  const actor = createActor(bindRecovery(ports), {
    ...(inspect && { inspect: guarded(inspect, logger) }),
  });
  const ended = new Promise<void>((resolve, reject) => {
    actor.subscribe({ complete: resolve, error: reject });
  });
  // In a microtask, as the signal may be aborted from inside a step.
  const cancel = () =>
    queueMicrotask(() => {
      if (actor.getSnapshot().status === 'active') actor.send({ type: 'cancel.requested' });
    });
  signal?.addEventListener('abort', cancel, { once: true });
  actor.start();
  if (signal?.aborted) cancel();
  try {
    await ended;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
  const { output } = actor.getSnapshot();
  assert(output !== undefined, 'a recovery that has ended says how');
  return output;
}

function noStartError(
  { refused, first, reason }: RecoveryOutput,
  { ledger, snapshots }: RecoverOptions,
): FormatError {
  const [newest] = refused;
  const tried =
    newest === undefined
      ? `no snapshot in ${snapshots ?? 'any directory: none was given'}`
      : `of ${refused.length} refused the newest, ${newest.file}: ${newest.reason}`;
  const message = `${ledger}: ${reason} (${tried})`;
  if (first === undefined) return new FormatError('EMPTY_LEDGER', message, { file: ledger });
  return new FormatError('CHUNK_GAP', message, { file: ledger, seqno: first, expected: 1 });
}
