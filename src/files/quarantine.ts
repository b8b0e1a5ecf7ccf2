import { join } from 'node:path';
import { parseDecimal } from '../core/decimal.ts';
import { FormatError, StorageError } from '../core/errors.ts';
import type { Seqno } from '../core/words.ts';
import { parseSnapshotName } from '../formats/encoding/file-name.ts';
import type { FileStat, FileSystem } from '../io/file-system.ts';
import type { DirectoryLock } from './directory-lock.ts';
import { removeIfThere } from './remove-if-there.ts';
import { quarantineName } from './snapshot-directory.ts';

export interface QuarantineOptions {
  readonly fileSystem: FileSystem;
  /** The held lock on the snapshots directory. */
  readonly lock: DirectoryLock;
  /** Files that are kept at most. @default 16 */
  readonly filesMax?: number;
  /** Bytes on the disk that are kept at most, beside one file that alone takes more. @default 1 GiB */
  readonly bytesMax?: number;
}

/** What was set aside, and what went for it. */
export interface Quarantined {
  /** Name in `quarantine/`. */
  readonly file: string;
  /** Names in `quarantine/` that are gone, oldest first. */
  readonly evicted: readonly string[];
}

/** A snapshot that was set aside earlier. */
interface SetAside {
  readonly file: string;
  readonly seqno: Seqno;
  readonly evidenceSeqno: Seqno;
  /** 0 for the one that kept its name. */
  readonly number: number;
  /** On the disk. */
  readonly bytes: number;
}

/**
 * Sets a snapshot aside that did not verify: moves it into `quarantine/` under its own name, with `.<number>` behind
 * it when that is taken. There it is bounded, so the oldest by seqno go first, before it comes. Of those that alone are
 * larger than all that may be kept there is one: left where it was it would be read again at each start. Holes don't
 * count: they take no room. Only names of ours count and go.
 *
 * The directory it goes to is synced before the one that it comes from: a power cut leaves it in one of them.
 * @param file name of a committed snapshot in the lock's directory
 * @throws FormatError `BAD_NAME` for any other name
 * @throws StorageError `LOCKED`, `CLOSED` without the lock; `NOT_FOUND`, `SYMLINK_REFUSED`,
 * `NOT_A_REGULAR_FILE` for what is no file, `NOT_A_DIRECTORY` where `quarantine` is none; those of the file system
 */
export function quarantineSnapshot(file: string, options: QuarantineOptions): Promise<Quarantined> {
  const { fileSystem, lock, filesMax = 16, bytesMax = 1024 ** 3 } = options;
  return lock.exclusively(async () => {
    const size = await sizeOfSnapshot(fileSystem, lock.directory, file);
    const directory = await openQuarantine(fileSystem, lock.directory);
    const inside = await listQuarantine(fileSystem, directory);
    const surplus = surplusOf(inside, size, { filesMax, bytesMax });
    for (const old of surplus) await removeIfThere(fileSystem, join(directory, old.file));
    const name = await freeName(fileSystem, directory, file);
    await fileSystem.rename(join(lock.directory, file), join(directory, name));
    await fileSystem.syncDirectory(directory);
    await fileSystem.syncDirectory(lock.directory);
    return { file: name, evicted: surplus.map((old) => old.file) };
  });
}

async function sizeOfSnapshot(
  fileSystem: FileSystem,
  directory: string,
  file: string,
): Promise<number> {
  if (parseSnapshotName(file)?.committed !== true) {
    throw new FormatError('BAD_NAME', `not the name of a committed snapshot: ${file}`, { file });
  }
  const found = await fileSystem.stat(join(directory, file));
  if (found?.kind === 'file') return keptBytes(found);
  if (found === undefined) throw new StorageError('NOT_FOUND', `${file} is gone`, { file });
  const code = found.kind === 'symlink' ? 'SYMLINK_REFUSED' : 'NOT_A_REGULAR_FILE';
  throw new StorageError(code, `${file} is no regular file`, { file });
}

/** What a file takes of the disk, without its holes and without the rest of its last block. */
function keptBytes({ size, allocatedBytes = size }: FileStat): number {
  return Math.min(size, allocatedBytes);
}

/** A link is refused: what is set aside must not leave the snapshots directory. */
async function openQuarantine(fileSystem: FileSystem, snapshots: string): Promise<string> {
  const directory = join(snapshots, quarantineName);
  const found = await fileSystem.stat(directory);
  if (found === undefined) await fileSystem.makeDirectory(directory);
  else if (found.kind !== 'directory') {
    const message = `${directory} is not a directory`;
    throw new StorageError('NOT_A_DIRECTORY', message, { file: directory });
  }
  return directory;
}

/** Oldest first. */
async function listQuarantine(
  fileSystem: FileSystem,
  directory: string,
): Promise<readonly SetAside[]> {
  const inside: SetAside[] = [];
  for (const { name, kind } of await fileSystem.list(directory)) {
    const parsed = kind === 'file' ? parseSetAside(name) : undefined;
    const found = parsed && (await fileSystem.stat(join(directory, name)));
    if (parsed && found) inside.push({ file: name, bytes: keptBytes(found), ...parsed });
  }
  return inside.sort(
    (a, b) => a.seqno - b.seqno || a.evidenceSeqno - b.evidenceSeqno || a.number - b.number,
  );
}

/** Reads `snapshot_….committed` and `snapshot_….committed.<number>`; `undefined` for anything else. */
function parseSetAside(file: string): Omit<SetAside, 'file' | 'bytes'> | undefined {
  const whole = parseSnapshotName(file);
  const dot = file.lastIndexOf('.');
  const name = whole ?? parseSnapshotName(file.slice(0, dot));
  const number = whole ? 0 : parseDecimal(file.slice(dot + 1));
  if (name?.committed !== true || number === undefined) return undefined;
  return { seqno: name.seqno, evidenceSeqno: name.evidenceSeqno, number };
}

interface QuarantineBounds {
  readonly filesMax: number;
  readonly bytesMax: number;
}

/**
 * The oldest that must go for one more of `size` bytes. One that alone is larger than the bound on all bytes goes
 * for the next one of that kind only, and nothing else goes for it.
 */
function surplusOf(
  inside: readonly SetAside[],
  size: number,
  { filesMax, bytesMax }: QuarantineBounds,
): readonly SetAside[] {
  const isLarge = (bytes: number) => bytes > bytesMax;
  const [large, others] = [true, false].map((kind) =>
    inside.filter(({ bytes }) => isLarge(bytes) === kind),
  );
  const surplus = new Set(isLarge(size) ? large : []);
  let bytes = (others ?? []).reduce((sum, one) => sum + one.bytes, isLarge(size) ? 0 : size);
  for (const one of others ?? []) {
    if (bytes <= bytesMax) break;
    surplus.add(one);
    bytes -= one.bytes;
  }
  for (const one of inside) {
    if (inside.length - surplus.size < filesMax) break;
    surplus.add(one);
  }
  return inside.filter((one) => surplus.has(one));
}

/** The name, or the name with the first number that is free: nothing is replaced. */
async function freeName(fileSystem: FileSystem, directory: string, file: string): Promise<string> {
  let name = file;
  for (let number = 1; (await fileSystem.stat(join(directory, name))) !== undefined; number++) {
    name = `${file}.${number}`;
  }
  return name;
}
