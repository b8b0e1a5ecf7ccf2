import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { chunkBytesMax } from '../../../src/core/limits.ts';
import { seqno } from '../../../src/core/words.ts';
import { type AppendedEntry, LedgerWriter } from '../../../src/files/ledger/ledger-writer.ts';
import { realFileSystem } from '../../../src/io/real-file-system.ts';
import { emptyEnd, endOf, filesIn, filesOfLog, makeLog } from '../make-log.ts';
import { append, bytesOf, settle, WriterHost } from './writer-host.ts';

let host: WriterHost;

beforeEach(async () => {
  host = await WriterHost.make();
});

const opening = ['open', 'write', 'sync', 'syncDirectory'];
const batch = ['write', 'sync'];
const completing = ['write', 'sync', 'write', 'sync', 'close'];

describe('LedgerWriter.append()', () => {
  test.each(['e', 's', 'S', 'ees', 'eeS', 'eesesS', 'eS s', 'eS S eesS ese'])(
    'writes the chunks of %j as encodeChunk() does, and a power cut leaves them',
    async (letters) => {
      const log = makeLog(letters);
      await host.write(log);
      expect(await host.filesAfterCrash()).toEqual(filesOfLog(log));
    },
  );

  test('writes the entries of one turn before a signature with one write and one sync', async () => {
    const writer = await host.open();
    const begin = host.calls;
    append(writer, makeLog('eee'));
    await writer.close();
    expect(host.operations(begin)).toEqual([...opening, 'close']);
    expect(host.told).toEqual([3]);
  });

  test('syncs what is before a signature before it writes the signature and what follows', async () => {
    const writer = await host.open();
    const begin = host.calls;
    append(writer, makeLog('eeseese'));
    await writer.close();
    expect(host.operations(begin)).toEqual([...opening, ...batch, ...batch, 'close']);
    expect(host.told).toEqual([2, 5, 7]);
  });

  test('writes a signature that ends a chunk alone, then the table, then the header', async () => {
    const writer = await host.open();
    const begin = host.calls;
    append(writer, makeLog('eSe'));
    await writer.close();
    expect(host.operations(begin)).toEqual([
      ...opening,
      ...batch,
      ...completing,
      ...opening,
      'close',
    ]);
    expect(host.told).toEqual([1, 2, 3]);
  });

  test('gathers in one batch what is appended while another is synced', async () => {
    const log = makeLog('eeeeee');
    const writer = await host.open();
    const hold = host.fileSystem.holdNext('sync');
    append(writer, log.slice(0, 1));
    await hold.reached;
    append(writer, log.slice(1, 3));
    await Promise.resolve();
    append(writer, log.slice(3));
    const begin = host.calls;
    hold.release();
    await writer.close();
    expect(host.operations(begin)).toEqual(['syncDirectory', ...batch, 'close']);
    expect(host.told).toEqual([1, 6]);
  });

  test('writes at most 4 MiB at once, and an entry that is larger alone', async () => {
    const sizes = [3, 1, 2, 5, 1];
    const log = makeLog('eeeee').map((entry, i) => ({
      ...entry,
      bytes: new Uint8Array((sizes[i] ?? 0) * 1024 * 1024).fill(i),
    }));
    await host.write(log);
    expect(host.told).toEqual([2, 3, 4, 5]);
    expect(await host.files()).toEqual(filesOfLog(log));
  });

  test('does nothing within the call', async () => {
    const writer = await host.open();
    const begin = host.calls;
    append(writer, makeLog('e'));
    expect([host.operations(begin), host.told]).toEqual([[], []]);
    await writer.close();
  });

  test.each([2, 0])('refuses seqno %d as the first', async (at) => {
    const writer = await host.open();
    const [entry] = makeLog('e');
    expect(() => writer.append({ ...entry, seqno: seqno(at) } as AppendedEntry)).toThrow(
      /assertion/,
    );
    await writer.close();
  });

  test('refuses a chunk that ends with what is no signature', async () => {
    const writer = await host.open();
    const [entry] = makeLog('e');
    const odd = { ...entry, endsChunk: true } as AppendedEntry;
    expect(() => writer.append(odd)).toThrow(/assertion/);
    await writer.close();
  });

  test('refuses what would make a chunk pass 4 GiB, and queues nothing', async () => {
    const [entry, ...rest] = makeLog('es');
    const bytes = Object.defineProperty(new Uint8Array(), 'length', { value: chunkBytesMax - 8 });
    const writer = await host.open();
    expect(() => writer.append({ ...entry, bytes } as AppendedEntry)).toThrow(RangeError);
    expect([writer.pendingBytes, writer.chunkBytes]).toEqual([0, 8]);
    append(writer, [entry as AppendedEntry, ...rest]);
    await writer.close();
    expect(await host.files()).toEqual(filesOfLog(makeLog('es')));
  });

  test('is refused after close()', async () => {
    const writer = await host.open();
    await writer.close();
    expect(() => append(writer, makeLog('e'))).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });
});

