import { posix } from 'node:path';
import type {
  DirectoryEntry,
  FileHandle,
  FileIdentity,
  FileOperation,
  FileStat,
  FileSystem,
  OpenOptions,
  OpenPurpose,
  ReadFileOptions,
} from './file-system.ts';
import {
  MemoryDirectory,
  MemoryDisk,
  MemoryFile,
  type MemoryNode,
  MemorySpecial,
  type NameChange,
  type PendingOperation,
  type SurvivalChooser,
} from './memory-disk.ts';
import { errnoError, fail } from './memory-errors.ts';
import { followLinks } from './memory-links.ts';
import { absolute, namesOf } from './memory-path.ts';
import {
  changedError,
  closedError,
  notRegularError,
  sortEntries,
  storageError,
  tooLargeError,
} from './storage-error.ts';

/** One call that the file system received, in order of its start; `path` is absolute. */
export interface JournalEntry {
  readonly operation: FileOperation;
  readonly path: string;
  /** The new path of a rename or a link. */
  readonly to?: string;
}

/** Which call a fault or a hold is for. */
export interface CallFilter {
  /** Which paths; absolute, normalised. @default every path */
  readonly path?: (path: string) => boolean;
  /** How many matching calls pass before. @default 0 */
  readonly skip?: number;
}

export interface FaultOptions extends CallFilter {
  /** How many bytes a failing write writes all the same. @default 0 */
  readonly bytesWritten?: number;
}

/** A call that waits. */
export interface Hold {
  /** Resolves when the call has arrived and waits. */
  readonly reached: Promise<void>;
  /** Lets the call go on. */
  release(): void;
}

interface Armed {
  readonly operation: FileOperation;
  readonly path: (path: string) => boolean;
  skip: number;
}

interface Fault extends Armed {
  readonly errno: string;
  readonly bytesWritten: number;
}

interface ArmedHold extends Armed {
  readonly arrive: () => void;
  readonly released: Promise<void>;
}

/** Calls that {@link MemoryFileSystem.journal} remembers at most; then the older half is forgotten. */
const journalEntriesMax = 200_000;

/**
 * Files in memory that know what a power cut would leave of them, for tests and simulation. It gives the same
 * errors as the real one; relative paths begin at `/`.
 */
export class MemoryFileSystem implements FileSystem {
  readonly #disk: MemoryDisk;
  readonly #journal: JournalEntry[] = [];
  readonly #faults: Fault[] = [];
  readonly #holds: ArmedHold[] = [];
  #openHandles = 0;

  constructor(disk = new MemoryDisk()) {
    this.#disk = disk;
  }

  /** Every call so far. */
  get journal(): readonly JournalEntry[] {
    return this.#journal;
  }

  /** Handles taken and not released: 0 when nothing leaks. */
  get openHandles(): number {
    return this.#openHandles;
  }

  /** Faults that did not fire yet; a test that injects one asserts 0 at its end. */
  get faultsPending(): number {
    return this.#faults.length;
  }

  /** What a power cut now could undo, oldest first. */
  get pendingOperations(): readonly PendingOperation[] {
    return this.#disk.pendingOperations;
  }

