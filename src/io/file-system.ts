/** What a name in a directory stands for; a symbolic link is never followed. */
export type FileKind = 'file' | 'directory' | 'symlink' | 'other';

/**
 * Why a file is opened. `read`: an existing regular file, no link followed, no wait on a pipe. `create`: a new
 * file for writing, mode 0600, refused when the name is taken. `fill`: an existing regular file for writing,
 * kept as it is; so a worker fills the path that the writer created.
 */
export type OpenPurpose = 'read' | 'create' | 'fill';

export interface OpenOptions {
  readonly for: OpenPurpose;
  /**
   * Past the page cache where that can be: of a file to `fill`, writes whose position, length and memory lie at
   * multiples of 4096. All others are as without it. @default false
   */
  readonly direct?: boolean;
}

export interface ReadFileOptions {
  /** Largest file that is read, in bytes; a larger one is refused before memory is taken. */
  readonly bytesMax: number;
}

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: FileKind;
}

export interface FileStat {
  /** In bytes. */
  readonly size: number;
  readonly kind: FileKind;
  /** What the disk keeps of it, in bytes: less than `size` for a sparse or a compressed file. @default not known */
  readonly allocatedBytes?: number;
  /** Names that lead to it: above 1 where there are hard links. @default not known */
  readonly links?: number;
  /** Permission bits, such as 0o600. @default not known */
  readonly mode?: number;
  /**
   * As long as it is the same the file was neither replaced nor changed: device, inode, size, and the times of the
   * last change of content and of inode. Nobody can set the last one back. @default not known
   */
  readonly identity?: string;
}

/** Which file a name stands for, and in which state it is. */
export interface FileIdentity {
  /** Tells it from every other file that is there now, under each of its names: `<device>:<inode>`. */
  readonly inode: string;
  /** Another text after each change of the content: the time of that, in nanoseconds. */
  readonly modified: string;
}

/** Whether a process listens at a socket; `missing`: no such name, `unknown`: it cannot be asked. */
export type SocketState = 'listening' | 'silent' | 'missing' | 'unknown';

/**
 * Unix sockets by which a process shows that it lives. The system closes a socket together with its process, and
 * answers for it across containers and process-id namespaces, as long as all of them run on one kernel.
 */
export interface LivenessSockets {
  /**
   * Listens at a new name until the answer is called, which never fails, and leaves the name; `undefined` where that
   * cannot be. Until then, and when it is killed at once, there may be `<path>.tmp`.
   */
  listen(path: string): Promise<(() => Promise<void>) | undefined>;
  state(path: string): Promise<SocketState>;
}

/** Names of the operations, for journals and faults. */
export type FileOperation =
  | 'open'
  | 'read'
  | 'write'
  | 'truncate'
  | 'sync'
  | 'size'
  | 'close'
  | 'list'
  | 'stat'
  | 'makeDirectory'
  | 'rename'
  | 'link'
  | 'remove'
  | 'syncDirectory';

/**
 * An open file. Whoever opened it closes it, once; every use after that is StorageError `CLOSED`. It stays with its
 * file when that is renamed, replaced or removed, and sees what other handles write.
 */
export interface FileHandle {
  /** Size in bytes, now. @throws StorageError `READ_FAILED` */
  size(): Promise<number>;
  /** `length` bytes from `position` on; fewer only at the end of the file. @throws StorageError `READ_FAILED` */
  read(position: number, length: number): Promise<Uint8Array>;
  /**
   * As {@link read}, into memory of the caller's, and tells how many bytes. It saves a large reading the memory of each
   * piece; whoever has none need not have it. @throws StorageError `READ_FAILED`
   */
  readInto?(target: Uint8Array, position: number): Promise<number>;
  /**
   * Writes all of `bytes` at `position`; they must not change until it is done. A gap before them reads as
   * zeros. @throws StorageError `WRITE_FAILED`, when a part may be written
   */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /**
   * Cuts the file to `size` bytes, or extends it with zeros; part of the content, so durable after `sync`.
   * @throws StorageError `WRITE_FAILED`
   */
  truncate(size: number): Promise<void>;
  /**
   * Makes the content durable. After a failure the content is lost even if a second try succeeds (the kernel
   * marks the pages clean), so never call it again: throw the file away. @throws StorageError `SYNC_FAILED`
   */
  sync(): Promise<void>;
  /** Releases the handle, also when it throws. @throws StorageError `WRITE_FAILED`, `READ_FAILED` */
  close(): Promise<void>;
}

