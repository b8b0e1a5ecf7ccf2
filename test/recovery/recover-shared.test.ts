import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { concatBytes } from '../../src/core/bytes.ts';
import { LedgerSnapshotterError, StorageError } from '../../src/core/errors.ts';
import { splitSnapshotFile } from '../../src/formats/snapshot/snapshot-body.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';
import { makeTemporaryDirectory } from '../../src/io/temporary-directory.ts';
import type { Environment } from '../../src/jobs/environment.ts';
import {
  adoptSharedStore,
  openSharedStore,
  openVersionedStore,
} from '../../src/jobs/open-stores.ts';
import { type SnapshotJobs, snapshotJobs } from '../../src/jobs/snapshot-jobs.ts';
import { recover, recoverLedger } from '../../src/recovery/recover.ts';
import type { LedgerStore } from '../../src/store/ledger-store.ts';
import { InlineExecutor } from '../../src/tasks/inline-executor.ts';
import type { JobExecutor } from '../../src/tasks/job.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { type Files, ledgerFiles, writeFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change } from '../helpers/make-tables.ts';
import { type RecoverMadeOptions, recoverMade, stateOf } from '../helpers/recover-made.ts';
import { keysOf, replayMade } from '../helpers/replay-made.ts';

const members = makeMembers(1);

/** As a node on real files has it; its jobs run inline, since no thread sees this disk. */
const shared = { openStore: openSharedStore, adoptStore: adoptSharedStore };

/** Beyond what this thread loads by itself. */
const much = 'x'.repeat(1024 * 1024);

/** Three snapshots, of seqnos 4, 7 and 10, and a suffix that changes and removes what they hold. */
async function makeLedger(seed: string, filler = much): Promise<MadeLedger> {
  const ledger = await MadeLedger.opened({ seed, members });
  for (const value of ['1', '2', '3']) {
    const kept = { 'a key': value, [value]: 'once', filler };
    ledger.transaction([change('public:app', kept), change('app', { 'a secret': value })]);
    ledger.vouch(await ledger.signature());
  }
  ledger.transaction([
    change('app', { 'another secret': 'x' }, ['a secret']),
    change('public:app', {}, ['1']),
  ]);
  await ledger.signature();
  ledger.transaction([change('new', { key: 'behind the last signature' })]);
  return ledger;
}

const ledger = await makeLedger('recover shared');
const foreign = await makeLedger('another service');
const snapshots = new Map([...(await replayMade(ledger)).files].toSorted());
const foreigners = (await replayMade(foreign)).files;
const [newest = '', middle = ''] = ['snapshot_10_11.committed', 'snapshot_7_8.committed'];
const bytesOf = (name: string) => snapshots.get(name) ?? new Uint8Array();
const { entry, receipt } = splitSnapshotFile(bytesOf(newest));
const withNewest = (bytes: Uint8Array): Files => new Map(snapshots).set(newest, bytes);
const service = ledger.identity.serviceCertificate;

