import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { seqno } from '../../../src/core/words.ts';
import { type DirectoryLock, lockDirectory } from '../../../src/files/directory-lock.ts';
import { expiredChunks, pruneChunks } from '../../../src/files/ledger/chunk-retention.ts';
import { type LedgerChunk, openLedger } from '../../../src/files/ledger/ledger-directory.ts';
import { MemoryFileSystem } from '../../../src/io/memory-file-system.ts';
import { realFileSystem } from '../../../src/io/real-file-system.ts';
import { crashStates, probed } from '../crash-states.ts';
import { countingRandomness, fakeProcesses } from '../fake-processes.ts';

const c1 = 'ledger_1-4.committed';
const c2 = 'ledger_5-8.committed';
const c3 = 'ledger_9-12.committed';
const open = 'ledger_13';
const big = new Uint8Array(2.5 * 1024 * 1024).fill(7);

let fileSystem: MemoryFileSystem;
let lock: DirectoryLock;

beforeEach(async () => {
  fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory('/ledger');
  await fileSystem.makeDirectory('/copies');
  for (const name of [c1, c2, c3, open]) await put(`/ledger/${name}`);
  for (const name of [c1, c2, c3]) await put(`/copies/${name}`);
  lock = await lockDirectory('/ledger', options());
});

const options = () => ({
  fileSystem,
  processes: fakeProcesses(),
  randomness: countingRandomness(),
});

async function put(path: string, bytes: Uint8Array = Uint8Array.of(1, 2, 3)): Promise<void> {
  const handle = await fileSystem.open(path, { for: 'create' });
  await handle.write(bytes, 0);
  await handle.close();
}

async function replace(path: string, bytes?: Uint8Array): Promise<void> {
  await fileSystem.remove(path);
  if (bytes) await put(path, bytes);
}

async function names(disk = fileSystem): Promise<readonly string[]> {
  return (await disk.list('/ledger')).map(({ name }) => name).filter((name) => name !== 'lock');
}

async function expired(watermark: number, keepChunks = 1): Promise<readonly LedgerChunk[]> {
  const ledger = await openLedger(fileSystem, '/ledger', [], 'single');
  return expiredChunks(ledger, { watermark: seqno(watermark), keepChunks });
}

const filesOf = (chunks: readonly LedgerChunk[]) => chunks.map(({ file }) => file);

const prune = async (watermark: number, keepChunks = 1) =>
  pruneChunks({
    fileSystem,
    lock,
    copies: '/copies',
    expired: await expired(watermark, keepChunks),
  });

describe('expiredChunks()', () => {
  test.each([
    [4, []],
    [5, [c1]],
    [8, [c1]],
    [9, [c1, c2]],
    [12, [c1, c2]],
    [1000, [c1, c2]],
  ])('FIL-25 with a snapshot of %i: only chunks that end before it', async (watermark, files) => {
    expect(filesOf(await expired(watermark))).toEqual(files);
  });

  test.each([
    [1, [c1, c2]],
    [2, [c1]],
    [3, []],
    [9, []],
  ])('FIL-25 keeps the newest %i committed ones', async (keepChunks, files) => {
    expect(filesOf(await expired(1000, keepChunks))).toEqual(files);
  });

  test('FIL-25 never the last chunk, also when it is committed', async () => {
    await replace(`/ledger/${open}`);
    expect(filesOf(await expired(1000, 1))).toEqual([c1, c2]);
    await replace(`/ledger/${c1}`);
    await replace(`/ledger/${c2}`);
    expect(filesOf(await expired(1000, 1))).toEqual([]);
  });

  test.each(['ledger_5-8', 'ledger_5'])(
    'FIL-25 none from an uncommitted one on: %s',
    async (name) => {
      await fileSystem.rename(`/ledger/${c2}`, `/ledger/${name}`);
      expect(filesOf(await expired(1000))).toEqual([c1]);
    },
  );
});

test.each([0, -1, 0.5, Number.NaN])('FIL-21 expiredChunks() refuses to keep %d', async (keep) => {
  await expect(expired(1000, keep)).rejects.toBeInstanceOf(RangeError);
});

test('FIL-25 expiredChunks() never has an uncommitted one, also when it is the first', async () => {
  await fileSystem.rename(`/ledger/${c1}`, '/ledger/ledger_1-4');
  expect(await expired(1000)).toEqual([]);
});

