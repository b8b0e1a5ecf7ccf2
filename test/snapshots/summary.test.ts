import { expect, test } from 'vitest';
import { concatBytes, toUtf8 } from '../../src/core/bytes.ts';
import { FormatError, LedgerSnapshotterError } from '../../src/core/errors.ts';
import { heldBytesMax, snapshotBytesMax } from '../../src/core/limits.ts';
import { seqno } from '../../src/core/words.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import type { SnapshotRecord } from '../../src/formats/entries/snapshot-map.ts';
import { encodeServiceInfo, tables } from '../../src/formats/entries/tables.ts';
import { singletonKey } from '../../src/formats/entries/write-set.ts';
import { sortByKeyOrder } from '../../src/formats/snapshot/key-order.ts';
import { encodeSnapshot } from '../../src/formats/snapshot/snapshot-body.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { KeptMaps } from '../../src/snapshots/kept-maps.ts';
import { readSnapshot } from '../../src/snapshots/read.ts';
import { type SnapshotSummary, summariseSnapshot } from '../../src/snapshots/summary.ts';
import { TableSizes } from '../../src/snapshots/table-sizes.ts';
import { makeCoseReceipt, makeService } from '../formats/make-snapshot-file.ts';
import { damagedFiles, flipped } from '../helpers/hostile-snapshots.ts';

const made = makeService('summary', 'P-256');
const secret = new Uint8Array(32).fill(7);
const path = '/snapshot_10_12.committed';

/** More than one piece of a file, and a value that is. */
const records = sortByKeyOrder([
  ...Array.from({ length: 3000 }, (_, i) => ({
    key: toUtf8(`key ${i}`),
    value: new Uint8Array(i % 700).fill(i),
    version: i % 10 === 0 ? -2 : 9,
  })),
  { key: toUtf8('large'), value: new Uint8Array(2 ** 21).fill(1), version: 3 },
]);
const value = encodeServiceInfo({ certificate: made.serviceCertificate.pem, status: 'Open' });
const entry = encodeSnapshot(
  {
    seqno: seqno(10),
    maxConflictVersion: 0,
    leaf: new Uint8Array(32).fill(3),
    viewHistory: [1, 1],
    publicMaps: [
      { name: tables.serviceInfo, version: 1, records: [{ key: singletonKey, version: 1, value }] },
      { name: 'public:empty', version: 4, records: [] },
      { name: 'public:records', version: 9, records },
    ],
    privateMaps: [{ name: 'secret', version: 9, records: records.slice(0, 40) }],
  },
  secret,
);
const file = concatBytes([entry, await makeCoseReceipt(made, sha256(entry))]);

async function write(fileSystem: MemoryFileSystem, bytes: Uint8Array): Promise<void> {
  if ((await fileSystem.stat(path)) !== undefined) await fileSystem.remove(path);
  const handle = await fileSystem.open(path, { for: 'create' });
  await handle.write(bytes, 0);
  await handle.close();
}

async function diskWith(bytes: Uint8Array): Promise<MemoryFileSystem> {
  const fileSystem = new MemoryFileSystem();
  await write(fileSystem, bytes);
  return fileSystem;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    if (error instanceof LedgerSnapshotterError) return error.code;
    throw error;
  }
}

async function recordsOf(
  summary: SnapshotSummary,
  table = 'public:records',
): Promise<SnapshotRecord[]> {
  const found: SnapshotRecord[] = [];
  for await (const record of summary.records(table)) found.push(record);
  return found;
}

test('summariseSnapshot() tells what readSnapshot() does, and never reads a file whole', async () => {
  const fileSystem = await diskWith(file);
  const { content, ...whole } = await readSnapshot(path, { fileSystem });
  fileSystem.readFile = () => Promise.reject(new Error('a file may be larger than memory'));
  const { records: _, ...found } = await summariseSnapshot(path, { environment: { fileSystem } });
  const { publicMaps, seqno: at, maxConflictVersion, leaf, viewHistory } = content;
  const { content: __, ...verified } = whole.verified ?? { content };
  const removed = records.filter(({ version }) => version < 0).length;
  const bytes = records.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  expect(found).toEqual({
    ...whole,
    ...{ seqno: at, maxConflictVersion, leaf, viewHistory },
    verified,
    tables: [
      { name: tables.serviceInfo, version: 1, keys: 1, removed: 0, bytes: 8 + value.length },
      { name: 'public:empty', version: 4, keys: 0, removed: 0, bytes: 0 },
      { name: 'public:records', version: 9, keys: records.length - removed, removed, bytes },
    ],
  });
  expect(publicMaps.map(({ name }) => name)).toEqual(found.tables.map(({ name }) => name));
  expect(found.verified).toMatchObject({ evidenceSeqno: 12, receiptForm: 'cose' });
  expect(fileSystem.openHandles).toBe(0);
});

