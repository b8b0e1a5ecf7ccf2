import { beforeEach, describe, expect, test } from 'vitest';
import { seqno } from '../../../src/core/words.ts';
import type { MemoryFileSystem } from '../../../src/io/memory-file-system.ts';
import { emptyEnd, endOf, filesOfLog, makeLog } from '../make-log.ts';
import { append, WriterHost } from './writer-host.ts';

let host: WriterHost;

beforeEach(async () => {
  host = await WriterHost.make();
});

describe('LedgerWriter.open()', () => {
  test.each(['', 'e', 'ees', 'eeS', 'eS eS', 'eS eS ee'])(
    'goes on where %j ended',
    async (letters) => {
      const log = makeLog(`${letters} es eS e`);
      const before = letters.replaceAll(' ', '').length;
      await host.write(log.slice(0, before));
      await host.write(log.slice(before), await host.end());
      expect(await host.filesAfterCrash()).toEqual(filesOfLog(log));
    },
  );

  test('cuts what is torn, durably', async () => {
    const log = makeLog('eee');
    await host.write(log);
    const end = await host.end();
    const handle = await host.fileSystem.open('/l/ledger_1', { for: 'fill' });
    await handle.truncate((end.open?.size ?? 0) + 20);
    await handle.close();
    const writer = await host.open(end);
    expect(await host.filesAfterCrash()).toEqual(filesOfLog(log));
    await writer.close();
  });

  test.each([0, 5, 8])('goes on in a file of %d bytes that a crash left', async (size) => {
    const handle = await host.fileSystem.open('/l/ledger_1', { for: 'create' });
    await handle.truncate(size);
    await handle.close();
    const log = makeLog('es');
    await host.write(log, await host.end());
    expect(await host.files()).toEqual(filesOfLog(log));
  });

  test('begins above seqno 1 where a ledger began with a snapshot', async () => {
    const log = makeLog('eesee').slice(3);
    await host.write(log, { ...emptyEnd, last: seqno(3) });
    expect(Object.keys(await host.files())).toEqual(['ledger_4']);
  });

  test('makes no file', async () => {
    const writer = await host.open();
    await writer.close();
    expect(await host.files()).toEqual({});
  });

  test.each(['ee', 'eeS'])('makes durable what of %j was only in memory', async (letters) => {
    const log = makeLog(letters);
    const lazy = new Proxy(host.fileSystem, { get: withoutSyncs });
    const first = await host.open(emptyEnd, lazy);
    append(first, log);
    await first.close();
    expect(await host.filesAfterCrash()).toEqual({});
    const writer = await host.open(await host.end());
    expect(writer.durable).toBe(log.length);
    expect(await host.filesAfterCrash()).toEqual(filesOfLog(log));
    await writer.close();
  });

  test.each([0, 1, 2, 3, 4])('makes durable what failed sync %d lost unseen', async (skip) => {
    const log = makeLog('eSeS');
    const first = await host.open();
    host.fileSystem.failNext('sync', 'EIO', { skip });
    append(first, log);
    await expect(first.close()).rejects.toMatchObject({ code: 'SYNC_FAILED' });
    const end = await host.end();
    const writer = await host.open(end);
    expect(await endOf(host.fileSystem.crash(), '/l')).toEqual(end);
    await writer.close();
  });

  test.each([
    ['open', 0],
    ['read', 0],
    ['open', 1],
    ['size', 0],
    ['truncate', 0],
    ['read', 2],
    ['write', 0],
    ['sync', 0],
    ['close', 1],
    ['syncDirectory', 0],
  ] as const)('passes on a failure of %s (%d before), and lets go', async (operation, skip) => {
    await host.write(makeLog('eSe'));
    const end = await host.end();
    const torn = await host.fileSystem.open('/l/ledger_3', { for: 'fill' });
    await torn.truncate((await torn.size()) + 3);
    await torn.close();
    host.fileSystem.failNext(operation, 'EIO', { skip });
    const opening = host.open(end);
    await expect(opening).rejects.toMatchObject({ name: 'StorageError', actual: 'EIO' });
    expect([host.fileSystem.openHandles, host.failures]).toEqual([0, []]);
  });

  test('refuses an open chunk that has shrunk', async () => {
    await host.write(makeLog('ee'));
    const end = await host.end();
    const handle = await host.fileSystem.open('/l/ledger_1', { for: 'fill' });
    await handle.truncate(20);
    await handle.close();
    await expect(host.open(end)).rejects.toMatchObject({ code: 'CHANGED_WHILE_READING' });
    expect(host.fileSystem.openHandles).toBe(0);
  });

  test('refuses a completed chunk without its table', async () => {
    await host.write(makeLog('eS'));
    const end = await host.end();
    const handle = await host.fileSystem.open('/l/ledger_1', { for: 'fill' });
    await handle.truncate((await handle.size()) - 1);
    await handle.close();
    await expect(host.open(end)).rejects.toMatchObject({ code: 'BAD_OFFSET_TABLE' });
    expect(host.fileSystem.openHandles).toBe(0);
  });

  test('refuses an end that contradicts itself', async () => {
    const end = {
      ...emptyEnd,
      open: { file: 'ledger_2', first: seqno(2), positions: [], size: 8 },
    };
    await expect(host.open(end)).rejects.toThrow(/assertion/);
  });
});

/** Members of a memory file system whose files and directories are never synced. */
function withoutSyncs(target: MemoryFileSystem, name: string): unknown {
  if (name === 'syncDirectory') return async () => undefined;
  const member: unknown = Reflect.get(target, name);
  if (typeof member !== 'function') return member;
  return async (...args: unknown[]) => {
    const result: unknown = await Reflect.apply(member, target, args);
    if (name === 'open') Reflect.set(Object(result), 'sync', async () => undefined);
    return result;
  };
}
