import { join, resolve } from 'node:path';
import { equalBytes, toHex, toUtf8 } from '../core/bytes.ts';
import { StorageError } from '../core/errors.ts';
import type { Randomness } from '../core/randomness.ts';
import type { FileHandle, FileIdentity, FileSystem } from '../io/file-system.ts';
import type { Processes } from '../io/process.ts';
import { heldLocks } from './held-locks.ts';
import {
  decodeHolder,
  encodeHolder,
  type HolderState,
  heldError,
  type LockHolder,
  type LockJudge,
  lockedError,
  machineOf,
  stateOfHolder,
} from './lock-holder.ts';
import { removeIfThere } from './remove-if-there.ts';

/** Name of the lock in a directory. */
export const lockName = 'lock';

/** A claim: release 0.1.0 also claimed claims. */
const claimPattern = /^lock(\.[0-9a-f]{16})+$/;

/** What is not a claim yet, and where its owner listens. */
const leftoverPattern = /^lock\.[0-9a-f]{16}\.(tmp|sock|sock\.tmp)$/;

/** Tells the lock, and what belongs to one or was left of one. */
export function isLockName(name: string): boolean {
  return name === lockName || claimPattern.test(name) || leftoverPattern.test(name);
}

export interface LockOptions {
  readonly fileSystem: FileSystem;
  readonly processes: Processes;
  readonly randomness: Randomness;
}

/** Tries for a name that is free. */
const drawsMax = 16;

/** How often a starter looks whether those that must give way have gone. */
const scansMax = 400;

/**
 * The files of one lock, from its claim to its release.
 *
 * **Order contract:** Who wants the lock writes its content to `lock.<nonce>.tmp`, syncs it, and renames that to the claim
 * `lock.<nonce>`. Only then does it list the directory, and it goes on only once no other claim of a living process is
 * there. Of two starters the later one to claim sees the other's claim, so at most one is beyond that point, and only
 * there is `lock` put in place or that of a dead process removed. A nonce is never used again, so a dead process's claim
 * can be removed at any time: its name means nothing else. Of starters that see each other the one with the smallest
 * name waits for the others to give way.
 *
 * The claim becomes the lock by a hard link, which never replaces, so that the lock has its content from the first
 * moment. Where there are no links it is renamed, which is as good among those who keep to the claims.
 */
export class LockFile {
  readonly #options: LockOptions;
  readonly #directory: string;
  /** Empty until there is a file of that name. */
  #nonce = '';
  #content: Uint8Array = new Uint8Array();
  #stopListening: (() => Promise<void>) | undefined;
  /** Of the claim: where an inode's number comes from its name, the lock's would be equal to any later one's. */
  #identity: FileIdentity | undefined;