test('SnapshotSummary.records() gives those of one table, to be kept', async () => {
  const fileSystem = await diskWith(file);
  const summary = await summariseSnapshot(path, { environment: { fileSystem } });
  const found = await recordsOf(summary);
  expect(found.length).toBe(records.length);
  const isSame = ({ key, version, value }: SnapshotRecord, i: number) =>
    version === records[i]?.version &&
    Buffer.compare(key, records[i].key) === 0 &&
    Buffer.compare(value, records[i].value) === 0;
  expect(found.every(isSame)).toBe(true);
  for (const other of ['public:empty', 'public:none', 'secret']) {
    expect(await recordsOf(summary, other)).toEqual([]);
  }
  expect(fileSystem.openHandles).toBe(0);
});

test('SnapshotSummary.records() can be left at any record', async () => {
  const fileSystem = await diskWith(file);
  const summary = await summariseSnapshot(path, { environment: { fileSystem } });
  for await (const { key } of summary.records('public:records')) {
    expect(key).toEqual(records[0]?.key);
    break;
  }
  expect(fileSystem.openHandles).toBe(0);
});

test('summariseSnapshot() has the verdict of readSnapshot() on every damaged file', async () => {
  const fileSystem = new MemoryFileSystem();
  const environment = { fileSystem };
  const verdicts = new Set<string>();
  const verdictOf = async (read: Promise<Pick<SnapshotSummary, 'problem' | 'digest'>>) =>
    codeOf(
      read.then(({ problem }) => {
        if (problem !== undefined) throw problem;
      }),
    );
  for (const damaged of damagedFiles(file, entry.length)) {
    await write(fileSystem, damaged);
    const wanted = await verdictOf(readSnapshot(path, environment));
    expect(await verdictOf(summariseSnapshot(path, { environment }))).toBe(wanted);
    expect(fileSystem.openHandles).toBe(0);
    verdicts.add(wanted);
  }
  expect(verdicts.size).toBeGreaterThan(8);
});

test('a snapshot without receipt is summarised', async () => {
  const fileSystem = await diskWith(entry);
  const summary = await summariseSnapshot(path, { environment: { fileSystem } });
  expect(summary).toMatchObject({ evidenceSeqno: 12, verified: undefined, problem: undefined });
});

test('SnapshotSummary.records() notices that the file is another by now', async () => {
  const fileSystem = await diskWith(file);
  const summary = await summariseSnapshot(path, { environment: { fileSystem } });
  const inRecords = file.length - 2 ** 20;
  const changes = [
    file.slice(0, 20),
    file.slice(0, 9000),
    flipped(file, 10),
    flipped(file, 37),
    flipped(file, 7),
  ];
  for (const changed of changes) {
    await write(fileSystem, changed);
    expect(await codeOf(recordsOf(summary))).toBe('CHANGED_WHILE_READING');
  }
  // The length of a key.
  const at = Buffer.from(file).indexOf(Buffer.from(records[5]?.key ?? [])) - 8;
  expect(at).toBeLessThan(inRecords);
  const torn = file.slice();
  torn.fill(0xff, at, at + 8);
  await write(fileSystem, torn);
  expect(await codeOf(recordsOf(summary))).toBe('CHANGED_WHILE_READING');
  await fileSystem.remove(path);
  expect(await codeOf(recordsOf(summary))).toBe('NOT_FOUND');
  expect(fileSystem.openHandles).toBe(0);
});

test('summariseSnapshot() and its records end when they are aborted', async () => {
  const fileSystem = await diskWith(file);
  const controller = new AbortController();
  const options = { signal: controller.signal, environment: { fileSystem } };
  const summary = await summariseSnapshot(path, options);
  controller.abort();
  expect(await codeOf(summariseSnapshot(path, options))).toBe('ABORTED');
  expect(await codeOf(recordsOf(summary))).toBe('ABORTED');
  expect(fileSystem.openHandles).toBe(0);
});

test('readSnapshot() says how large a file is, may be, and what reads a larger one', async () => {
  const fileSystem = await diskWith(file);
  fileSystem.stat = async () => ({ kind: 'file', size: snapshotBytesMax + 1 });
  await expect(readSnapshot(path, { fileSystem })).rejects.toMatchObject({
    code: 'TOO_LARGE',
    actual: snapshotBytesMax + 1,
    expected: snapshotBytesMax,
    message: expect.stringMatching(/2147483649 bytes.*2147483648.*summariseSnapshot/),
  });
});

test('what is held of a file is bounded: names of tables, records that are kept', () => {
  const map = { version: 1, bodyBytes: 0, offset: 0 };
  const sizes = new TableSizes();
  const longName = 'x'.repeat(heldBytesMax / 4);
  for (let i = 0; i < 3; i++) sizes.begin({ ...map, name: longName });
  expect(() => sizes.begin({ ...map, name: longName })).toThrow(FormatError);
  const kept = new KeptMaps(['public:t']);
  expect(kept.begin({ ...map, name: 'public:u' })).toBe('sizes');
  expect(kept.begin({ ...map, name: 'public:t' })).toBe('records');
  const record = { key: new Uint8Array(8), version: 1, value: new Uint8Array(heldBytesMax / 2) };
  kept.record(record);
  expect(() => kept.record(record)).toThrow(FormatError);
});
