import { beforeEach, describe, expect, test } from 'vitest';
import { ByteWriter } from '../../../src/core/bytes.ts';
import { type LedgerDirectory, openLedger } from '../../../src/files/ledger/ledger-directory.ts';
import { encodeChunk } from '../../../src/formats/entries/ledger-chunk.ts';
import type { FileSystem } from '../../../src/io/file-system.ts';
import { MemoryFileSystem } from '../../../src/io/memory-file-system.ts';

let disk: MemoryFileSystem;

beforeEach(async () => {
  disk = new MemoryFileSystem();
  await disk.makeDirectory('/l');
  await put('ledger_1-4.committed', chunk(1, 4));
});

/** The smallest entry: header, an empty tag, an IV of the seqno and view 2, an empty public domain. */
function entry(at: number): Uint8Array {
  const header = new ByteWriter().u8(1).u8(0).u32(36).u8(0).u8(0);
  return header.zeros(16).u64(at).u32(2).u64(0).finish();
}

function chunk(first: number, last: number, complete = true): Uint8Array {
  const entries = Array.from({ length: last - first + 1 }, (_, i) => entry(first + i));
  return encodeChunk(entries, { complete });
}

async function put(name: string, bytes: Uint8Array): Promise<void> {
  const handle = await disk.open(`/l/${name}`, { for: 'create' });
  await handle.write(bytes, 0);
  await handle.close();
}

async function replace(name: string, bytes: Uint8Array): Promise<void> {
  await disk.remove(`/l/${name}`);
  await put(name, bytes);
}

/** Writes into the file that is there, as its node does. */
async function overwrite(name: string, bytes: Uint8Array): Promise<void> {
  const handle = await disk.open(`/l/${name}`, { for: 'fill' });
  await handle.write(bytes, 0);
  await handle.close();
}

/** What a node does, once, before a call of the reader's. */
function interrupted(
  operation: 'open' | 'list',
  isMeant: (path: string) => boolean,
  act: () => Promise<void>,
): FileSystem {
  let isDone = false;
  const first = async (path: string) => {
    if (isDone || !isMeant(path)) return;
    isDone = true;
    await act();
  };
  return new Proxy(disk as FileSystem, {
    get(target, name) {
      const value = Reflect.get(target, name) as unknown;
      if (typeof value !== 'function') return value;
      if (name !== operation) return value.bind(target);
      return async (path: string, ...rest: unknown[]) => {
        await first(path);
        return (value as (...args: unknown[]) => unknown).call(target, path, ...rest);
      };
    },
  });
}

async function seqnos(ledger: LedgerDirectory): Promise<number[]> {
  const found: number[] = [];
  for await (const { seqno } of ledger.entries()) found.push(seqno);
  return found;
}

const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);
const named = (name: string) => (path: string) => path === `/l/${name}`;

describe('a ledger that its node goes on writing', () => {
  test('is read as far as it came at the first look', async () => {
    await put('ledger_5', chunk(5, 7, false));
    const ledger = await openLedger(disk, '/l');
    expect(await seqnos(ledger)).toEqual(upTo(7));
    await overwrite('ledger_5', chunk(5, 9, false));
    expect(await seqnos(ledger)).toEqual(upTo(7));
    expect(await seqnos(await openLedger(disk, '/l'))).toEqual(upTo(9));
  });

  test('is found again under the committed name that a chunk got meanwhile', async () => {
    await put('ledger_5', chunk(5, 7, false));
    const renamed = interrupted('open', named('ledger_5'), async () => {
      await overwrite('ledger_5', chunk(5, 8));
      await disk.rename('/l/ledger_5', '/l/ledger_5-8.committed');
      await put('ledger_9', chunk(9, 9, false));
    });
    const ledger = await openLedger(renamed, '/l');
    expect(await seqnos(ledger)).toEqual(upTo(8));
    expect(await seqnos(ledger)).toEqual(upTo(8));
  });

  test('is read under its new name a second time, and no further than the first', async () => {
    await put('ledger_5', chunk(5, 7, false));
    const ledger = await openLedger(disk, '/l');
    expect(await seqnos(ledger)).toEqual(upTo(7));
    await overwrite('ledger_5', chunk(5, 9));
    await disk.rename('/l/ledger_5', '/l/ledger_5-9.committed');
    // Two chunks are kept in memory: others push it out.
    const again = await openLedger(disk, '/l');
    expect(await seqnos(again)).toEqual(upTo(9));
    expect(await seqnos(ledger)).toEqual(upTo(7));
  });

  test('is listed anew when a chunk was renamed while it was listed', async () => {
    await put('ledger_5', chunk(5, 7));
    const moving = interrupted(
      'list',
      (path) => path === '/l',
      async () => {
        await disk.rename('/l/ledger_5', '/l/ledger_5-7.committed');
        await put('ledger_8', chunk(8, 8, false));
      },
    );
    expect(await seqnos(await openLedger(moving, '/l'))).toEqual(upTo(8));
  });
});

describe('a ledger that somebody changes is CHANGED_WHILE_READING', () => {
  test.each([
    ['was cut', chunk(5, 6, false)],
    ['has another entry', chunk(5, 7, false).map((byte, i) => (i === 30 ? byte ^ 1 : byte))],
  ])('when what was read before %s', async (_, bytes) => {
    await put('ledger_5', chunk(5, 7, false));
    for (let first = 8; first < 14; first += 2) {
      await put(`ledger_${first}-${first + 1}.committed`, chunk(first, first + 1));
    }
    const ledger = await openLedger(disk, '/l');
    expect(await seqnos(ledger)).toEqual(upTo(13));
    await replace('ledger_5', bytes);
    await expect(seqnos(ledger)).rejects.toMatchObject({
      code: 'CHANGED_WHILE_READING',
      file: '/l/ledger_5',
    });
  });

  test('when a chunk is removed, and no other holds its entries', async () => {
    await put('ledger_5-7.committed', chunk(5, 7));
    const ledger = await openLedger(disk, '/l');
    await disk.remove('/l/ledger_5-7.committed');
    await expect(seqnos(ledger)).rejects.toMatchObject({
      code: 'CHANGED_WHILE_READING',
      file: '/l/ledger_5-7.committed',
      seqno: 5,
    });
  });
});