describe('pruneChunks()', () => {
  test('FIL-25 removes the oldest first, each with a copy of its name and bytes', async () => {
    const { removed, stopped } = await prune(1000);
    expect([filesOf(removed), stopped]).toEqual([[c1, c2], undefined]);
    expect(await names()).toEqual([open, c3]);
    expect(fileSystem.openHandles).toBe(0);
  });

  test('FIL-25 compares to the last byte, in pieces', async () => {
    const other = big.slice();
    other[other.length - 1] = 8;
    await replace(`/ledger/${c1}`, big);
    await replace(`/copies/${c1}`, other);
    expect((await prune(1000)).stopped?.error.code).toBe('COMMITTED_CONFLICT');
    await replace(`/copies/${c1}`, big);
    expect(filesOf((await prune(1000)).removed)).toEqual([c1, c2]);
  });

  test.each<[string, string, () => Promise<unknown> | undefined]>([
    ['none', 'NOT_FOUND', () => replace(`/copies/${c1}`)],
    ['a shorter one', 'COMMITTED_CONFLICT', () => replace(`/copies/${c1}`, Uint8Array.of(1, 2))],
    [
      'a longer one',
      'COMMITTED_CONFLICT',
      () => replace(`/copies/${c1}`, Uint8Array.of(1, 2, 3, 0)),
    ],
    ['an empty one', 'COMMITTED_CONFLICT', () => replace(`/copies/${c1}`, new Uint8Array())],
    ['a link', 'SYMLINK_REFUSED', () => special('symlink')],
    ['a pipe', 'NOT_A_REGULAR_FILE', () => special('other')],
    ['a directory', 'NOT_A_REGULAR_FILE', () => directory()],
    ['one that cannot be read', 'READ_FAILED', () => fails('read')],
    ['one that cannot be made durable', 'SYNC_FAILED', () => fails('sync')],
  ])('FIL-25 with %s as the copy: the chunk stays, and all behind it', async (_, code, make) => {
    await make();
    const { removed, stopped } = await prune(1000);
    expect(removed).toEqual([]);
    expect(stopped).toMatchObject({ file: c1, error: { code } });
    expect(await names()).toEqual([c1, open, c2, c3].toSorted());
    expect(fileSystem.openHandles).toBe(0);
  });

  async function special(kind: 'symlink' | 'other'): Promise<void> {
    await replace(`/copies/${c1}`);
    fileSystem.addSpecial(`/copies/${c1}`, kind);
  }

  async function directory(): Promise<void> {
    await replace(`/copies/${c1}`);
    await fileSystem.makeDirectory(`/copies/${c1}`);
  }

  function fails(operation: 'read' | 'sync'): undefined {
    fileSystem.failNext(operation, 'EIO', { path: (path) => path === `/copies/${c1}` });
  }

  test('FIL-25 ends at one that will not go: the ledger stays without a gap', async () => {
    fileSystem.failNext('remove', 'EACCES');
    expect(await prune(1000)).toMatchObject({ removed: [], stopped: { file: c1 } });
    expect((await openLedger(fileSystem, '/ledger')).first).toBe(1);
  });

  test('FIL-25 takes one that is gone meanwhile for removed', async () => {
    const chunks = await expired(1000);
    await fileSystem.remove(`/ledger/${c1}`);
    const pruned = await pruneChunks({ fileSystem, lock, copies: '/copies', expired: chunks });
    expect(pruned.stopped).toBeUndefined();
    expect(await names()).toEqual([open, c3]);
  });

  test('I13 touches nothing in the copies', async () => {
    const from = fileSystem.journal.length;
    await prune(1000);
    const there = fileSystem.journal.slice(from).filter(({ path }) => path.startsWith('/copies'));
    const operations = new Set(there.map(({ operation }) => operation));
    const allowed = ['open', 'size', 'read', 'sync', 'close', 'syncDirectory'];
    expect([...operations].filter((operation) => !allowed.includes(operation))).toEqual([]);
    expect((await fileSystem.list('/copies')).map(({ name }) => name)).toEqual(
      [c1, c2, c3].toSorted(),
    );
  });

  test.each(['/ledger', '/ledger/', '/copies/../ledger'])(
    'FIL-25 refuses %s as its own copies',
    async (copies) => {
      const chunks = await expired(1000);
      const pruning = pruneChunks({ fileSystem, lock, copies, expired: chunks });
      await expect(pruning).rejects.toBeInstanceOf(RangeError);
      expect(await names()).toHaveLength(4);
    },
  );

  test('FIL-25 refuses copies that are the ledger through a link, on a real disk', async () => {
    const root = mkdtempSync(join(tmpdir(), 'chunks-'));
    onTestFinished(() => rmSync(root, { recursive: true }));
    const ledger = join(root, 'ledger');
    mkdirSync(ledger);
    for (const name of [c1, c2, c3]) writeFileSync(join(ledger, name), 'x');
    symlinkSync(ledger, join(root, 'copies'));
    const real = { ...options(), fileSystem: realFileSystem };
    const held = await lockDirectory(ledger, real);
    const chunks = expiredChunks(await openLedger(realFileSystem, ledger), {
      watermark: seqno(1000),
      keepChunks: 1,
    });
    expect(chunks).toHaveLength(2);
    const copies = join(root, 'copies');
    const pruning = pruneChunks({
      fileSystem: realFileSystem,
      lock: held,
      copies,
      expired: chunks,
    });
    await expect(pruning).rejects.toThrow('copies must lie elsewhere');
    expect((await openLedger(realFileSystem, ledger)).chunks).toHaveLength(3);
    await held.release();
  });

  test('a power cut at any operation leaves each chunk here or there, and here no gap', async () => {
    for (const name of [c1, c2, c3, open]) await sync('/ledger', name);
    const before = [c1, c2, c3];
    let states = 0;
    const check = async () => {
      if (!fileSystem.journal.some(({ operation }) => operation === 'remove')) return;
      for (const crashed of crashStates(fileSystem)) {
        states++;
        const here = await names(crashed);
        expect((await openLedger(crashed, '/ledger')).chunks.at(-1)?.file).toBe(open);
        for (const name of before.filter((chunk) => !here.includes(chunk))) {
          const copy = await crashed.readFile(`/copies/${name}`, { bytesMax: 10 });
          expect(copy).toEqual(Uint8Array.of(1, 2, 3));
        }
      }
    };
    const probing = probed(fileSystem, check);
    const chunks = await expired(1000);
    await pruneChunks({ fileSystem: probing, lock, copies: '/copies', expired: chunks });
    await check();
    expect(states).toBeGreaterThan(20);
    expect(await names(fileSystem.crash())).toEqual([open, c3]);
  });

  async function sync(directoryOf: string, name: string): Promise<void> {
    const handle = await fileSystem.open(`${directoryOf}/${name}`, { for: 'read' });
    await handle.sync();
    await handle.close();
    await fileSystem.syncDirectory(directoryOf);
  }
});
