import { beforeEach, describe, expect, test } from 'vitest';
import { FormatError } from '../../../src/core/errors.ts';
import { seqno } from '../../../src/core/words.ts';
import { openLedger } from '../../../src/files/ledger/ledger-directory.ts';
import type { AppendedEntry, LedgerWriter } from '../../../src/files/ledger/ledger-writer.ts';
import type { MemoryFileSystem } from '../../../src/io/memory-file-system.ts';
import { crashStates, probed } from '../crash-states.ts';
import { emptyEnd, endOf, filesIn, filesOfLog, makeLog } from '../make-log.ts';
import { append, settle, WriterHost } from './writer-host.ts';

const log = makeLog('eesS eS seS ese');
const other = makeLog('eseSeeseSe', 'b');

/** The entries that a restart finds, in hex; zeros in the place of what was being written are cut. */
async function survivors(crashed: MemoryFileSystem): Promise<string[]> {
  if ((await crashed.list('/l')).length === 0) return [];
  try {
    return await readAll(crashed);
  } catch (error) {
    // Where the size survived and the bytes did not, an entry begins with a version of 0.
    if (!(error instanceof FormatError && error.code === 'BAD_VERSION')) throw error;
    await cutBroken(crashed, error);
    return readAll(crashed);
  }
}

async function readAll(files: MemoryFileSystem): Promise<string[]> {
  const found: string[] = [];
  for await (const { bytes } of (await openLedger(files, '/l')).entries()) found.push(hexOf(bytes));
  return found;
}