/**
 * The port to files. Every failure is a StorageError that carries the path, the errno's name as `actual` and
 * the cause. Content is durable after {@link FileHandle.sync}; a create, rename or remove is durable after
 * {@link FileSystem.syncDirectory} of the directory.
 */
export interface FileSystem {
  /** @throws StorageError `NOT_FOUND`, `ALREADY_EXISTS`, `SYMLINK_REFUSED`, `NOT_A_REGULAR_FILE`, `NOT_A_DIRECTORY`, `READ_FAILED`, `WRITE_FAILED` */
  open(path: string, options: OpenOptions): Promise<FileHandle>;
  /**
   * The whole of a regular file as it is now, in memory of its own.
   * @throws StorageError as `open` for reading, `TOO_LARGE`, and `CHANGED_WHILE_READING` when the file grew,
   * shrank, was written, replaced or removed meanwhile
   */
  readFile(path: string, options: ReadFileOptions): Promise<Uint8Array>;
  /** Names in a directory in the order of their UTF-8 bytes. @throws StorageError `NOT_FOUND`, `NOT_A_DIRECTORY`, `READ_FAILED` */
  list(directory: string): Promise<readonly DirectoryEntry[]>;
  /** Size and kind, or `undefined` when there is no such name. @throws StorageError `NOT_A_DIRECTORY`, `READ_FAILED` */
  stat(path: string): Promise<FileStat | undefined>;
  /**
   * The path that a link leads to, with every link on the way followed: for names that a person gives. Nothing else
   * follows one. Absent where there are no links. @throws StorageError `SYMLINK_REFUSED`, `NOT_FOUND`, `READ_FAILED`
   */
  resolveLink?(path: string): Promise<string>;
  /**
   * What a name stands for, or `undefined` when there is no such name. Absent where files have no such numbers.
   * @throws StorageError `NOT_A_DIRECTORY`, `READ_FAILED`
   */
  identify?(path: string): Promise<FileIdentity | undefined>;
  /**
   * Creates a directory of mode 0700 and those above it; one that exists is left alone. What it created is
   * durable on return. @throws StorageError `NOT_A_DIRECTORY`, `WRITE_FAILED`, `SYNC_FAILED`
   */
  makeDirectory(path: string): Promise<void>;
  /**
   * Gives a file another name, silently replacing a file of that name: at each moment there is the old one or the
   * new. @throws StorageError `NOT_FOUND`, `NOT_A_REGULAR_FILE` for a directory's name, `WRITE_FAILED`
   */
  rename(from: string, to: string): Promise<void>;
  /**
   * Gives a file a second name, and never replaces one. Absent where there are no hard links; a file system that finds
   * that out by itself answers `WRITE_FAILED` with `EPERM`, `ENOTSUP`, `EOPNOTSUPP` or `ENOSYS` as `actual`.
   * @throws StorageError `NOT_FOUND`, `ALREADY_EXISTS`, `WRITE_FAILED`
   */
  link?(from: string, to: string): Promise<void>;
  /** Removes a name that is not a directory. @throws StorageError `NOT_FOUND`, `NOT_A_REGULAR_FILE`, `WRITE_FAILED` */
  remove(path: string): Promise<void>;
  /**
   * Makes the names in a directory durable. Where the file system cannot do that, `actual` is `EINVAL`, `ENOTSUP`,
   * `EOPNOTSUPP`, `ENOSYS` or `EBADF`. @throws StorageError `NOT_FOUND`, `NOT_A_DIRECTORY`, `SYNC_FAILED`
   */
  syncDirectory(directory: string): Promise<void>;
  /** Absent where there are no sockets, or where no other process can see the files. */
  readonly liveness?: LivenessSockets;
}
