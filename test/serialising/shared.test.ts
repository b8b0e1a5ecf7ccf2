import { join } from 'node:path';
import { afterAll, afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { toHex, toUtf8 } from '../../src/core/bytes.ts';
import { StorageError } from '../../src/core/errors.ts';
import { digest, seqno } from '../../src/core/words.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import type { MapWrites } from '../../src/formats/entries/write-set.ts';
import { encodeSnapshot } from '../../src/formats/snapshot/snapshot-body.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';
import {
  makeTemporaryDirectory,
  type TemporaryDirectory,
} from '../../src/io/temporary-directory.ts';
import type { SnapshotJobs } from '../../src/jobs/snapshot-jobs.ts';
import { workerEntry } from '../../src/jobs/worker-entry.ts';
import { SerialiseProgress } from '../../src/serialising/progress.ts';
import { ownContent } from '../../src/serialising/release-candidates.ts';
import { type SerialiseSharedJob, SharedSerialiser } from '../../src/serialising/shared.ts';
import type { SharedFrozen } from '../../src/store/shared/shared-frozen.ts';
import { SharedStore, type SharedStoreOptions } from '../../src/store/shared/shared-store.ts';
import type { JobExecutor } from '../../src/tasks/job.ts';
import { WorkerPool } from '../../src/tasks/worker-pool.ts';
import { MemoryPool } from '../helpers/make-shared-store.ts';

const secret = new Uint8Array(32).fill(7);
const leaf = new Uint8Array(32).fill(9);
const viewHistory = [1, 3];
const never = new AbortController().signal;

const memories = new MemoryPool();
const pool = new WorkerPool<SnapshotJobs>(workerEntry(), { workers: 2 });
afterEach(() => memories.reset());
const directories: TemporaryDirectory[] = [];
afterAll(async () => {
  await pool.close();
  for (const directory of directories) await directory.remove();
});

interface Shape {
  readonly records: number;
  readonly valueBytes: number;
  readonly privateRecords?: number;
  readonly options?: SharedStoreOptions;
}

function changesOf({ records, valueBytes, privateRecords = 0 }: Shape, salt: number): MapWrites[] {
  const writes = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      key: toUtf8(`key ${i}`),
      value: new Uint8Array(i % 100 === 0 ? 5000 : valueBytes).fill(i + salt),
    }));
  return [
    { name: 'public:many', writes: writes(records), removes: [] },
    { name: 'public:few', writes: writes(3), removes: [] },
    { name: 'secret', writes: writes(privateRecords), removes: [] },
    { name: 'public:empty', writes: [], removes: [toUtf8('none')] },
  ];
}

function storeOf(shape: Shape): SharedStore {
  const store = new SharedStore(seqno(0), [], {
    createMemory: memories.createMemory,
    ...shape.options,
  });
  store.apply(seqno(1), changesOf(shape, 0));
  return store;
}

/** What the simple way makes of it. */
function oracle(frozen: SharedFrozen): Uint8Array {
  const tables = [...frozen.tables].map(({ name, version, live }) => {
    return { name, version, live: [...live.records()], tombstones: [] };
  });
  return encodeSnapshot(ownContent({ seqno: seqno(1), leaf, viewHistory, tables }), secret);
}

function jobOf(frozen: SharedFrozen, spool: string): SerialiseSharedJob {
  const state = { seqno: seqno(1), leaf, viewHistory, shared: frozen.share() };
  return { state, secret, spool, progress: SerialiseProgress.start().counts };
}

async function emptySpool(): Promise<string> {
  const directory = await makeTemporaryDirectory('serialise-shared-');
  directories.push(directory);
  const spool = join(directory.path, 'spool');
  await (await realFileSystem.open(spool, { for: 'create' })).close();
  return spool;
}

const read = (spool: string) => realFileSystem.readFile(spool, { bytesMax: 2 ** 31 });

const shapes: readonly (readonly [string, Shape])[] = [
  ['nothing in it', { records: 0, valueBytes: 0 }],
  ['some records', { records: 200, valueBytes: 20, privateRecords: 30 }],
  ['more than is taken whole', { records: 30_000, valueBytes: 150 }],
  ['most of it private', { records: 10, valueBytes: 150, privateRecords: 40_000 }],
  [
    'both domains in one chunk, several memories',
    {
      records: 25_000,
      valueBytes: 100,
      privateRecords: 30_000,
      options: { memoryBytesMax: 2 ** 22 },
    },
  ],
];

