import { expect, test } from 'vitest';
import { concatBytes, toHex, toUtf8 } from '../../src/core/bytes.ts';
import { LedgerSnapshotterError } from '../../src/core/errors.ts';
import type { StoreRecord } from '../../src/core/host-ports.ts';
import { seqno, view } from '../../src/core/words.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import { sealEntry } from '../../src/formats/entries/entry.ts';
import type { SnapshotMap } from '../../src/formats/entries/snapshot-map.ts';
import { encodeServiceInfo, tables } from '../../src/formats/entries/tables.ts';
import { singletonKey } from '../../src/formats/entries/write-set.ts';
import { sortByKeyOrder } from '../../src/formats/snapshot/key-order.ts';
import {
  decodeSnapshot,
  encodeSnapshot,
  encodeSnapshotPublicDomain,
} from '../../src/formats/snapshot/snapshot-body.ts';
import { verifySnapshotFile } from '../../src/formats/snapshot/verify-snapshot.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import type { SnapshotJobs } from '../../src/jobs/snapshot-jobs.ts';
import { snapshotJobs } from '../../src/jobs/snapshot-jobs.ts';
import type { LoadedSnapshot, OpenSnapshotJob } from '../../src/snapshots/load-shared.ts';
import { loadedFile, readVerifiable } from '../../src/snapshots/verifiable-file.ts';
import { SharedStore } from '../../src/store/shared/shared-store.ts';
import { InlineExecutor } from '../../src/tasks/inline-executor.ts';
import type { JobExecutor } from '../../src/tasks/job.ts';
import { makeCoseReceipt, makeService } from '../formats/make-snapshot-file.ts';
import { damagedFiles, flipped } from '../helpers/hostile-snapshots.ts';

const made = makeService('loading', 'P-256');
const secret = new Uint8Array(32).fill(7);
const path = '/snapshot_10_12.committed';

const many = (name: string, count: number): SnapshotMap => ({
  name,
  version: 9,
  records: sortByKeyOrder(
    Array.from({ length: count }, (_, i) => ({
      key: toUtf8(`key ${i}`),
      value: new Uint8Array(i % 700).fill(i),
      version: 1 + (i % 9),
    })),
  ),
});

const identity = {
  name: tables.serviceInfo,
  version: 1,
  records: [
    {
      key: singletonKey,
      version: 1,
      value: encodeServiceInfo({ certificate: made.serviceCertificate.pem, status: 'Open' }),
    },
  ],
};

const content = {
  seqno: seqno(10),
  maxConflictVersion: 0,
  leaf: new Uint8Array(32).fill(3),
  viewHistory: [1, 1],
  publicMaps: [identity, many('public:records', 3000)],
  privateMaps: [many('records', 3000), { name: 'empty', version: 0, records: [] }],
};
const entry = encodeSnapshot(content, secret);
const file = concatBytes([entry, await makeCoseReceipt(made, sha256(entry))]);

async function diskWith(bytes: Uint8Array): Promise<MemoryFileSystem> {
  const disk = new MemoryFileSystem();
  await write(disk, bytes);
  return disk;
}

async function write(disk: MemoryFileSystem, bytes: Uint8Array): Promise<void> {
  if ((await disk.stat(path)) !== undefined) await disk.remove(path);
  const handle = await disk.open(path, { for: 'create' });
  await handle.write(bytes, 0);
  await handle.close();
}

const inline = (disk: MemoryFileSystem) => new InlineExecutor<SnapshotJobs>(snapshotJobs(disk));

type Options = Partial<Pick<SnapshotJobs['loadSnapshot']['input'], 'path' | 'store' | 'spare'>>;
const load = (executor: JobExecutor<SnapshotJobs>, options: Options = {}) =>
  executor.run('loadSnapshot', { path, store: {}, spare: [], ...options });

function openJob({ state, bytes }: LoadedSnapshot, more: Partial<OpenSnapshotJob> = {}) {
  if (state === undefined) throw new Error('the snapshot was not loaded');
  return { path, store: {}, bytes, state, secret, ...more };
}