/** Cuts what is broken, after a look that no signature follows it: the writer's order contract. */
async function cutBroken(files: MemoryFileSystem, { file, offset }: FormatError): Promise<void> {
  const { chunks } = await openLedger(files, '/l');
  expect(chunks.at(-1)?.file).toBe(file);
  const path = `/l/${file}`;
  const behind = hexOf((await files.readFile(path, { bytesMax: 1e6 })).subarray(offset));
  const signatures = [...log, ...other].filter(({ isSignature }) => isSignature);
  expect(signatures.filter(({ bytes }) => behind.includes(hexOf(bytes)))).toEqual([]);
  const handle = await files.open(path, { for: 'fill' });
  await handle.truncate(offset ?? 0);
  await handle.close();
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** What a power cut may find. */
interface Expected {
  /** Logs of which what is left must be a beginning. */
  histories: readonly (readonly AppendedEntry[])[];
  writer: LedgerWriter | undefined;
}

/** Checks every state in which a power cut now can leave the files; gives their number. */
async function checkCrashes(fileSystem: MemoryFileSystem, expected: Expected): Promise<number> {
  const { histories, writer } = expected;
  const texts = histories.map((history) => history.map(({ bytes }) => hexOf(bytes)).join());
  const durable = writer?.durable ?? 0;
  let count = 0;
  for (const crashed of crashStates(fileSystem)) {
    const found = await survivors(crashed);
    const isPrefix = texts.some((text) => text.startsWith(found.join()));
    if (!isPrefix || found.length < durable) {
      const state = JSON.stringify([fileSystem.pendingOperations, await filesIn(crashed, '/l')]);
      expect.fail(`${found.length} entries are left, ${durable} were durable: ${state}`);
    }
    count++;
  }
  return count;
}

/** Appends a few entries in each turn, commits what is durable, and waits for the end. */
async function writeInTurns(writer: LedgerWriter, entries: readonly AppendedEntry[]) {
  for (let i = 0; i < entries.length; i += 3) {
    append(writer, entries.slice(i, i + 3));
    await Promise.resolve();
    writer.commit(seqno(Math.max(0, writer.durable - 2)));
  }
  await settle(writer, entries.at(-1)?.seqno ?? 0);
}

describe('LedgerWriter', () => {
  let host: WriterHost;
  let expected: Expected;
  let states: number;

  beforeEach(async () => {
    host = await WriterHost.make();
    expected = { histories: [log], writer: undefined };
    states = 0;
  });

  /** Opens a writer whose files are crashed before each of its operations. */
  async function openProbed(end = emptyEnd): Promise<LedgerWriter> {
    const probe = async () => {
      states += await checkCrashes(host.fileSystem, expected);
    };
    expected.writer = await host.open(end, probed(host.fileSystem, probe));
    return expected.writer;
  }

  test('keeps all that it told to be durable, wherever the power goes', async () => {
    const writer = await openProbed();
    await writeInTurns(writer, log);
    writer.commit(seqno(6));
    await writer.close();
    await checkCrashes(host.fileSystem, expected);
    expect(await host.files()).toEqual(filesOfLog(log, 6));
    expect(states).toBeGreaterThan(1000);
  });

  test('keeps all that it told when every batch is as large as can be', async () => {
    const writer = await openProbed();
    append(writer, log);
    await writer.close();
    await checkCrashes(host.fileSystem, expected);
    expect(await host.files()).toEqual(filesOfLog(log));
  });

  test.each(Array.from({ length: log.length + 1 }, (_, at) => at))(
    'keeps the old log or its begin through a rollback to %d, and then only the new one',
    async (at) => {
      await host.write(log);
      const writer = await openProbed(await host.end());
      await writer.rollback(seqno(at));
      const joined = [...log.slice(0, at), ...other.slice(at)];
      expected.histories = [joined];
      append(writer, other.slice(at));
      await writer.close();
      await checkCrashes(host.fileSystem, expected);
    },
  );

  test('goes on after a crash at any operation, with whatever was left', async () => {
    const crashed: MemoryFileSystem[] = [];
    const probe = async () => {
      crashed.push(
        host.fileSystem.crash(),
        host.fileSystem.crash(() => 'kept'),
      );
    };
    const writer = await host.open(emptyEnd, probed(host.fileSystem, probe));
    await writeInTurns(writer, log);
    await writer.close();
    for (const left of crashed) {
      const restarted = new WriterHost(left);
      const end = await restarted.end();
      await restarted.write(log.slice(end.last), end);
      const { last } = await endOf(left.crash(), '/l');
      expect([last, await survivors(left)]).toEqual([log.length, log.map((e) => hexOf(e.bytes))]);
    }
  });

  describe.each([
    ['open', 'EMFILE'],
    ['write', 'ENOSPC'],
    ['write', 'EIO'],
    ['truncate', 'EIO'],
    ['sync', 'EIO'],
    ['sync', 'ENOSPC'],
    ['close', 'EIO'],
    ['stat', 'EIO'],
    ['rename', 'EIO'],
    ['remove', 'EIO'],
    ['syncDirectory', 'EIO'],
  ] as const)('after a failure of %s with %s', (operation, errno) => {
    /** Writes, commits, rolls back and writes on; the answer is what became of it. */
    async function run(writer: LedgerWriter): Promise<unknown> {
      try {
        append(writer, log);
        writer.commit(seqno(4));
        await settle(writer, log.length);
        expected.histories = [log, [...log.slice(0, 5), ...other.slice(5)]];
        await writer.rollback(seqno(5));
        append(writer, other.slice(5));
        await writer.close();
        return undefined;
      } catch (error) {
        return error;
      }
    }

    /** Whether the call number `skip` of this operation was there to fail. */
    async function failsAt(skip: number, bytesWritten: number): Promise<boolean> {
      host = await WriterHost.make();
      expected = { histories: [log], writer: undefined };
      const writer = await host.open();
      expected.writer = writer;
      host.fileSystem.failNext(operation, errno, { skip, bytesWritten });
      const error = await run(writer);
      if (host.fileSystem.faultsPending > 0) return false;
      expect(error).toMatchObject({ name: 'StorageError', actual: errno });
      await expect(writer.close()).rejects.toBe(error);
      expect(host.failures).toEqual([error]);
      expect(() => append(writer, log)).toThrow(error as Error);
      await expect(writer.rollback(seqno(99))).rejects.toBe(error);
      writer.commit(seqno(99));
      expect([writer.pendingBytes, host.fileSystem.openHandles]).toEqual([0, 0]);
      await checkCrashes(host.fileSystem, expected);
      return true;
    }

    // Fewer than 8 would tear a chunk's header, which lies in one sector.
    test.each([0, 8, 50])('keeps all that it told, and does no more (%d bytes)', async (part) => {
      let calls = 0;
      while (await failsAt(calls, part)) calls++;
      expect(calls).toBeGreaterThan(0);
    });

    test('touches no file any more', async () => {
      const writer = await host.open();
      const begin = host.calls;
      host.fileSystem.failNext(operation, errno);
      await run(writer);
      const operations = host.operations(begin);
      const later = operations.slice(operations.indexOf(operation) + 1);
      expect(later.filter((name) => name !== 'close')).toEqual([]);
    });
  });
});
