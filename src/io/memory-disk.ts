import type { FileStat } from './file-system.ts';

/**
 * What a disk holds and what of it would survive a power cut: each file and each directory has a current and
 * a durable state, and every change that is not durable yet stands in one list, in order.
 */

/** A change that a power cut may undo. */
export type PendingOperation =
  | {
      readonly operation: 'write';
      readonly path: string;
      readonly position: number;
      readonly length: number;
    }
  | { readonly operation: 'truncate'; readonly path: string; readonly size: number }
  | { readonly operation: 'create' | 'remove'; readonly path: string }
  | { readonly operation: 'rename' | 'link'; readonly path: string; readonly to: string };

/**
 * What a power cut leaves of one pending operation: all or nothing of it; for a write also only its first
 * bytes, or the size that it gave the file with zeros instead of its bytes (what journaling file systems
 * leave when data was not written back).
 */
export type Survival = 'kept' | 'lost' | 'zeros' | { readonly bytesKept: number };

/** Chooses what survives; called once for each pending operation, oldest first. */
export type SurvivalChooser = (operation: PendingOperation, index: number) => Survival;

export type MemoryNode = MemoryFile | MemoryDirectory | MemorySpecial;

/** A regular file's inode. */
export class MemoryFile {
  readonly kind = 'file';
  current: GrowingBytes;
  durable: GrowingBytes;
  /** Counts changes of the content, as a modification time would tell them. */
  changes = 0;

  constructor(bytes: Uint8Array = new Uint8Array()) {
    this.current = new GrowingBytes(bytes);
    this.durable = new GrowingBytes(bytes);
  }
}

/** A directory's inode. */
export class MemoryDirectory {
  readonly kind = 'directory';
  readonly current = new Map<string, MemoryNode>();
  readonly durable = new Map<string, MemoryNode>();
}

/** A symbolic link, or a pipe, socket or device: nothing that may be opened. */
export class MemorySpecial {
  readonly kind: 'symlink' | 'other';
  /** Of a symbolic link. */
  readonly target: string;

  constructor(kind: 'symlink' | 'other', target = '') {
    this.kind = kind;
    this.target = target;
  }
}

/** One name of one directory: what it stands for from now on, `undefined` for nothing. */
export interface NameChange {
  readonly directory: MemoryDirectory;
  readonly name: string;
  readonly node: MemoryNode | undefined;
}

interface PendingWrite {
  readonly described: PendingOperation;
  readonly file: MemoryFile;
  readonly position: number;
  readonly bytes: Uint8Array;
}

interface PendingTruncate {
  readonly described: PendingOperation;
  readonly file: MemoryFile;
  readonly size: number;
}

type PendingContent = PendingWrite | PendingTruncate;

interface PendingNames {
  readonly described: PendingOperation;
  readonly changes: readonly NameChange[];
}

type Pending = PendingContent | PendingNames;

/** The inodes and the pending changes. A rename is one change: it survives whole or not at all. */
export class MemoryDisk {
  readonly root: MemoryDirectory;
  #pending: Pending[] = [];
  readonly #inodes: InodeNumbers;

  constructor(root = new MemoryDirectory(), inodes = new InodeNumbers()) {
    this.root = root;
    this.#inodes = inodes;
  }

  /** Device and inode, as a file system tells them; a power cut does not change them. */
  inodeOf(node: MemoryNode): string {
    return `memory:${this.#inodes.of(node)}`;
  }

  get pendingOperations(): readonly PendingOperation[] {
    return this.#pending.map(({ described }) => described);
  }

  statOf(node: MemoryNode): FileStat {
    if (node.kind !== 'file') return { size: 0, kind: node.kind };
    // The second number stands for the times: it can't be set back.
    const identity = `${this.inodeOf(node)} ${node.changes}`;
    return { size: node.current.length, kind: 'file', identity };
  }

  write(file: MemoryFile, path: string, bytes: Uint8Array, position: number): void {
    const copy = bytes.slice();
    file.current.write(copy, position);
    file.changes += 1;
    const described = { operation: 'write', path, position, length: copy.length } as const;
    this.#pending.push({ described, file, position, bytes: copy });
  }

  truncate(file: MemoryFile, path: string, size: number): void {
    file.current.truncate(size);
    file.changes += 1;
    this.#pending.push({ described: { operation: 'truncate', path, size }, file, size });
  }

  changeNames(described: PendingOperation, changes: readonly NameChange[]): void {
    for (const change of changes) applyName(change.directory.current, change);
    this.#pending.push({ described, changes });
  }

  /** Adds a name that is durable at once. */
  addDurably({ directory, name, node }: NameChange): void {
    applyName(directory.current, { name, node });
    applyName(directory.durable, { name, node });
  }