/** The verdict on a loaded file, by the same gate as on a whole one. */
const verify = (loaded: LoadedSnapshot) =>
  loadedFile(path.slice(1), loaded).verify({ fileName: path.slice(1) });

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (error instanceof LedgerSnapshotterError) return error.code;
    throw error;
  }
}

/** In one text, since thousands are compared. */
const textOf = (records: Iterable<StoreRecord>): string =>
  [...records]
    .map(({ key, version, value }) => `${toHex(key)} ${version} ${toHex(value)}`)
    .sort()
    .join('\n');

function expectContent(store: SharedStore): void {
  for (const { name, version, records } of [...content.publicMaps, ...content.privateMaps]) {
    expect(store.tables.get(name)?.version).toBe(version);
    const found = store.tables.get(name)?.live.records() ?? [];
    expect(textOf(found) === textOf(records)).toBe(true);
  }
  expect(store.tables.size).toBe(4);
}

test('loadSnapshot() and openSnapshot() give the state, and what a receipt is checked against', async () => {
  const disk = await diskWith(file);
  const executor = inline(disk);
  const loaded = await load(executor);
  expect(await verify(loaded)).toMatchObject({ seqno: 10, evidenceSeqno: 12 });
  expect(loaded.state?.content).toEqual({
    ...content,
    publicMaps: [identity],
    privateMaps: undefined,
  });
  const built = await executor.run('openSnapshot', openJob(loaded));
  expectContent(SharedStore.adopt(built));
  expect(disk.openHandles).toBe(0);
});

test('loadSnapshot() leads to the verdict of verifySnapshotFile() on every damaged file', async () => {
  const disk = new MemoryFileSystem();
  const executor = inline(disk);
  for (const damaged of damagedFiles(file, entry.length)) {
    await write(disk, damaged);
    const wanted = await codeOf(verifySnapshotFile(damaged, { fileName: path.slice(1) }));
    expect(await codeOf(load(executor).then(verify))).toBe(wanted);
    for (const wholeBytesMax of [file.length, 0]) {
      const read = readVerifiable(disk, path, { wholeBytesMax });
      expect(await codeOf(read.then((found) => found.verify(found)))).toBe(wanted);
    }
    expect(disk.openHandles).toBe(0);
  }
});

test('readVerifiable() finds the same in a file that it holds whole and in one that it does not', async () => {
  const disk = await diskWith(file);
  const trustedKeys = [made.serviceCertificate];
  const [whole, inPieces] = await Promise.all(
    [file.length, file.length - 1].map(async (wholeBytesMax) => {
      const found = await readVerifiable(disk, path, { wholeBytesMax });
      const { content, ...verified } = await found.verify({ fileName: path.slice(1), trustedKeys });
      return { names: content.publicMaps.map(({ name }) => name), verified };
    }),
  );
  expect(whole?.verified).toMatchObject({ seqno: 10, trusted: true });
  expect(inPieces?.verified).toStrictEqual(whole?.verified);
  // Of the content there is what a recovery reads.
  expect(whole?.names).toContain('public:records');
  expect(inPieces?.names).toEqual([tables.serviceInfo]);
});

/** An entry that its receipt vouches for, however wrong it is. */
async function loadVouched(bytes: Uint8Array) {
  const receipt = await makeCoseReceipt(made, sha256(bytes));
  const disk = await diskWith(concatBytes([bytes, receipt]));
  const executor = inline(disk);
  return { executor, disk, loaded: await load(executor) };
}

test.each<[string, Partial<Parameters<typeof sealEntry>[0]>]>([
  ['flags', { flags: 1 }],
  ['the IV of another seqno', { seqno: seqno(11) }],
  ['the IV of an entry', { isSnapshot: false }],
  ['a map that is cut', { publicDomain: encodeSnapshotPublicDomain(content).slice(0, -8) }],
  ['an empty public domain', { publicDomain: new Uint8Array(0) }],
])('loadSnapshot() finds what decodeSnapshot() does: %s', async (_, change) => {
  const sealed = sealEntry({
    ...{ secret, seqno: seqno(10), view: view(0), isSnapshot: true, ...change },
    publicDomain: change.publicDomain ?? encodeSnapshotPublicDomain(content),
    privatePlain: new Uint8Array(0),
  });
  const { loaded } = await loadVouched(sealed);
  const wanted = await codeOf((async () => decodeSnapshot(sealed))());
  expect(wanted).not.toBe('none');
  expect(await codeOf(verify(loaded))).toBe(wanted);
});

