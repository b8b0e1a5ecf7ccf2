import { expect, test } from 'vitest';
import { FormatError, VerificationError } from '../../src/core/errors.ts';
import { seqno } from '../../src/core/words.ts';
import {
  type AppendedEntry,
  type LedgerEnd,
  LedgerWriter,
} from '../../src/files/ledger/ledger-writer.ts';
import type { FileSystem } from '../../src/io/file-system.ts';
import type { PendingOperation, SurvivalChooser } from '../../src/io/memory-disk.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { recoverLedger } from '../../src/recovery/recover.ts';
import type { RecoveredLedger } from '../../src/recovery/report.ts';
import { probed } from '../files/crash-states.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { type Files, readFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change } from '../helpers/make-tables.ts';
import { madeState, stateOf } from '../helpers/recover-made.ts';
import { keysOf, replayMade } from '../helpers/replay-made.ts';

// Our own writer, a power cut before each of its operations, and what recover makes of the files.

const members = makeMembers(1);
const ledger = await MadeLedger.opened({ seed: 'restart', members });
for (const k of ['a', 'b']) {
  ledger.transaction([change('app', { k }), change('public:app', { k })]);
  await ledger.signature({ node: false });
  ledger.transaction([change('app', {}, ['k'])]);
}
await ledger.signature({ node: false });
ledger.transaction([change('public:app', { k: 'unsigned' })]);
const last = ledger.entries.length;
/** Before it is durable nothing in the ledger can be believed. */
const firstSignature = ledger.entries.find(({ isSignature }) => isSignature)?.seqno ?? last;

/** The first signature ends its chunk. */
const appended = (from: number): readonly AppendedEntry[] =>
  ledger.entries.slice(from).map(({ seqno: at, bytes, isSignature }) => ({
    seqno: at,
    bytes,
    isSignature,
    endsChunk: at === 4,
  }));

const emptyEnd: LedgerEnd = { last: seqno(0), open: undefined, completed: [] };

/** The header of a chunk lies in one sector, which a disk writes whole or not at all. */
const tears = (pending: PendingOperation) =>
  pending.operation === 'write' && !(pending.position === 0 && pending.length === 8);

/** What of each pending operation survives. */
const survivals: readonly SurvivalChooser[] = [
  () => 'lost',
  () => 'kept',
  (pending) => (tears(pending) ? 'zeros' : 'kept'),
  (pending) =>
    pending.operation === 'write' && tears(pending)
      ? { bytesKept: Math.ceil(pending.length / 2) }
      : 'kept',
];

interface Cut {
  readonly crashed: MemoryFileSystem;
  /** What had been told to be durable. */
  readonly durable: number;
}

async function writeAndCut(): Promise<readonly Cut[]> {
  const fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory('/ledger');
  const cuts = new Map<string, Cut>();
  let durable = 0;
  const probe = async () => {
    for (const survives of survivals) {
      const crashed = fileSystem.crash(survives);
      cuts.set(await fingerprint(crashed), { crashed, durable });
    }
  };
  const writer = await openWriter(probed(fileSystem, probe), emptyEnd, (at) => {
    durable = at;
  });
  for (const entry of appended(0)) writer.append(entry);
  writer.commit(seqno(4));
  await writer.close();
  expect(durable).toBe(last);
  return [...cuts.values()];
}

function openWriter(
  fileSystem: FileSystem,
  end: LedgerEnd,
  onDurable: (at: number) => void = () => {},
): Promise<LedgerWriter> {
  const onFailed = (error: Error) => expect.fail(error.message);
  return LedgerWriter.open({ fileSystem, directory: '/ledger', end, onDurable, onFailed });
}

async function fingerprint(crashed: MemoryFileSystem): Promise<string> {
  const files = await readFiles(crashed, '/ledger');
  return [...files].map(([name, bytes]) => `${name} ${Buffer.from(bytes).toString('hex')}`).join();
}

const recoverIn = (fileSystem: FileSystem): Promise<RecoveredLedger> =>
  recoverLedger({ ledger: '/ledger', memberKeys: keysOf(ledger), environment: { fileSystem } });

/** The directory once a new writer has gone on from what was recovered, to the end. */
async function goOn(crashed: MemoryFileSystem, end: LedgerEnd): Promise<Files> {
  const writer = await openWriter(crashed, end);
  for (const entry of appended(end.last)) writer.append(entry);
  await writer.close();
  return readFiles(crashed.crash(), '/ledger');
}

test('a power cut before any operation of the writer loses nothing that was durable', async () => {
  const cuts = await writeAndCut();
  expect(cuts.length).toBeGreaterThan(20);
  let torn = 0;
  for (const { crashed, durable } of cuts) {
    const recovered = await recoverIn(crashed).catch((error: unknown) => error);
    if (durable === 0 && recovered instanceof FormatError) {
      expect(recovered.code).toBe('EMPTY_LEDGER');
      continue;
    }
    if (durable < firstSignature && recovered instanceof VerificationError) {
      expect(recovered.code).toBe('NO_SIGNATURE');
      continue;
    }
    const { seqno: found, store, end, torn: tail } = recovered as RecoveredLedger;
    expect(found).toBeGreaterThanOrEqual(durable);
    expect(stateOf(store.tables.values())).toStrictEqual(madeState(ledger, found));
    torn += tail === undefined ? 0 : 1;
    const { report } = await replayMade(ledger, { files: await goOn(crashed, end) });
    expect(report.failure).toBeUndefined();
    expect(report.summary.transactions).toBe(last);
  }
  expect(torn).toBeGreaterThan(5);
});