function flipped(at: number): Uint8Array {
  const bytes = bytesOf(newest).slice();
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

/** All that a recovery says, but for the words of a refusal: those of what is malformed name another offset. */
async function outcome(options: RecoverMadeOptions): Promise<unknown> {
  try {
    const recovered = await recoverMade(ledger, options);
    const { store, tables, secrets, service: found, tree, ...report } = recovered;
    return {
      ...report,
      refused: report.refused.map(({ message, ...refusal }) => refusal),
      state: stateOf(tables.values()),
      removed: [...tables.values()].map(({ name, tombstones }) => [name, tombstones?.size]).sort(),
      last: store.seqno,
      compacted: store.compacted,
      root: [tree.root(), recovered.root],
      service: found?.keyId,
    };
  } catch (error) {
    if (!(error instanceof LedgerSnapshotterError)) throw error;
    return { code: error.code, message: error.message };
  }
}

const withoutFirst = (): Files => {
  const files = ledgerFiles(ledger, { chunkEnds: [10] });
  files.delete('ledger_1-10.committed');
  return files;
};

const cases: readonly (readonly [string, RecoverMadeOptions])[] = [
  ['the whole ledger', {}],
  ['a snapshot and what follows', { snapshots }],
  ['a pinned service', { snapshots, services: [service] }],
  ['a service that is another’s', { snapshots, services: [foreign.identity.serviceCertificate] }],
  ['no member’s key', { snapshots, memberKeys: [] }],
  ['no ledger', { snapshots, files: 'missing' }],
  ['a ledger that begins behind the snapshot', { snapshots, files: withoutFirst() }],
  [
    'a ledger behind a gap',
    { snapshots: new Map([[middle, bytesOf(middle)]]), files: withoutFirst() },
  ],
  ['a bit of the public part', { snapshots: withNewest(flipped(200)) }],
  ['a bit of the private part', { snapshots: withNewest(flipped(entry.length - 1)) }],
  ['a bit of the tag', { snapshots: withNewest(flipped(12)) }],
  ['a bit of the version', { snapshots: withNewest(flipped(0)) }],
  ['an empty file', { snapshots: withNewest(new Uint8Array()) }],
  ['zeros', { snapshots: withNewest(new Uint8Array(4096)) }],
  ['a cut body', { snapshots: withNewest(entry.subarray(0, -1)) }],
  ['no receipt', { snapshots: withNewest(entry) }],
  ['a cut receipt', { snapshots: withNewest(bytesOf(newest).subarray(0, -1)) }],
  ['another snapshot under its name', { snapshots: withNewest(bytesOf(middle)) }],
  [
    'the receipt of another',
    { snapshots: withNewest(concatBytes([entry, splitSnapshotFile(bytesOf(middle)).receipt])) },
  ],
  [
    'the body of another',
    { snapshots: withNewest(concatBytes([splitSnapshotFile(bytesOf(middle)).entry, receipt])) },
  ],
  [
    'none that can be used',
    { snapshots: new Map([...snapshots.keys()].map((name) => [name, new Uint8Array(9)])) },
  ],
  ['another service’s snapshots', { snapshots: foreigners }],
  ['another service’s snapshots, ours pinned', { snapshots: foreigners, services: [service] }],
  [
    'another service’s snapshots, beyond the end',
    { snapshots: foreigners, files: ledgerFiles({ entries: ledger.entries.slice(0, 5) }) },
  ],
];

describe('recover() over a SharedStore', () => {
  test.each(cases)('comes to what it does on the heap: %s', async (_, options) => {
    const found = await outcome({ ...options, environment: shared });
    expect(found).toStrictEqual(await outcome(options));
  });

  test('loads each candidate once, opens the one that is used, and ends its jobs', async () => {
    const world = await hostile();
    const { store, refused, snapshot } = await recoverIn(world);
    expect(refused.map(({ code }) => code)).toStrictEqual(['CLAIMS_DIGEST_MISMATCH']);
    expect(snapshot?.file).toBe(middle);
    expect(world.ran).toStrictEqual(['loadSnapshot', 'loadSnapshot', 'openSnapshot']);
    expect(world.adopted).toStrictEqual([store]);
    expect(world.closed).toBe(1);
  });

  test('loads a small one by itself: no job is started', async () => {
    const small = await makeLedger('small', '');
    const { files } = await replayMade(small);
    const startExecutor = () => expect.unreachable();
    const environment = { ...shared, startExecutor };
    const recovered = await recoverMade(small, { snapshots: files, environment });
    expect(recovered).toMatchObject({ snapshot: { file: newest }, refused: [] });
    const expected = await recoverMade(small, { snapshots: files });
    expect(recovered.root).toBe(expected.root);
    expect(stateOf(recovered.tables.values())).toStrictEqual(stateOf(expected.tables.values()));
  });

  test('fills the memory of a snapshot that was refused again', async () => {
    const world = await hostile();
    await recoverIn(world);
    const [first, second] = world.spares;
    expect(first).toBe(0);
    expect(second).toBeGreaterThan(0);
  });

  test.each(['loadSnapshot', 'openSnapshot'])(
    'takes the next candidate when the thread of %s dies, and loses nothing',
    async (job) => {
      const world = await hostile(snapshots);
      world.fail = job;
      const { refused, snapshot, store } = await recoverIn(world);
      expect(refused).toMatchObject([{ file: newest, code: 'WORKER_DIED' }]);
      expect(snapshot?.file).toBe(middle);
      const whole = await recoverMade(ledger);
      expect(stateOf(store.tables.values())).toStrictEqual(stateOf(whole.tables.values()));
    },
  );

  test('rejects with the fault of our own that a job has, and ends its jobs', async () => {
    const world = await hostile(snapshots);
    const fault = new TypeError('a fault');
    const recovering = recoverIn(world, { adoptStore: () => raise(fault) });
    await expect(recovering).rejects.toBe(fault);
    expect(world.closed).toBe(1);
  });

  test('is aborted while it loads', async () => {
    const world = await hostile(snapshots);
    const abort = new AbortController();
    world.onRun = () => abort.abort();
    const recovering = recoverIn(world, {}, abort.signal);
    await expect(recovering).rejects.toMatchObject({ code: 'ABORTED' });
    expect(world.ran).toStrictEqual(['loadSnapshot']);
    expect(world.closed).toBe(1);
    expect(world.fileSystem.openHandles).toBe(0);
  });
});

/** A disk, and all that was done with it. */
interface World {
  readonly fileSystem: MemoryFileSystem;
  readonly ran: string[];
  readonly spares: number[];
  readonly adopted: LedgerStore[];
  closed: number;
  /** Which job's thread dies, once. */
  fail: string | undefined;
  onRun: () => void;
}

/** The ledger, and snapshots of which by default the newest one is damaged. */
async function hostile(files = withNewest(flipped(entry.length - 1))): Promise<World> {
  const fileSystem = new MemoryFileSystem();
  await writeFiles(fileSystem, '/ledger', ledgerFiles(ledger));
  await writeFiles(fileSystem, '/snapshots', files);
  const lists = { ran: [], spares: [], adopted: [] };
  return { fileSystem, ...lists, closed: 0, fail: undefined, onRun: () => {} };
}

function recoverIn(world: World, parts: Partial<Environment> = {}, signal?: AbortSignal) {
  const { fileSystem } = world;
  const environment = {
    ...{ fileSystem, openStore: () => expect.unreachable() },
    startExecutor: () => watched(world),
    adoptStore: (...given: Parameters<typeof adoptSharedStore>) => {
      const store = adoptSharedStore(...given);
      world.adopted.push(store);
      return store;
    },
    ...parts,
  };
  const places = { ledger: '/ledger', snapshots: '/snapshots', memberKeys: keysOf(ledger) };
  return recoverLedger({ ...places, environment, signal });
}

function watched(world: World): JobExecutor<SnapshotJobs> {
  const inline = new InlineExecutor<SnapshotJobs>(snapshotJobs(world.fileSystem));
  return {
    run: (job, input, options) => {
      world.ran.push(job);
      world.onRun();
      if (input !== undefined && 'spare' in input) world.spares.push(input.spare.length);
      if (world.fail !== job) return inline.run(job, input, options);
      world.fail = undefined;
      return Promise.reject(new StorageError('WORKER_DIED', 'its thread died'));
    },
    close: async () => {
      world.closed++;
      await inline.close();
    },
  };
}

function raise(error: Error): never {
  throw error;
}

test('recover() on real files, with built workers, comes to what it does on the heap', async () => {
  const made = await makeTemporaryDirectory('recover-shared-');
  onTestFinished(() => made.remove());
  const [at, there] = [join(made.path, 'ledger'), join(made.path, 'snapshots')];
  await writeFiles(realFileSystem, at, ledgerFiles(ledger));
  await writeFiles(realFileSystem, there, withNewest(flipped(entry.length - 1)));
  const options = { ledger: at, snapshots: there, memberKeys: keysOf(ledger) };
  const loaded = await recover(options);
  const read = await recover({ ...options, environment: { openStore: openVersionedStore } });
  const { tables: loadedTables, ...found } = loaded;
  const { tables, ...expected } = read;
  expect(found).toStrictEqual(expected);
  expect(found.refused).toMatchObject([{ file: newest, code: 'CLAIMS_DIGEST_MISMATCH' }]);
  expect(stateOf(loadedTables.values())).toStrictEqual(stateOf(tables.values()));
  // Its maps are not in the order of their births.
  expect([...loadedTables.keys()].sort()).toStrictEqual([...tables.keys()].sort());
});
