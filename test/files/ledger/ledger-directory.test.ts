import { beforeEach, expect, test } from 'vitest';
import { ByteWriter } from '../../../src/core/bytes.ts';
import { seqno } from '../../../src/core/words.ts';
import { type LedgerDirectory, openLedger } from '../../../src/files/ledger/ledger-directory.ts';
import { encodeChunk } from '../../../src/formats/entries/ledger-chunk.ts';
import { MemoryFileSystem } from '../../../src/io/memory-file-system.ts';

let fileSystem: MemoryFileSystem;

beforeEach(async () => {
  fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory('/l');
});

/** The smallest entry: header, an empty tag, an IV of the seqno and view 2, an empty public domain. */
function entry(at: number): Uint8Array {
  const header = new ByteWriter().u8(1).u8(0).u32(36).u8(0).u8(0);
  return header.zeros(16).u64(at).u32(2).u64(0).finish();
}

function chunkBytes(first: number, last: number, complete = true): Uint8Array {
  const entries = Array.from({ length: last - first + 1 }, (_, i) => entry(first + i));
  return encodeChunk(entries, { complete });
}

async function put(
  name: string,
  bytes: Uint8Array = new Uint8Array(),
  directory = '/l',
): Promise<void> {
  const handle = await fileSystem.open(`${directory}/${name}`, { for: 'create' });
  await handle.write(bytes, 0);
  await handle.close();
}

async function seqnos(ledger: LedgerDirectory, from?: number): Promise<number[]> {
  const found: number[] = [];
  const options = from === undefined ? {} : { from: seqno(from) };
  for await (const { seqno: at } of ledger.entries(options)) found.push(at);
  return found;
}

const open = () => openLedger(fileSystem, '/l');

test('openLedger() orders chunks by numbers', async () => {
  await put('ledger_12', chunkBytes(12, 13, false));
  await put('ledger_1-2.committed', chunkBytes(1, 2));
  await put('ledger_3-11.committed', chunkBytes(3, 11));
  const ledger = await open();
  expect(ledger.chunks).toEqual([
    { directory: '/l', file: 'ledger_1-2.committed', first: 1, last: 2, committed: true },
    { directory: '/l', file: 'ledger_3-11.committed', first: 3, last: 11, committed: true },
    { directory: '/l', file: 'ledger_12', first: 12, last: undefined, committed: false },
  ]);
  expect([ledger.directory, ledger.first, ledger.ignored]).toEqual(['/l', 1, []]);
});

test('openLedger() ignores what is no chunk, and says why', async () => {
  await put('ledger_1-2.committed', chunkBytes(1, 2));
  await put('ledger_3-4.committed.recovery');
  await put('ledger_3.recovery');
  await put('ledger_3-4.committed.ignored');
  await put('ledger_03');
  await put('notes.txt');
  await fileSystem.makeDirectory('/l/main');
  expect((await open()).ignored).toEqual([
    { directory: '/l', file: 'ledger_03', reason: 'BAD_NAME' },
    { directory: '/l', file: 'ledger_3-4.committed.ignored', reason: 'IGNORED' },
    { directory: '/l', file: 'ledger_3-4.committed.recovery', reason: 'RECOVERY' },
    { directory: '/l', file: 'ledger_3.recovery', reason: 'RECOVERY' },
    { directory: '/l', file: 'main', reason: 'BAD_NAME' },
    { directory: '/l', file: 'notes.txt', reason: 'BAD_NAME' },
  ]);
});

test('openLedger() prefers a committed chunk, then the longer, among those of one first seqno', async () => {
  await put('ledger_1');
  await put('ledger_1-2');
  await put('ledger_1-2.committed', chunkBytes(1, 2));
  await put('ledger_3');
  await put('ledger_3-4', chunkBytes(3, 4));
  await put('ledger_5-6.committed', chunkBytes(5, 6));
  await put('ledger_5-7.committed', chunkBytes(5, 7));
  const ledger = await open();
  expect(ledger.chunks.map(({ file }) => file)).toEqual([
    'ledger_1-2.committed',
    'ledger_3-4',
    'ledger_5-7.committed',
  ]);
  expect(ledger.ignored).toEqual(
    ['ledger_1-2', 'ledger_1', 'ledger_3', 'ledger_5-6.committed'].map((file) => ({
      directory: '/l',
      file,
      reason: 'SUPERSEDED',
    })),
  );
});

