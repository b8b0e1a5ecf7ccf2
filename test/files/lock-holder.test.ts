import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fromUtf8, toUtf8 } from '../../src/core/bytes.ts';
import { lockDirectory } from '../../src/files/directory-lock.ts';
import { heldLocks } from '../../src/files/held-locks.ts';
import type { FileSystem, LivenessSockets, SocketState } from '../../src/io/file-system.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import type { Machine, Processes } from '../../src/io/process.ts';

const boot = '11111111-2222-3333-4444-555555555555';
const otherBoot = '99999999-2222-3333-4444-555555555555';
const here: Machine = { boot, host: 'here', id: 'aaaa', pidNamespace: 'pid:[1]' };

let disk: MemoryFileSystem;

beforeEach(async () => {
  disk = new MemoryFileSystem();
  await disk.makeDirectory('/s');
});

/** We are process 1; process 7 runs, too. */
function ours(machine: Partial<Machine> = {}, running: Record<number, string> = {}): Processes {
  const starts = new Map(Object.entries({ 1: `${boot}:100`, 7: `${boot}:700`, ...running }));
  return {
    pid: 1,
    incarnation: async (pid) => starts.get(String(pid)),
    machine: async () => ({ ...here, ...machine }),
  };
}

async function put(path: string, text: string): Promise<void> {
  const handle = await disk.open(path, { for: 'create' });
  await handle.write(toUtf8(text), 0);
  await handle.close();
}

/** A lock on /s as the running process 7 of this machine wrote it, but for what is given. */
async function putLock(fields: Readonly<Record<string, unknown>> = {}): Promise<void> {
  const directory = (await disk.identify('/s'))?.inode;
  const whole = { pid: 7, start: `${boot}:700`, nonce: '7777777777777777', ...here, path: '/s' };
  await put('/s/lock', `${JSON.stringify({ ...whole, directory, listens: false, ...fields })}\n`);
}

const attempt = async (
  processes = ours(),
  fileSystem: FileSystem = disk,
): Promise<'refused' | 'unclear' | 'taken'> => {
  const before = fromUtf8(await disk.readFile('/s/lock', { bytesMax: 4096 }));
  try {
    const randomness = { bytes: (length: number) => new Uint8Array(length).fill(9) };
    await (await lockDirectory('/s', { fileSystem, processes, randomness })).release();
    return 'taken';
  } catch (error) {
    expect(error).toMatchObject({ name: 'StorageError', code: 'LOCKED' });
    expect((await disk.list('/s')).map(({ name }) => name)).toEqual(['lock']);
    expect(fromUtf8(await disk.readFile('/s/lock', { bytesMax: 4096 }))).toBe(before);
    const { message } = error as Error;
    return message.includes('remove the file') ? 'unclear' : 'refused';
  }
};

describe('the lock of a process of this machine', () => {
  test.each([
    ['that runs', {}, 'refused'],
    ['that ended', { pid: 8, start: `${boot}:800` }, 'taken'],
    ['whose id another one has by now', { start: `${boot}:699` }, 'taken'],
    ['that runs, without a known start', { start: '' }, 'refused'],
    ['that ended, without a known start', { pid: 8, start: '' }, 'taken'],
    ['in another process-id namespace', { pid: 8, pidNamespace: 'pid:[2]' }, 'unclear'],
    ['in another one, under an id that runs here', { pidNamespace: 'pid:[2]' }, 'unclear'],
    ['under another host name, as a container has', { host: 'box', id: '' }, 'refused'],
  ] as const)('%s', async (_what, fields, expected) => {
    await putLock(fields);
    expect(await attempt()).toBe(expected);
  });

  test('without a boot id: by its pid', async () => {
    await putLock({ boot: '', start: '' });
    expect(await attempt(ours({ boot: '' }, { 7: '' }))).toBe('refused');
    await disk.remove('/s/lock');
    await putLock({ boot: '', start: '', pid: 8 });
    expect(await attempt(ours({ boot: '' }))).toBe('taken');
  });
});

describe('the lock of another run of the system', () => {
  test.each([
    ['this machine before a restart, the pid is used again', { boot: otherBoot }, 'taken'],
    ['another host', { boot: otherBoot, host: 'there', id: 'bbbb' }, 'unclear'],
    ['another host of the same name', { boot: otherBoot, id: 'bbbb' }, 'unclear'],
    ['a clone of this machine under another name', { boot: otherBoot, host: 'there' }, 'unclear'],
    ['another host, and nobody knows of boots', { boot: '', host: 'there' }, 'unclear'],
    [
      'another host, a pid that does not run here',
      { boot: otherBoot, host: 'x', pid: 8 },
      'unclear',
    ],
  ] as const)('%s', async (_what, fields, expected) => {
    await putLock(fields);
    expect(await attempt()).toBe(expected);
  });

  test('its host and what to do are in the message', async () => {
    await putLock({ boot: otherBoot, host: 'there' });
    const randomness = { bytes: (length: number) => new Uint8Array(length) };
    const locking = lockDirectory('/s', { fileSystem: disk, processes: ours(), randomness });
    await expect(locking).rejects.toMatchObject({
      code: 'LOCKED',
      file: '/s/lock',
      actual: 7,
      message: expect.stringMatching(
        /process 7 of host there.*no node runs on it, remove the file/,
      ),
    });
  });
});