test.each(shapes)(
  'serialiseShared writes, in a thread, what encodeSnapshot does: %s',
  { timeout: 60_000 },
  async (_, shape) => {
    const store = storeOf(shape);
    const frozen = store.freeze();
    const expected = oracle(frozen);
    const spool = await emptySpool();
    const job = jobOf(frozen, spool);
    const running = pool.run('serialiseShared', job);
    // What comes after the freeze is not seen.
    store.apply(seqno(2), changesOf(shape, 1));
    const { bytes, digest: found, profile } = await running;
    const written = await read(spool);
    expect(Buffer.compare(written, expected)).toBe(0);
    expect({ bytes, profile }).toEqual({ bytes: expected.length, profile: '3+' });
    expect(found).toBe(digest(toHex(sha256(expected))));
    frozen.release();
  },
);

test('SharedSerialiser takes every state whole where there is no second thread', async () => {
  const fileSystem = new MemoryFileSystem();
  await (await fileSystem.open('/spool', { for: 'create' })).close();
  const frozen = storeOf({ records: 30_000, valueBytes: 150, privateRecords: 10 }).freeze();
  const serialiser = new SharedSerialiser({ fileSystem });
  await serialiser.serialise(jobOf(frozen, '/spool'), never);
  const written = await fileSystem.readFile('/spool', { bytesMax: 2 ** 30 });
  expect(Buffer.compare(written, oracle(frozen))).toBe(0);
});

/** Through a ring, with this thread as the one that takes the chunks. */
function serialiserOver(gatherer: JobExecutor<SnapshotJobs>): SharedSerialiser {
  return new SharedSerialiser({ fileSystem: realFileSystem, startGatherer: () => gatherer });
}

const large: Shape = { records: 30_000, valueBytes: 300, privateRecords: 100 };

test('SharedSerialiser uses its ring again, and counts its steps', async () => {
  const serialiser = serialiserOver(pool);
  const frozen = storeOf(large).freeze();
  const expected = oracle(frozen);
  for (let i = 0; i < 2; i++) {
    const job = jobOf(frozen, await emptySpool());
    await serialiser.serialise(job, never);
    expect(Buffer.compare(await read(job.spool), expected)).toBe(0);
    expect(new SerialiseProgress(job.progress).fraction).toBe(1);
    expect(job.progress[1]).toBe(2 * Math.ceil(expected.length / 2 ** 21));
  }
});

test('SharedSerialiser stops its gatherer when it is aborted', async () => {
  const serialiser = serialiserOver(pool);
  const frozen = storeOf(large).freeze();
  const controller = new AbortController();
  const reason = new Error('enough');
  const running = serialiser.serialise(jobOf(frozen, await emptySpool()), controller.signal);
  controller.abort(reason);
  await expect(running).rejects.toBe(reason);
  expect(pool.summary().running).toBe(0);
});

test('SharedSerialiser fails as its file does, and stops its gatherer', async () => {
  const frozen = storeOf(large).freeze();
  const running = serialiserOver(pool).serialise(jobOf(frozen, '/nowhere/spool'), never);
  await expect(running).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(pool.summary().running).toBe(0);
});

test('SharedSerialiser fails when its gatherer dies', async () => {
  const died = new StorageError('WORKER_DIED', 'it died');
  const dying: JobExecutor<SnapshotJobs> = {
    run: () => Promise.reject(died),
    close: async () => {},
  };
  const frozen = storeOf(large).freeze();
  const running = serialiserOver(dying).serialise(jobOf(frozen, await emptySpool()), never);
  await expect(running).rejects.toBe(died);
});

test('SharedSerialiser without memory for its ring is OUT_OF_MEMORY, and works again once there is some', async () => {
  const frozen = storeOf(large).freeze();
  const job = jobOf(frozen, await emptySpool());
  const serialiser = serialiserOver(pool);
  onTestFinished(() => void vi.unstubAllGlobals());
  vi.stubGlobal('WebAssembly', {
    Memory: class {
      constructor() {
        throw new RangeError('could not allocate memory');
      }
    },
  });
  await expect(serialiser.serialise(job, never)).rejects.toMatchObject({
    code: 'OUT_OF_MEMORY',
    expected: 8 * 2 ** 21,
  });
  vi.unstubAllGlobals();
  await serialiser.serialise(job, never);
  expect(Buffer.compare(await read(job.spool), oracle(frozen))).toBe(0);
});