  syncFile(file: MemoryFile): void {
    for (const change of this.#takeContent(file)) survive(change, 'kept', file.durable);
  }

  /**
   * A sync that fails as Linux's do: the pending writes will never reach the disk, though readers still see
   * them and a second sync succeeds; after a power cut their place holds zeros. Sizes are the file system's own
   * records, not the file's bytes, and do reach it.
   */
  failToSyncFile(file: MemoryFile): void {
    for (const change of this.#takeContent(file)) survive(change, 'zeros', file.durable);
  }

  syncDirectory(directory: MemoryDirectory): void {
    const isHere = (pending: Pending): pending is PendingNames =>
      'changes' in pending && pending.changes.some((change) => change.directory === directory);
    for (const { changes } of this.#pending.filter(isHere)) {
      for (const change of changes) applyName(change.directory.durable, change);
    }
    this.#pending = this.#pending.filter((pending) => !isHere(pending));
  }

  /** The disk as it is found after a power cut now; this one stays as it is. */
  afterCrash(choose: SurvivalChooser): MemoryDisk {
    const files = new Map<MemoryFile, GrowingBytes>();
    const names = new Map<MemoryDirectory, Map<string, MemoryNode>>();
    this.#pending.forEach((pending, index) => {
      const survival = choose(pending.described, index);
      if ('file' in pending) {
        survive(pending, survival, copyOnce(files, pending.file, copyBytes));
      } else if (survival !== 'lost') {
        for (const change of pending.changes) {
          applyName(copyOnce(names, change.directory, copyNames), change);
        }
      }
    });
    const survivors = new Survivors(files, names, this.#inodes);
    return new MemoryDisk(survivors.directory(this.root), this.#inodes);
  }

  #takeContent(file: MemoryFile): PendingContent[] {
    const isOfFile = (pending: Pending): pending is PendingContent =>
      'file' in pending && pending.file === file;
    const changes = this.#pending.filter(isOfFile);
    this.#pending = this.#pending.filter((pending) => !isOfFile(pending));
    return changes;
  }
}

/** A number for each node, also for what a power cut left of it. */
class InodeNumbers {
  readonly #numbers = new WeakMap<MemoryNode, number>();
  #last = 0;

  of(node: MemoryNode): number {
    const known = this.#numbers.get(node);
    if (known !== undefined) return known;
    this.#last += 1;
    this.#numbers.set(node, this.#last);
    return this.#last;
  }

  /** `copy` is what `original` is on another disk. */
  copied(original: MemoryNode, copy: MemoryNode): void {
    this.#numbers.set(copy, this.of(original));
  }
}

/** Copies what survived into inodes of a new disk, each inode once however many names it has. */
class Survivors {
  readonly #files: ReadonlyMap<MemoryFile, GrowingBytes>;
  readonly #names: ReadonlyMap<MemoryDirectory, ReadonlyMap<string, MemoryNode>>;
  readonly #inodes: InodeNumbers;
  readonly #copies = new Map<MemoryNode, MemoryNode>();

  constructor(
    files: ReadonlyMap<MemoryFile, GrowingBytes>,
    names: ReadonlyMap<MemoryDirectory, ReadonlyMap<string, MemoryNode>>,
    inodes: InodeNumbers,
  ) {
    this.#files = files;
    this.#names = names;
    this.#inodes = inodes;
  }

  directory(original: MemoryDirectory): MemoryDirectory {
    const copy = new MemoryDirectory();
    this.#inodes.copied(original, copy);
    for (const [name, node] of this.#names.get(original) ?? original.durable) {
      const survivor = copyOnce(this.#copies, node, () => this.#node(node));
      copy.current.set(name, survivor);
      copy.durable.set(name, survivor);
    }
    return copy;
  }

  #node(original: MemoryNode): MemoryNode {
    if (original.kind === 'directory') return this.directory(original);
    if (original.kind !== 'file') return original;
    const copy = new MemoryFile((this.#files.get(original) ?? original.durable).toBytes());
    this.#inodes.copied(original, copy);
    return copy;
  }
}

/** A byte array that grows; bytes never written are zeros. */
export class GrowingBytes {
  #bytes: Uint8Array;
  #length: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes.slice();
    this.#length = bytes.length;
  }

  get length(): number {
    return this.#length;
  }

  write(bytes: Uint8Array, position: number): void {
    this.extend(position + bytes.length);
    this.#bytes.set(bytes, position);
  }

  /** Makes it at least `length` long. */
  extend(length: number): void {
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#length = Math.max(this.#length, length);
  }

  /** Makes it exactly `length` long; what is cut reads as zeros when it grows again. */
  truncate(length: number): void {
    this.#bytes.fill(0, length);
    this.#length = Math.min(this.#length, length);
    this.extend(length);
  }

  read(position: number, length: number): Uint8Array {
    return this.#bytes.slice(position, Math.min(position + length, this.#length));
  }

  toBytes(): Uint8Array {
    return this.read(0, this.#length);
  }
}

function survive(change: PendingContent, survival: Survival, into: GrowingBytes): void {
  if (survival === 'lost') return;
  if ('size' in change) into.truncate(change.size);
  else if (survival === 'kept') into.write(change.bytes, change.position);
  else if (survival === 'zeros') into.extend(change.position + change.bytes.length);
  else into.write(change.bytes.subarray(0, survival.bytesKept), change.position);
}

function applyName(
  names: Map<string, MemoryNode>,
  { name, node }: Pick<NameChange, 'name' | 'node'>,
): void {
  if (node === undefined) names.delete(name);
  else names.set(name, node);
}

function copyBytes(file: MemoryFile): GrowingBytes {
  return new GrowingBytes(file.durable.toBytes());
}

function copyNames(directory: MemoryDirectory): Map<string, MemoryNode> {
  return new Map(directory.durable);
}

/** The copy of `original` that `copies` holds, made now if there is none. */
function copyOnce<K, V>(copies: Map<K, V>, original: K, copy: (original: K) => V): V {
  const known = copies.get(original);
  if (known !== undefined) return known;
  const made = copy(original);
  copies.set(original, made);
  return made;
}