describe('the lock in a copy of a directory', () => {
  beforeEach(() => disk.makeDirectory('/original'));

  test.each([
    ['of this machine, whose process runs', {}, 'taken'],
    ['of this machine before a restart', { boot: otherBoot }, 'taken'],
    ['of another host', { boot: otherBoot, host: 'there' }, 'unclear'],
    ['without a boot id', { boot: '' }, 'unclear'],
  ] as const)('%s', async (_what, fields, expected) => {
    const directory = (await disk.identify('/original'))?.inode;
    await putLock({ path: '/original', directory, ...fields });
    expect(await attempt()).toBe(expected);
  });

  test('is no copy when the path that was locked leads here: the device was numbered anew', async () => {
    await putLock({ path: '/s/../s', directory: 'another' });
    expect(await attempt()).toBe('refused');
    await disk.remove('/s/lock');
    await putLock({ path: '/s', directory: 'another', pid: 8 });
    expect(await attempt()).toBe('taken');
  });

  test('of a process of ours is no lock either', async () => {
    const directory = (await disk.identify('/original'))?.inode;
    heldLocks.add('cccccccccccccccc');
    await putLock({
      pid: 1,
      start: `${boot}:100`,
      nonce: 'cccccccccccccccc',
      path: '/original',
      directory,
    });
    expect(await attempt()).toBe('taken');
    heldLocks.remove('cccccccccccccccc');
  });
});

describe('the lock of our own process', () => {
  const own = { pid: 1, start: `${boot}:100`, nonce: 'bbbbbbbbbbbbbbbb' };
  afterEach(() => heldLocks.remove(own.nonce));

  test('which it holds, is refused', async () => {
    heldLocks.add(own.nonce);
    await putLock(own);
    expect(await attempt()).toBe('refused');
  });

  test.each([
    ['with a start', own.start],
    ['without a known start', ''],
    ['with the start of an earlier process', `${boot}:99`],
  ])('which it does not hold, %s, was left by a start that failed', async (_what, start) => {
    await putLock({ ...own, start });
    expect(await attempt()).toBe('taken');
  });

  test('is known to every copy of the package that is loaded', () => {
    const list: unknown = Reflect.get(globalThis, Symbol.for('ledger-snapshotter.locks'));
    heldLocks.add(own.nonce);
    expect(list).toBeInstanceOf(Map);
    expect((list as Map<string, number>).has(own.nonce)).toBe(true);
  });

  test('of the same pid and start in another process-id namespace is not ours', async () => {
    await putLock({ ...own, pidNamespace: 'pid:[2]' });
    expect(await attempt()).toBe('unclear');
  });
});

describe('a lock of release 0.1.0', () => {
  test.each([
    ['of a running process', { pid: 7, start: `${boot}:700` }, 'refused'],
    ['of a running process without a known start', { pid: 7, start: '' }, 'refused'],
    ['of one that ended', { pid: 8, start: `${boot}:800` }, 'taken'],
    ['of one whose id is used again', { pid: 7, start: `${boot}:701` }, 'taken'],
    ['of one that ended, without a known start', { pid: 8, start: '' }, 'taken'],
    ['of our own process, which does not hold it', { pid: 1, start: `${boot}:100` }, 'taken'],
    [
      'of another boot: a restart or another host',
      { pid: 7, start: `${otherBoot}:700` },
      'unclear',
    ],
  ] as const)('%s', async (_what, holder, expected) => {
    await put('/s/lock', `${JSON.stringify({ ...holder, nonce: '0123456789abcdef' })}\n`);
    expect(await attempt()).toBe(expected);
  });
});

describe('the socket of a lock decides before its pid does', () => {
  const withSocket = (state: SocketState): FileSystem => {
    const liveness: LivenessSockets = { listen: async () => undefined, state: async () => state };
    return new Proxy(disk, {
      get: (target, name) => {
        if (name === 'liveness') return liveness;
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  };

  test.each([
    ['listening', { pid: 8 }, 'refused'],
    ['listening', { pidNamespace: 'pid:[2]' }, 'refused'],
    ['listening', { pid: 1, start: `${boot}:100` }, 'refused'],
    ['silent', {}, 'taken'],
    ['silent', { pidNamespace: 'pid:[2]' }, 'taken'],
    ['silent', { boot: '', start: '' }, 'taken'],
    ['missing', {}, 'refused'],
    ['missing', { pid: 8 }, 'taken'],
    ['missing', { pidNamespace: 'pid:[2]' }, 'unclear'],
    ['unknown', {}, 'refused'],
    ['unknown', { pid: 8 }, 'taken'],
    ['silent', { boot: otherBoot, host: 'there' }, 'unclear'],
    ['silent', { directory: 'another', path: '/s' }, 'refused'],
  ] as const)('%s, with %o', async (state, fields, expected) => {
    await putLock({ listens: true, ...fields });
    expect(await attempt(ours(), withSocket(state))).toBe(expected);
  });

  test('of a lock that names none it is not asked', async () => {
    await putLock({ listens: false });
    expect(await attempt(ours(), withSocket('silent'))).toBe('refused');
  });
});