test('openSnapshot() refuses another secret, and bytes that have changed since', async () => {
  const disk = await diskWith(file);
  const executor = inline(disk);
  const open = async (more: Partial<OpenSnapshotJob> = {}) =>
    codeOf(executor.run('openSnapshot', openJob(await load(executor), more)));
  expect(await open({ secret: new Uint8Array(32) })).toBe('GCM_TAG_MISMATCH');
  for (const at of [5000, entry.length - 1]) {
    const loaded = await load(executor);
    await write(disk, flipped(file, at));
    const opening = executor.run('openSnapshot', openJob(loaded));
    expect(await codeOf(opening)).toBe('GCM_TAG_MISMATCH');
    await write(disk, file);
  }
  const loaded = await load(executor);
  await write(disk, flipped(file, 36));
  expect(await codeOf(executor.run('openSnapshot', openJob(loaded)))).toBe('CHANGED_WHILE_READING');
  await write(disk, file.slice(0, 9000));
  expect(await codeOf(executor.run('openSnapshot', openJob(loaded)))).toBe('CHANGED_WHILE_READING');
  expect(disk.openHandles).toBe(0);
});

test('openSnapshot() refuses private maps that are not in order, once they authenticate', async () => {
  const plain = encodeSnapshotPublicDomain({ ...content, publicMaps: [many('public:t', 5)] });
  const sealed = sealEntry({
    ...{ secret, seqno: seqno(10), view: view(0), isSnapshot: true },
    publicDomain: encodeSnapshotPublicDomain(content),
    privatePlain: plain.subarray(81),
  });
  const { executor, loaded } = await loadVouched(sealed);
  const wanted = await codeOf((async () => decodeSnapshot(sealed, secret))());
  expect(wanted).toBe('BAD_NAME');
  expect(await codeOf(executor.run('openSnapshot', openJob(loaded)))).toBe(wanted);
  const stranger = openJob(loaded, { secret: new Uint8Array(32) });
  expect(await codeOf(executor.run('openSnapshot', stranger))).toBe('GCM_TAG_MISMATCH');
});

test('loadSnapshot() fills the memories of an earlier attempt again', async () => {
  const executor = inline(await diskWith(file));
  const first = await load(executor);
  const second = await load(executor, { spare: first.memories });
  expect(second.memories).toHaveLength(first.memories.length);
  const built = await executor.run('openSnapshot', openJob(second));
  expectContent(SharedStore.adopt(built));
});

test('loadSnapshot() without memory enough says so, where the receipt holds', async () => {
  const executor = inline(await diskWith(file));
  const store = { memoryBytesMax: 2 ** 18, memoriesMax: 2 };
  const loaded = await load(executor, { store });
  expect(loaded.state).toBeUndefined();
  expect(await codeOf(verify(loaded))).toBe('OUT_OF_MEMORY');
  // Just enough for what is public.
  const whole = await load(executor, { store: { memoryBytesMax: 2 ** 18 } });
  const memoriesMax = whole.state?.built.arena.memories.length ?? 0;
  const roomier = { memoryBytesMax: 2 ** 18, memoriesMax };
  const half = await load(executor, { store: roomier });
  const opening = executor.run('openSnapshot', openJob(half, { store: roomier }));
  expect(await codeOf(opening)).toBe('OUT_OF_MEMORY');
});

test('loadSnapshot() ends when it is aborted, and where the disk fails', async () => {
  const disk = await diskWith(file);
  const executor = inline(disk);
  const controller = new AbortController();
  const job = { path, store: {}, spare: [] };
  const loading = executor.run('loadSnapshot', job, { signal: controller.signal });
  controller.abort();
  expect(await codeOf(loading)).toBe('ABORTED');
  disk.failNext('read', 'EIO', { skip: 1 });
  expect(await codeOf(load(executor))).toBe('READ_FAILED');
  expect(await codeOf(load(executor, { path: '/none' }))).toBe('NOT_FOUND');
  expect(disk.openHandles).toBe(0);
});