  constructor(directory: string, options: LockOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  /**
   * Takes the lock, or leaves nothing behind.
   * @throws StorageError `LOCKED` naming the process that holds it; those of the file system
   */
  async acquire(): Promise<void> {
    try {
      const judge = await this.#lookAround();
      await this.#readDead(judge);
      await this.#claim(judge);
      await this.#untilAlone(judge);
      await this.#take(judge);
      await this.#sweep().catch(() => undefined);
    } catch (error) {
      await this.#undo();
      throw error;
    }
  }

  /** Whether the lock is ours still; one call on the file system as long as it is. */
  async isHeld(): Promise<boolean> {
    const { fileSystem } = this.#options;
    const found = await fileSystem.identify?.(this.#at(lockName));
    if (found !== undefined && isSameFile(found, this.#identity)) return true;
    // It may have been touched, and some file systems number a file anew when it was out of use.
    return this.isIn(this.#directory);
  }

  /** Whether a directory has this very lock in it. */
  async isIn(directory: string): Promise<boolean> {
    const found = await readLock(this.#options.fileSystem, join(directory, lockName));
    return found !== undefined && equalBytes(found, this.#content);
  }

  /** Gives the lock back, if it is ours still. @throws StorageError when it cannot be removed; it counts as dead then */
  async release(): Promise<void> {
    try {
      if (await this.isHeld()) await removeIfThere(this.#options.fileSystem, this.#at(lockName));
    } finally {
      await this.#forget();
    }
  }

  async #claim(judge: LockJudge): Promise<void> {
    const { fileSystem } = this.#options;
    const handle = await this.#createUnfinished();
    try {
      this.#stopListening = await fileSystem.liveness?.listen(this.#at(socketName(this.#nonce)));
      this.#content = encodeHolder(await this.#holder(judge));
      await handle.write(this.#content, 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await this.#publish();
    this.#identity = await fileSystem.identify?.(this.#claimed);
  }

  /** Draws a nonce whose file is not there: simulated randomness may begin anew beside what a crash has left. */
  async #createUnfinished(): Promise<FileHandle> {
    const { fileSystem, randomness } = this.#options;
    for (let draws = 1; ; draws++) {
      this.#nonce = toHex(randomness.bytes(8));
      heldLocks.add(this.#nonce);
      try {
        return await fileSystem.open(this.#unfinished, { for: 'create' });
      } catch (error) {
        // Any other failure may have left a file of ours.
        if (!isCode(error, 'ALREADY_EXISTS')) throw error;
        heldLocks.remove(this.#nonce);
        this.#nonce = '';
        if (draws === drawsMax) throw error;
      }
    }
  }

  async #holder({ machine, directory }: LockJudge): Promise<LockHolder> {
    const { processes } = this.#options;
    const { pid } = processes;
    const listens = this.#stopListening !== undefined;
    const place = { ...machine, path: pathOf(this.#directory), directory, listens };
    return { pid, start: (await processes.incarnation(pid)) ?? '', nonce: this.#nonce, place };
  }

  async #lookAround(): Promise<LockJudge> {
    const { fileSystem, processes } = this.#options;
    const machine = await machineOf(processes);
    // The directory itself, where its name is a link.
    const found = await fileSystem.identify?.(`${this.#directory}/.`);
    return {
      fileSystem,
      processes,
      machine,
      directory: found?.inode ?? '',
      socketPath: (nonce) => this.#at(socketName(nonce)),
      leadsHere: (path) => this.#isClaimIn(path),
    };
  }

  async #isClaimIn(path: string): Promise<boolean> {
    if (path === '') return true;
    try {
      const claim = join(path, claimName(this.#nonce));
      return (await this.#options.fileSystem.stat(claim)) !== undefined;
    } catch (error) {
      // What cannot be looked into may be this very directory.
      return !(error instanceof StorageError && error.code === 'NOT_A_DIRECTORY');
    }
  }

  async #publish(): Promise<void> {
    try {
      await this.#options.fileSystem.rename(this.#unfinished, this.#claimed);
    } catch (error) {
      if (!isCode(error, 'NOT_FOUND')) throw error;
      throw lockedError(this.#at(lockName), 'another process was quicker, and swept our claim');
    }
  }

  async #untilAlone(judge: LockJudge): Promise<void> {
    for (let scans = 0; ; scans++) {
      const rivals = await this.#rivals(judge);
      const first = rivals[0];
      if (first === undefined) return;
      const isFirst = claimName(this.#nonce) < first.name;
      if (!isFirst || scans === scansMax)
        throw heldError(this.#at(first.name), first.holder, first.state);
    }
  }

  /** Claims of those that are not known to be dead, the smallest name first; those of the dead are removed. */
  async #rivals(judge: LockJudge): Promise<readonly Rival[]> {
    const { fileSystem } = this.#options;
    const rivals: Rival[] = [];
    for (const { name } of await fileSystem.list(this.#directory)) {
      if (!claimPattern.test(name) || name === claimName(this.#nonce)) continue;
      const holder = await this.#claimant(name);
      // Ours are whole: what cannot be read was left by a crash of release 0.1.0, and claims nothing.
      if (holder === undefined) continue;
      const state = await stateOfHolder(holder, judge);
      if (state === 'dead') await removeIfThere(fileSystem, this.#at(name));
      else rivals.push({ name, holder, state });
    }
    return rivals;
  }

  /** Who claims; `undefined` when it is gone meanwhile. */
  async #claimant(name: string): Promise<LockHolder | undefined> {
    const found = await readWhole(this.#options.fileSystem, this.#at(name));
    return found && decodeHolder(found);
  }

  async #take(judge: LockJudge): Promise<void> {
    const { fileSystem } = this.#options;
    const path = this.#at(lockName);
    if (await this.#readDead(judge)) await removeIfThere(fileSystem, path);
    await this.#place(path);
    await removeIfThere(fileSystem, this.#claimed);
  }

  /** Whether a dead process's lock is there. @throws StorageError `LOCKED` for one that is not known to be dead */
  async #readDead(judge: LockJudge): Promise<boolean> {
    const path = this.#at(lockName);
    const found = await readLock(this.#options.fileSystem, path);
    if (found === undefined) return false;
    const holder = decodeHolder(found);
    const state = holder && (await stateOfHolder(holder, judge));
    if (holder && state && state !== 'dead') throw heldError(path, holder, state);
    return true;
  }

  async #place(path: string): Promise<void> {
    const { fileSystem } = this.#options;
    try {
      if (fileSystem.link !== undefined) return await fileSystem.link(this.#claimed, path);
    } catch (error) {
      if (!hasNoLinks(error)) throw isCode(error, 'ALREADY_EXISTS') ? quickerError(path) : error;
    }
    if ((await fileSystem.stat(path)) !== undefined) throw quickerError(path);
    await fileSystem.rename(this.#claimed, path);
  }

  /** Removes what dead processes have left; what does not go now is left to the next one. */
  async #sweep(): Promise<void> {
    const { fileSystem } = this.#options;
    for (const { name } of await fileSystem.list(this.#directory)) {
      if (!leftoverPattern.test(name) && !claimPattern.test(name)) continue;
      if (await this.#isLeftover(name)) {
        await removeIfThere(fileSystem, this.#at(name)).catch(() => undefined);
      }
    }
  }

  /** Whoever is about to claim finds the lock taken anyway; but its socket may be needed another time. */
  async #isLeftover(name: string): Promise<boolean> {
    if (name.endsWith('.tmp')) return true;
    if (name.endsWith('.sock')) {
      return (await this.#options.fileSystem.liveness?.state(this.#at(name))) === 'silent';
    }
    return (await this.#claimant(name)) === undefined;
  }

  /** Takes everything back, after a failure at any step; none of it must hide that failure. */
  async #undo(): Promise<void> {
    if (this.#nonce === '') return;
    const { fileSystem } = this.#options;
    const quietly = (removing: Promise<unknown>) => removing.catch(() => undefined);
    const hasLock = this.#content.length > 0 && (await quietly(this.isHeld()));
    if (hasLock === true) await quietly(removeIfThere(fileSystem, this.#at(lockName)));
    await quietly(removeIfThere(fileSystem, this.#claimed));
    await quietly(removeIfThere(fileSystem, this.#unfinished));
    await this.#forget();
  }

  /** Whatever file of ours is left counts as dead from here on. */
  async #forget(): Promise<void> {
    const { fileSystem } = this.#options;
    const stop = this.#stopListening;
    this.#stopListening = undefined;
    await stop?.();
    if (stop)
      await removeIfThere(fileSystem, this.#at(socketName(this.#nonce))).catch(() => undefined);
    heldLocks.remove(this.#nonce);
  }

  get #claimed(): string {
    return this.#at(claimName(this.#nonce));
  }

  get #unfinished(): string {
    return this.#at(`${claimName(this.#nonce)}.tmp`);
  }

  #at(name: string): string {
    return join(this.#directory, name);
  }
}

interface Rival {
  readonly name: string;
  readonly holder: LockHolder;
  readonly state: HolderState;
}

const claimName = (nonce: string): string => `${lockName}.${nonce}`;

const socketName = (nonce: string): string => `${claimName(nonce)}.sock`;

/** An inode's number is used again soon after the file is gone, but not with the old time of modification. */
function isSameFile(found: FileIdentity, ours: FileIdentity | undefined): boolean {
  return found.inode === ours?.inode && found.modified === ours.modified;
}

/** Empty for one that would make the lock too large. */
function pathOf(directory: string): string {
  const path = resolve(directory);
  return toUtf8(JSON.stringify(path)).length > pathBytesMax ? '' : path;
}

/** Larger files of that name are not ours: they are refused, not removed. */
const lockBytesMax = 4096;

/** Room in the lock for all but the path. */
const pathBytesMax = 3000;

/** @throws StorageError `LOCKED` when it changes meanwhile */
async function readLock(fileSystem: FileSystem, path: string): Promise<Uint8Array | undefined> {
  try {
    return await fileSystem.readFile(path, { bytesMax: lockBytesMax });
  } catch (error) {
    if (isCode(error, 'NOT_FOUND')) return undefined;
    if (isCode(error, 'CHANGED_WHILE_READING')) throw lockedError(path, 'it is changing hands');
    throw error;
  }
}

/** A claim of ours never changes but to go; one of release 0.1.0 is written after it is there. */
async function readWhole(fileSystem: FileSystem, path: string): Promise<Uint8Array | undefined> {
  try {
    return await readLock(fileSystem, path);
  } catch (error) {
    if (!isCode(error, 'LOCKED')) throw error;
    return readLock(fileSystem, path);
  }
}

function isCode(error: unknown, code: StorageError['code']): boolean {
  return error instanceof StorageError && error.code === code;
}

/** What a file system without hard links answers (link(2), and libuv where it knows none). */
const withoutLinks: readonly unknown[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

function hasNoLinks(error: unknown): boolean {
  return isCode(error, 'WRITE_FAILED') && withoutLinks.includes((error as StorageError).actual);
}

const quickerError = (path: string): StorageError =>
  lockedError(path, 'another process was quicker');