test('openLedger() finds committed chunks in read-only directories too', async () => {
  await fileSystem.makeDirectory('/ro');
  await fileSystem.makeDirectory('/older');
  await put('ledger_5-6.committed', chunkBytes(5, 6));
  await put('ledger_7', chunkBytes(7, 7, false));
  await put('ledger_7-8.committed', chunkBytes(7, 8), '/ro');
  await put('ledger_3-4.committed', chunkBytes(3, 4), '/ro');
  await put('ledger_9', chunkBytes(9, 9, false), '/ro');
  await put('ledger_1-2.committed', chunkBytes(1, 2), '/older');
  await put('ledger_3-4.committed', chunkBytes(3, 4), '/older');
  await put('notes.txt', undefined, '/older');
  const ledger = await openLedger(fileSystem, '/l', ['/ro', '/older']);
  expect(ledger.chunks.map(({ directory, file }) => `${directory}/${file}`)).toEqual([
    '/older/ledger_1-2.committed',
    '/ro/ledger_3-4.committed',
    '/l/ledger_5-6.committed',
    '/ro/ledger_7-8.committed',
  ]);
  expect(await seqnos(ledger)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(ledger.ignored).toEqual([
    { directory: '/ro', file: 'ledger_9', reason: 'NOT_COMMITTED' },
    { directory: '/older', file: 'notes.txt', reason: 'BAD_NAME' },
    { directory: '/older', file: 'ledger_3-4.committed', reason: 'COPY' },
    { directory: '/l', file: 'ledger_7', reason: 'SUPERSEDED' },
  ]);
});

test('openLedger() refuses a read-only directory that is missing, and a gap between directories', async () => {
  await fileSystem.makeDirectory('/ro');
  await put('ledger_4-5.committed', chunkBytes(4, 5));
  await put('ledger_1-2.committed', chunkBytes(1, 2), '/ro');
  await expect(openLedger(fileSystem, '/l', ['/no'])).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(openLedger(fileSystem, '/l', ['/ro'])).rejects.toMatchObject({ code: 'CHUNK_GAP' });
});

test('openLedger() takes a ledger whose older chunks are gone', async () => {
  await put('ledger_7-8.committed', chunkBytes(7, 8));
  const ledger = await open();
  expect(ledger.first).toBe(7);
  expect(await seqnos(ledger)).toEqual([7, 8]);
});

test('openLedger() refuses a directory that is missing or none', async () => {
  await put('a');
  await expect(openLedger(fileSystem, '/no')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(openLedger(fileSystem, '/l/a')).rejects.toMatchObject({ code: 'NOT_A_DIRECTORY' });
});

test('openLedger() refuses a directory without a chunk', async () => {
  await put('ledger_1.recovery');
  await expect(open()).rejects.toMatchObject({ name: 'FormatError', code: 'EMPTY_LEDGER' });
});

test('openLedger() refuses a gap, naming both files and the missing seqno', async () => {
  await put('ledger_1-2.committed');
  await put('ledger_4-5.committed');
  await expect(open()).rejects.toMatchObject({
    name: 'FormatError',
    code: 'CHUNK_GAP',
    seqno: 3,
    message: 'between ledger_1-2.committed and ledger_4-5.committed: seqno 3 is missing',
  });
});

test('openLedger() refuses an overlap where there must be none, naming both files and the seqno', async () => {
  await put('ledger_1-5.committed');
  await put('ledger_4');
  await expect(openLedger(fileSystem, '/l', [], 'own')).rejects.toMatchObject({
    code: 'CHUNK_OVERLAP',
    seqno: 4,
    message: 'between ledger_1-5.committed and ledger_4: seqno 4 is in both',
  });
});

test('openLedger() refuses a symbolic link and a directory with a chunk’s name', async () => {
  fileSystem.addSpecial('/l/ledger_1-2.committed', 'symlink');
  await expect(open()).rejects.toMatchObject({ code: 'SYMLINK_REFUSED' });
  await fileSystem.remove('/l/ledger_1-2.committed');
  await fileSystem.makeDirectory('/l/ledger_1-2.committed');
  await expect(open()).rejects.toMatchObject({ code: 'NOT_A_REGULAR_FILE' });
});

test('LedgerDirectory.entries() gives every entry with its place', async () => {
  await put('ledger_1-2.committed', chunkBytes(1, 2));
  await put('ledger_3', chunkBytes(3, 3, false));
  const ledger = await open();
  const found = [];
  for await (const item of ledger.entries()) found.push(item);
  expect(found).toEqual([
    { seqno: 1, bytes: entry(1), file: 'ledger_1-2.committed', offset: 8 },
    { seqno: 2, bytes: entry(2), file: 'ledger_1-2.committed', offset: 52 },
    { seqno: 3, bytes: entry(3), file: 'ledger_3', offset: 8 },
  ]);
});

test('LedgerDirectory.entries() reads an open chunk in the middle', async () => {
  await put('ledger_1', chunkBytes(1, 2));
  await put('ledger_3', chunkBytes(3, 4));
  await put('ledger_5', chunkBytes(5, 5, false));
  expect(await seqnos(await open())).toEqual([1, 2, 3, 4, 5]);
});

test.each([1, 2, 3, 4, 5, 6, 7])('LedgerDirectory.entries() begins at seqno %i', async (from) => {
  await put('ledger_1', chunkBytes(1, 2));
  await put('ledger_3-4.committed', chunkBytes(3, 4));
  await put('ledger_5', chunkBytes(5, 6, false));
  expect(await seqnos(await open(), from)).toEqual([1, 2, 3, 4, 5, 6].slice(from - 1));
});

test('LedgerDirectory.entries() does not read chunks before its begin', async () => {
  await put('ledger_1-2.committed', chunkBytes(1, 2));
  await put('ledger_3-4.committed', chunkBytes(3, 4));
  const ledger = await open();
  const before = fileSystem.journal.length;
  await seqnos(ledger, 3);
  const opened = fileSystem.journal.slice(before).filter(({ operation }) => operation === 'open');
  expect(opened.map(({ path }) => path)).toEqual(['/l/ledger_3-4.committed']);
});

test('LedgerDirectory.entries() refuses a begin before the ledger', async () => {
  await put('ledger_7-8.committed', chunkBytes(7, 8));
  await expect(seqnos(await open(), 6)).rejects.toMatchObject({ code: 'CHUNK_GAP', seqno: 6 });
});

test('LedgerDirectory.entries() refuses a gap behind an open chunk', async () => {
  await put('ledger_1', chunkBytes(1, 2));
  await put('ledger_4', chunkBytes(4, 5));
  await expect(seqnos(await open())).rejects.toMatchObject({ code: 'CHUNK_GAP', seqno: 3 });
});

test('LedgerDirectory.entries() refuses an overlap behind an open chunk', async () => {
  await put('ledger_1', chunkBytes(1, 4));
  await put('ledger_4', chunkBytes(4, 5));
  const own = await openLedger(fileSystem, '/l', [], 'single');
  await expect(seqnos(own)).rejects.toMatchObject({ code: 'CHUNK_OVERLAP', seqno: 4 });
  expect(await seqnos(await open())).toEqual([1, 2, 3, 4, 5]);
});

test('LedgerDirectory.entries() drops a torn tail of the last open chunk', async () => {
  await put('ledger_1', chunkBytes(1, 3, false).subarray(0, -1));
  expect(await seqnos(await open())).toEqual([1, 2]);
});

test('LedgerDirectory.entries() refuses a torn tail of any other chunk', async () => {
  await put('ledger_1', chunkBytes(1, 3, false).subarray(0, -1));
  await put('ledger_4', chunkBytes(4, 5, false));
  await expect(seqnos(await open())).rejects.toMatchObject({
    code: 'TRUNCATED_BODY',
    file: 'ledger_1',
  });
});

test('LedgerDirectory.entries() takes a last open chunk that is empty', async () => {
  await put('ledger_1-2.committed', chunkBytes(1, 2));
  await put('ledger_3');
  expect(await seqnos(await open())).toEqual([1, 2]);
});

test('LedgerDirectory.readChunk() tells complete from open, and torn bytes', async () => {
  await put('ledger_1-2.committed', chunkBytes(1, 2));
  await put('ledger_3', chunkBytes(3, 4, false).subarray(0, -1));
  const ledger = await open();
  const chunks = await Promise.all(ledger.chunks.map((chunk) => ledger.readChunk(chunk)));
  expect(chunks.map(({ complete, tornBytes }) => [complete, tornBytes])).toEqual([
    [true, 0],
    [false, 43],
  ]);
});

test('LedgerDirectory.readChunk() passes on a read that fails, and leaks no handle', async () => {
  await put('ledger_1', chunkBytes(1, 2));
  const ledger = await open();
  fileSystem.failNext('read', 'EIO');
  await expect(seqnos(ledger)).rejects.toMatchObject({ code: 'READ_FAILED', actual: 'EIO' });
  expect(fileSystem.openHandles).toBe(0);
});
