import { join } from 'node:path';
import { toUtf8 } from '../../../core/bytes.ts';
import type { FileHandle, FileSystem } from '../../../io/file-system.ts';
import { checkSame } from '../expectations.ts';
import type { Closable, ContractCase } from '../framework.ts';

/** A disk under test. */
export interface DiskDriver extends Closable {
  readonly fileSystem: FileSystem;
  /** A directory that is there, durably, and empty; the tests stay within. */
  readonly directory: string;
  /** Puts a symbolic link to something that exists under a name. */
  addSymlink?(path: string): Promise<void> | void;
  /** Puts a pipe, a socket or a device under a name. */
  addSpecial?(path: string): Promise<void> | void;
  /** The permission bits of a name, as of `stat`. */
  modeOf?(path: string): Promise<number> | number;
  /** Handles that are taken and not given back. */
  openHandles?(): number;
  /**
   * The files as a power cut now would leave them at the worst: what is not durable is lost. The disk itself
   * goes on as if nothing had happened.
   */
  crash?(): Promise<FileSystem> | FileSystem;
}

/** What a disk's driver may be able to do; the methods of {@link DiskDriver} have the same names. */
export type DiskCapability = 'addSymlink' | 'addSpecial' | 'modeOf' | 'openHandles' | 'crash';

/** The rules of a file system; those of durability need `crash`. */
export const diskRules = {
  D1: 'open for create makes a new, empty file for writing and refuses a name that is taken',
  D2: 'open for read and for fill take an existing regular file, as it is',
  D3: 'open follows no link and never waits on a pipe',
  D4: 'write puts all of the bytes at the position, and nothing else',
  D5: 'read gives the bytes of the range, fewer only at the end of the file',
  D6: 'truncate cuts, or extends with zeros; what was cut does not come back',
  D7: 'size is the size now',
  D8: 'a handle does only what it was opened for, and nothing after its close',
  D9: 'readFile gives the whole file as it is at one moment of the call, in memory of its own, within its bound',
  D10: 'list gives every name, in the order of its UTF-8 bytes, with its kind',
  D11: 'stat tells size and kind, follows no link, and knows no name that is not there',
  D12: 'makeDirectory makes those above, and leaves what exists, whoever makes it',
  D13: 'rename gives a file another name, and replaces a file of that name in one step',
  D14: 'remove removes the name of a file or link, and of nothing else',
  D15: 'syncDirectory takes a directory only',
  D16: 'every failure is a StorageError with the path, the name of the errno and the cause',
  D17: 'files are for their owner alone: mode 0600, directories 0700',
  D18: 'handles of one file see one content, and stay with it whatever becomes of its name; files do not touch each other',
  D19: 'content that was synced survives a power cut',
  D20: 'a create, a link, a rename and a remove survive a power cut once their directory was synced',
  D21: 'a directory that makeDirectory made survives a power cut',
  D22: 'every way through the writer leaves the files that it promises',
  D23: 'a power cut at any step of the writer leaves no part of a file under its final name',
  D24: 'link, where there is one, gives a file a second name, and never replaces one',
  D25: 'identify, where there is one, tells one file under all its names from every other, and each change of its content',
} as const;

export type DiskRule = keyof typeof diskRules;

export type DiskCase = ContractCase<DiskDriver, DiskCapability, DiskRule>;

/** Ample for every file that the tests write. */
const fileBytesMax = 16 * 1024 * 1024;

export const hello: Uint8Array = toUtf8('hello');

/** A driver with what every test does. */
export class DiskUser {
  readonly fileSystem: FileSystem;
  readonly directory: string;

  constructor({ fileSystem, directory }: Pick<DiskDriver, 'fileSystem' | 'directory'>) {
    this.fileSystem = fileSystem;
    this.directory = directory;
  }

  at(name: string): string {
    return join(this.directory, name);
  }

  /** Opens, uses and closes. */
  async using<T>(
    name: string,
    purpose: 'read' | 'create' | 'fill',
    use: (handle: FileHandle) => Promise<T>,
  ): Promise<T> {
    const handle = await this.fileSystem.open(this.at(name), { for: purpose });
    try {
      return await use(handle);
    } finally {
      await handle.close();
    }
  }

  /** A new file, not synced. */
  async write(name: string, bytes: Uint8Array): Promise<void> {
    await this.using(name, 'create', (handle) => handle.write(bytes, 0));
  }

  /** A new file with synced content; its name is not. */
  async writeSynced(name: string, bytes: Uint8Array): Promise<void> {
    await this.using(name, 'create', async (handle) => {
      await handle.write(bytes, 0);
      await handle.sync();
    });
  }

  async names(): Promise<readonly string[]> {
    return (await this.fileSystem.list(this.directory)).map(({ name }) => name);
  }

  read(name: string): Promise<Uint8Array> {
    return this.fileSystem.readFile(this.at(name), { bytesMax: fileBytesMax });
  }

  /** The content of a file, or `undefined` when there is none of that name. */
  async readIfThere(name: string): Promise<Uint8Array | undefined> {
    const found = await this.fileSystem.stat(this.at(name));
    return found === undefined ? undefined : this.read(name);
  }

  async checkFile(name: string, expected: Uint8Array | string, what = name): Promise<void> {
    const bytes = typeof expected === 'string' ? toUtf8(expected) : expected;
    checkSame(await this.read(name), bytes, `the content of ${what}`);
  }
}