describe('LedgerWriter', () => {
  test('tells in durable and pendingBytes how far the disk is behind', async () => {
    const log = makeLog('eese');
    const writer = await host.open();
    const hold = host.fileSystem.holdNext('sync', { skip: 1 });
    append(writer, log);
    expect([writer.durable, writer.pendingBytes]).toEqual([0, bytesOf(log)]);
    await hold.reached;
    expect([writer.durable, writer.pendingBytes]).toEqual([2, bytesOf(log.slice(2))]);
    hold.release();
    await writer.close();
    expect([writer.durable, writer.pendingBytes]).toEqual([4, 0]);
  });

  test('counts in chunkBytes what is queued, and 8 for a new chunk', async () => {
    const log = makeLog('eeS');
    const writer = await host.open();
    expect(writer.chunkBytes).toBe(8);
    append(writer, log.slice(0, 2));
    expect(writer.chunkBytes).toBe(8 + bytesOf(log.slice(0, 2)));
    append(writer, log.slice(2));
    expect(writer.chunkBytes).toBe(8);
    await writer.close();
  });

  test('does not tell of an entry before the name of its file is synced', async () => {
    const writer = await host.open();
    const hold = host.fileSystem.holdNext('syncDirectory');
    append(writer, makeLog('e'));
    await hold.reached;
    expect([writer.durable, host.told]).toEqual([0, []]);
    hold.release();
    await writer.close();
    expect(host.told).toEqual([1]);
  });
});

describe('LedgerWriter.commit()', () => {
  const log = makeLog('eS eeS eS e');

  test.each([
    [1, 0],
    [2, 2],
    [4, 2],
    [5, 5],
    [8, 7],
    [99, 7],
  ])('up to seqno %d names the chunks up to %d, durably', async (at, committed) => {
    const writer = await host.open();
    append(writer, log);
    writer.commit(seqno(at));
    await writer.close();
    expect(await host.filesAfterCrash()).toEqual(filesOfLog(log, committed));
  });

  test('names what an earlier writer has completed', async () => {
    await host.write(log);
    const writer = await host.open(await host.end());
    writer.commit(seqno(5));
    await writer.close();
    expect(await host.filesAfterCrash()).toEqual(filesOfLog(log, 5));
  });

  test('waits for the chunk to be complete', async () => {
    const writer = await host.open();
    append(writer, log.slice(0, 1));
    writer.commit(seqno(2));
    append(writer, log.slice(1, 2));
    writer.commit(seqno(2));
    await writer.close();
    expect(await host.files()).toEqual(filesOfLog(log.slice(0, 2), 2));
  });

  test('syncs the directory after each name', async () => {
    const writer = await host.open();
    append(writer, log);
    await settle(writer, log.length);
    const begin = host.calls;
    writer.commit(seqno(7));
    await writer.close();
    const naming = ['stat', 'rename', 'syncDirectory'];
    expect(host.operations(begin)).toEqual([...naming, ...naming, ...naming, 'close']);
  });

  test('never replaces a file', async () => {
    const taken = await host.fileSystem.open('/l/ledger_1-2.committed', { for: 'create' });
    await taken.close();
    const writer = await host.open();
    append(writer, log.slice(0, 2));
    writer.commit(seqno(2));
    const refused = { code: 'ALREADY_EXISTS', file: '/l/ledger_1-2.committed' };
    await expect(writer.close()).rejects.toMatchObject(refused);
    expect(host.failures).toMatchObject([refused]);
    const { 'ledger_1-2.committed': found } = await host.files();
    expect(found).toBe('');
  });

  test('does nothing after close()', async () => {
    const writer = await host.open();
    append(writer, log.slice(0, 2));
    await writer.close();
    writer.commit(seqno(2));
    expect(await host.files()).toEqual(filesOfLog(log.slice(0, 2)));
  });
});

describe('LedgerWriter.close()', () => {
  test('writes what is queued, releases the file, and may be called again', async () => {
    const log = makeLog('ese');
    const writer = await host.open();
    append(writer, log);
    await Promise.all([writer.close(), writer.close()]);
    await writer.close();
    expect(await host.filesAfterCrash()).toEqual(filesOfLog(log));
    expect(host.fileSystem.openHandles).toBe(0);
  });

  test('tells a failure of the file to close', async () => {
    const writer = await host.open();
    append(writer, makeLog('e'));
    host.fileSystem.failNext('close', 'EIO');
    await expect(writer.close()).rejects.toMatchObject({ code: 'WRITE_FAILED' });
    await expect(writer.close()).rejects.toBe(host.failures[0]);
    expect(host.failures).toHaveLength(1);
  });
});

test('LedgerWriter takes what onDurable throws as its failure, so that nobody waits for ever', async () => {
  const { fileSystem, failures } = host;
  const cause = new Error('of the host');
  const writer = await LedgerWriter.open({
    fileSystem,
    directory: '/l',
    end: emptyEnd,
    onDurable: () => {
      throw cause;
    },
    onFailed: (error) => failures.push(error),
  });
  append(writer, makeLog('e'));
  await expect(settle(writer, 1)).rejects.toMatchObject({ code: 'WRITE_FAILED', cause });
  await expect(writer.close()).rejects.toBe(failures[0]);
});

test('LedgerWriter writes, commits, rolls back and goes on in real files', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ledger-writer-'));
  const log = makeLog('eeS esS seeS ees');
  const other = makeLog('eeSesSsesSee', 'b');
  const options = {
    fileSystem: realFileSystem,
    directory,
    onDurable: () => undefined,
    onFailed: () => undefined,
  };
  try {
    const first = await LedgerWriter.open({ ...options, end: emptyEnd });
    append(first, log);
    first.commit(seqno(3));
    await first.close();
    expect(await filesIn(realFileSystem, directory)).toEqual(filesOfLog(log, 3));
    const end = await endOf(realFileSystem, directory);
    const second = await LedgerWriter.open({ ...options, end });
    await second.rollback(seqno(7));
    append(second, other.slice(7));
    second.commit(seqno(6));
    await second.close();
    const joined = [...log.slice(0, 7), ...other.slice(7)];
    expect(await filesIn(realFileSystem, directory)).toEqual(filesOfLog(joined, 6));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