  /**
   * The files as they are found after a power cut now; without `choose` only what is durable. This file system
   * is left as it is, so that one run can be cut at many points.
   */
  crash(choose: SurvivalChooser = () => 'lost'): MemoryFileSystem {
    return new MemoryFileSystem(this.#disk.afterCrash(choose));
  }

  /** Makes the next matching call fail with an errno such as `EIO`, once. */
  failNext(operation: FileOperation, errno: string, options: FaultOptions = {}): void {
    const { bytesWritten = 0 } = options;
    this.#faults.push({ ...arm(operation, options), errno, bytesWritten });
  }

  /** Makes the next matching call wait, once, so that a test can act while it is under way. */
  holdNext(operation: FileOperation, options: CallFilter = {}): Hold {
    let arrive = () => {};
    let release = () => {};
    const reached = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#holds.push({ ...arm(operation, options), arrive, released });
    return { reached, release };
  }

  /** Puts a symbolic link, or something else that must not be opened, under a name. */
  addSpecial(path: string, kind: 'symlink' | 'other', target?: string): void {
    this.#disk.addDurably({ ...this.#place('open', path), node: new MemorySpecial(kind, target) });
  }

  async resolveLink(path: string): Promise<string> {
    await this.#start('stat', path);
    return followLinks(path, (at) => {
      const node = this.#find('stat', at);
      return node?.kind === 'symlink' ? node.target : node && null;
    });
  }

  async open(path: string, options: OpenOptions): Promise<FileHandle> {
    const purpose = options.for;
    const fault = await this.#begin({ operation: 'open', path: absolute(path) });
    if (fault !== undefined) throw storageError('open', path, errnoError(fault.errno), purpose);
    const file = purpose === 'create' ? this.#create(path) : this.#openFile(path);
    this.#openHandles += 1;
    const close = () => {
      this.#openHandles -= 1;
    };
    const begin = (operation: FileOperation) => this.#begin({ operation, path: absolute(path) });
    return new MemoryFileHandle({ path, purpose, file, disk: this.#disk, begin, close });
  }

  async readFile(path: string, { bytesMax }: ReadFileOptions): Promise<Uint8Array> {
    const handle = await this.open(path, { for: 'read' });
    try {
      const file = this.#openFile(path);
      const { changes } = file;
      const size = await handle.size();
      if (size > bytesMax) throw tooLargeError(path, size, bytesMax);
      const bytes = await handle.read(0, size);
      if (file.changes !== changes || this.#find('stat', path) !== file) throw changedError(path);
      return bytes;
    } finally {
      await handle.close();
    }
  }

  async list(directory: string): Promise<readonly DirectoryEntry[]> {
    await this.#start('list', directory);
    const names = this.#findDirectory('list', directory).current;
    return sortEntries([...names].map(([name, { kind }]) => ({ name, kind })));
  }

  async stat(path: string): Promise<FileStat | undefined> {
    await this.#start('stat', path);
    const node = this.#find('stat', path);
    return node && this.#disk.statOf(node);
  }

  async identify(path: string): Promise<FileIdentity | undefined> {
    await this.#start('stat', path);
    const node = this.#find('stat', path);
    if (node === undefined) return undefined;
    const changes = node.kind === 'file' ? node.changes : 0;
    return { inode: this.#disk.inodeOf(node), modified: `${changes}` };
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#start('makeDirectory', path);
    let directory = this.#disk.root;
    for (const name of namesOf(path)) {
      const found = directory.current.get(name) ?? new MemoryDirectory();
      if (found.kind !== 'directory') fail('makeDirectory', path, 'ENOTDIR');
      if (!directory.current.has(name)) this.#disk.addDurably({ directory, name, node: found });
      directory = found;
    }
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#start('rename', from, to);
    const node = this.#find('rename', from) ?? fail('rename', from, 'ENOENT');
    if (this.#find('rename', to)?.kind === 'directory') fail('rename', to, 'EISDIR');
    const described = { operation: 'rename', path: absolute(from), to: absolute(to) } as const;
    this.#disk.changeNames(described, [
      { ...this.#place('rename', from), node: undefined },
      { ...this.#place('rename', to), node },
    ]);
  }

  async link(from: string, to: string): Promise<void> {
    await this.#start('link', from, to);
    const node = this.#find('link', from) ?? fail('link', from, 'ENOENT');
    if (node.kind === 'directory') fail('link', from, 'EPERM');
    if (this.#find('link', to) !== undefined) fail('link', to, 'EEXIST');
    const described = { operation: 'link', path: absolute(from), to: absolute(to) } as const;
    this.#disk.changeNames(described, [{ ...this.#place('link', to), node }]);
  }

  async remove(path: string): Promise<void> {
    await this.#start('remove', path);
    const node = this.#find('remove', path) ?? fail('remove', path, 'ENOENT');
    if (node.kind === 'directory') fail('remove', path, 'EISDIR');
    const described = { operation: 'remove', path: absolute(path) } as const;
    this.#disk.changeNames(described, [{ ...this.#place('remove', path), node: undefined }]);
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#start('syncDirectory', directory);
    this.#disk.syncDirectory(this.#findDirectory('syncDirectory', directory));
  }

  async #start(operation: FileOperation, path: string, to?: string): Promise<void> {
    const entry = { operation, path: absolute(path) };
    const fault = await this.#begin(to === undefined ? entry : { ...entry, to: absolute(to) });
    if (fault !== undefined) fail(operation, path, fault.errno);
  }

  /** Notes a call, lets it wait if a hold is set, and gives the fault that it must fail with. */
  async #begin(entry: JournalEntry): Promise<Fault | undefined> {
    if (this.#journal.length === journalEntriesMax) this.#journal.splice(0, journalEntriesMax / 2);
    this.#journal.push(entry);
    const fault = takeArmed(this.#faults, entry);
    const hold = takeArmed(this.#holds, entry);
    hold?.arrive();
    await hold?.released;
    return fault;
  }

  #create(path: string): MemoryFile {
    if (this.#find('open', path) !== undefined) fail('open', path, 'EEXIST');
    const node = new MemoryFile();
    const described = { operation: 'create', path: absolute(path) } as const;
    this.#disk.changeNames(described, [{ ...this.#place('open', path), node }]);
    return node;
  }

  #openFile(path: string): MemoryFile {
    const node = this.#find('open', path) ?? fail('open', path, 'ENOENT');
    if (node.kind === 'symlink') fail('open', path, 'ELOOP');
    if (node.kind !== 'file') throw notRegularError(path);
    return node;
  }

  #find(operation: FileOperation, path: string): MemoryNode | undefined {
    const names = namesOf(path);
    if (names.length === 0) return this.#disk.root;
    let directory = this.#disk.root;
    for (const name of names.slice(0, -1)) {
      const next = directory.current.get(name);
      if (next === undefined) return undefined;
      if (next.kind !== 'directory') fail(operation, path, 'ENOTDIR');
      directory = next;
    }
    return directory.current.get(names[names.length - 1] ?? '');
  }

  /** @param reported the path that an error names */
  #findDirectory(operation: FileOperation, path: string, reported = path): MemoryDirectory {
    const node = this.#find(operation, path) ?? fail(operation, reported, 'ENOENT');
    return node.kind === 'directory' ? node : fail(operation, reported, 'ENOTDIR');
  }

  /** The directory that holds a path's last name, and that name. */
  #place(operation: FileOperation, path: string): Pick<NameChange, 'directory' | 'name'> {
    const whole = absolute(path);
    const directory = this.#findDirectory(operation, posix.dirname(whole), path);
    return { directory, name: posix.basename(whole) };
  }
}

interface MemoryHandleOptions {
  readonly path: string;
  readonly purpose: OpenPurpose;
  readonly file: MemoryFile;
  readonly disk: MemoryDisk;
  readonly begin: (operation: FileOperation) => Promise<Fault | undefined>;
  readonly close: () => void;
}

class MemoryFileHandle implements FileHandle {
  readonly #options: MemoryHandleOptions;
  #isClosed = false;

  constructor(options: MemoryHandleOptions) {
    this.#options = options;
  }

  async size(): Promise<number> {
    await this.#start('size');
    return this.#options.file.current.length;
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    await this.#start('read');
    if (this.#options.purpose !== 'read') this.#fail('read', 'EBADF');
    return this.#options.file.current.read(position, length);
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    const { path, file, disk, purpose } = this.#options;
    const fault = await this.#begin('write');
    if (purpose === 'read') this.#fail('write', 'EBADF');
    const written = fault === undefined ? bytes : bytes.subarray(0, fault.bytesWritten);
    if (written.length > 0) disk.write(file, absolute(path), written, position);
    if (fault !== undefined) this.#fail('write', fault.errno);
  }

  async truncate(size: number): Promise<void> {
    const { path, file, disk, purpose } = this.#options;
    await this.#start('truncate');
    // Linux's answer, where a write would be told EBADF.
    if (purpose === 'read') this.#fail('truncate', 'EINVAL');
    disk.truncate(file, absolute(path), size);
  }

  async sync(): Promise<void> {
    const { file, disk } = this.#options;
    const fault = await this.#begin('sync');
    if (fault === undefined) return disk.syncFile(file);
    disk.failToSyncFile(file);
    this.#fail('sync', fault.errno);
  }

  async close(): Promise<void> {
    const beginning = this.#begin('close');
    this.#isClosed = true;
    const fault = await beginning;
    this.#options.close();
    if (fault !== undefined) this.#fail('close', fault.errno);
  }

  async #begin(operation: FileOperation): Promise<Fault | undefined> {
    if (this.#isClosed) throw closedError(operation, this.#options.path);
    return this.#options.begin(operation);
  }

  async #start(operation: FileOperation): Promise<void> {
    const fault = await this.#begin(operation);
    if (fault !== undefined) this.#fail(operation, fault.errno);
  }

  #fail(operation: FileOperation, errno: string): never {
    const { path, purpose } = this.#options;
    throw storageError(operation, path, errnoError(errno), purpose);
  }
}

function arm(operation: FileOperation, { path = () => true, skip = 0 }: CallFilter): Armed {
  return { operation, path, skip };
}

/** Takes the first armed item that is for this call, after it has let the calls pass that it skips. */
function takeArmed<T extends Armed>(armed: T[], call: JournalEntry): T | undefined {
  const index = armed.findIndex(
    ({ operation, path }) => operation === call.operation && path(call.path),
  );
  const found = armed[index];
  if (found === undefined) return undefined;
  if (found.skip > 0) {
    found.skip -= 1;
    return undefined;
  }
  armed.splice(index, 1);
  return found;
}
