import { beforeEach, describe, expect, test } from 'vitest';
import { seqno } from '../../../src/core/words.ts';
import { emptyEnd, filesOfLog, makeLog } from '../make-log.ts';
import { append, bytesOf, settle, WriterHost } from './writer-host.ts';

let host: WriterHost;

beforeEach(async () => {
  host = await WriterHost.make();
});

describe('LedgerWriter.rollback()', () => {
  const letters = 'eeS esS seeS ees';
  const log = makeLog(letters);
  const other = makeLog('eseSeseSeseSesese', 'b');
  const seqnos = Array.from({ length: log.length + 1 }, (_, at) => at);

  /** The log up to `at`, then the other one. */
  const joined = (at: number) => [...log.slice(0, at), ...other.slice(at)];

  test.each(seqnos)('to %d leaves what it leaves without the entries above', async (at) => {
    const writer = await host.open();
    append(writer, log);
    await settle(writer, log.length);
    await writer.rollback(seqno(at));
    expect(await host.filesAfterCrash()).toEqual(filesOfLog(log.slice(0, at)));
    expect([writer.durable, host.fileSystem.pendingOperations]).toEqual([at, []]);
    await writer.close();
  });

  test.each(seqnos)('to %d is followed by other entries', async (at) => {
    const writer = await host.open();
    append(writer, log);
    await settle(writer, log.length);
    await writer.rollback(seqno(at));
    append(writer, other.slice(at));
    await writer.close();
    expect(await host.filesAfterCrash()).toEqual(filesOfLog(joined(at)));
    expect(writer.durable).toBe(other.length);
  });

  test.each(seqnos)('to %d drops from the queue, and entries may follow at once', async (at) => {
    const writer = await host.open();
    append(writer, log);
    const rolledBack = writer.rollback(seqno(at));
    expect(writer.pendingBytes).toBe(bytesOf(log.slice(0, at)));
    append(writer, other.slice(at));
    await rolledBack;
    await writer.close();
    expect(await host.filesAfterCrash()).toEqual(filesOfLog(joined(at)));
  });

  test.each(seqnos)('to %d drops what an earlier writer wrote', async (at) => {
    await host.write(log);
    const writer = await host.open(await host.end());
    await writer.rollback(seqno(at));
    append(writer, other.slice(at));
    await writer.close();
    expect(await host.filesAfterCrash()).toEqual(filesOfLog(joined(at)));
  });

  test.each([0, 1, 2, 3, 4, 5, 6])(
    'at sync %d drops what is being written, and tells of nothing above',
    async (skip) => {
      const writer = await host.open();
      const hold = host.fileSystem.holdNext('sync', { skip });
      append(writer, log);
      await hold.reached;
      const before = writer.durable;
      const rolledBack = writer.rollback(seqno(1));
      append(writer, other.slice(1));
      expect(writer.durable).toBe(Math.min(before, 1));
      const toldBefore = host.told.length;
      hold.release();
      await rolledBack;
      await writer.close();
      expect(host.told.slice(toldBefore)[0]).toBe(before === 0 ? 1 : 3);
      expect(await host.filesAfterCrash()).toEqual(filesOfLog(joined(1)));
    },
  );

  test('removes files newest first, each durably, and zeroes a header before it cuts', async () => {
    const writer = await host.open();
    append(writer, log);
    await settle(writer, log.length);
    const begin = host.calls;
    await writer.rollback(seqno(5));
    expect(host.fileSystem.journal.slice(begin)).toEqual([
      { operation: 'close', path: '/l/ledger_11' },
      { operation: 'remove', path: '/l/ledger_11' },
      { operation: 'syncDirectory', path: '/l' },
      { operation: 'remove', path: '/l/ledger_7' },
      { operation: 'syncDirectory', path: '/l' },
      { operation: 'open', path: '/l/ledger_4' },
      { operation: 'write', path: '/l/ledger_4' },
      { operation: 'sync', path: '/l/ledger_4' },
      { operation: 'truncate', path: '/l/ledger_4' },
      { operation: 'sync', path: '/l/ledger_4' },
    ]);
    await writer.close();
  });

  test('changes chunkBytes at once', async () => {
    const writer = await host.open();
    append(writer, log);
    const rolledBack = writer.rollback(seqno(5));
    expect(writer.chunkBytes).toBe(8 + bytesOf(log.slice(3, 5)));
    await rolledBack;
    await writer.close();
  });

  test('removes an open chunk that a crash left without entries', async () => {
    await host.write(log.slice(0, 3));
    const handle = await host.fileSystem.open('/l/ledger_4', { for: 'create' });
    await handle.close();
    const writer = await host.open(await host.end());
    await writer.rollback(seqno(3));
    expect(await host.filesAfterCrash()).toEqual(filesOfLog(log.slice(0, 3)));
    append(writer, log.slice(3));
    await writer.close();
    expect(await host.files()).toEqual(filesOfLog(log));
  });

  test('goes to the end of a committed chunk, and not below it', async () => {
    const writer = await host.open();
    append(writer, log);
    writer.commit(seqno(5));
    await expect(writer.rollback(seqno(2))).rejects.toThrow(/assertion/);
    await writer.rollback(seqno(3));
    await writer.close();
    expect(await host.files()).toEqual(filesOfLog(log.slice(0, 3), 3));
  });

  test('does not go below what was committed before the writer was opened', async () => {
    const writer = await host.open({ ...emptyEnd, last: seqno(3) });
    await expect(writer.rollback(seqno(2))).rejects.toThrow(/assertion/);
    await writer.close();
  });

  test('is refused after close()', async () => {
    const writer = await host.open();
    await writer.close();
    await expect(writer.rollback(seqno(0))).rejects.toMatchObject({ code: 'CLOSED' });
  });
});
