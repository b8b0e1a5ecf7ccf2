import { fromUtf8, toUtf8 } from '../core/bytes.ts';
import { StorageError } from '../core/errors.ts';
import type { FileSystem, SocketState } from '../io/file-system.ts';
import type { Machine, Processes } from '../io/process.ts';
import { heldLocks } from './held-locks.ts';

/** Who holds a lock, as its file says: JSON. Release 0.1.0 wrote the first three alone. */
export interface LockHolder {
  readonly pid: number;
  /** Tells the process from a later one of the same id; empty where the system does not say. */
  readonly start: string;
  /** Tells this lock from any other. */
  readonly nonce: string;
  readonly place?: HolderPlace;
}

/** Where a holder runs, and what it locked. */
interface HolderPlace extends Machine {
  /** Absolute path of the directory, as its holder sees it; empty for one that is too long. */
  readonly path: string;
  /** Device and inode of the directory; empty where the file system does not say. */
  readonly directory: string;
  /** Whether the holder listens at its socket. */
  readonly listens: boolean;
}

/** `unknown`: it may live where we cannot see it. */
export type HolderState = 'alive' | 'dead' | 'unknown';

const unknownMachine: Machine = { boot: '', host: '', id: '', pidNamespace: '' };

export function machineOf(processes: Processes): Promise<Machine> {
  return processes.machine?.() ?? Promise.resolve(unknownMachine);
}

export function encodeHolder({ pid, start, nonce, place }: LockHolder): Uint8Array {
  return toUtf8(`${JSON.stringify({ pid, start, nonce, ...place })}\n`);
}

/** `undefined` for what a crash left of a lock of release 0.1.0, which had no content at first. */
export function decodeHolder(bytes: Uint8Array): LockHolder | undefined {
  try {
    const parsed: unknown = JSON.parse(fromUtf8(bytes));
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    return holderOf(parsed as Readonly<Record<string, unknown>>);
  } catch {
    return undefined;
  }
}

function holderOf(fields: Readonly<Record<string, unknown>>): LockHolder | undefined {
  const { pid, start, nonce } = fields;
  const isPid = typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0;
  if (!isPid || typeof start !== 'string' || typeof nonce !== 'string') return undefined;
  const place = placeOf(fields);
  return { pid, start, nonce, ...(place && { place }) };
}

function placeOf(fields: Readonly<Record<string, unknown>>): HolderPlace | undefined {
  const { boot, host, id, pidNamespace, path, directory, listens } = fields;
  const texts = { boot, host, id, pidNamespace, path, directory };
  if (!isOfTexts(texts) || typeof listens !== 'boolean') return undefined;
  return { ...texts, listens };
}

function isOfTexts<Name extends string>(
  texts: Readonly<Record<Name, unknown>>,
): texts is Readonly<Record<Name, string>> {
  return Object.values(texts).every((text) => typeof text === 'string');
}

/** Who asks whether a holder lives, and what it can see. */
export interface LockJudge {
  readonly fileSystem: FileSystem;
  readonly processes: Processes;
  readonly machine: Machine;
  /** Device and inode of the directory in which the lock lies. */
  readonly directory: string;
  /** Where the holder of a nonce listens, in that directory. */
  socketPath(nonce: string): string;
  /** Whether a path leads to the very directory in which the lock lies. */
  leadsHere(path: string): Promise<boolean>;
}

/**
 * Whether the holder of a lock lives. The first row that fits counts; where nothing proves it dead, the lock stays.
 *
 * | what is known | state |
 * |---|---|
 * | release 0.1.0's form, boot ids differ: a restart, or another host | unknown |
 * | release 0.1.0's form otherwise: its pid in our namespace, as that release judged | as the last four rows |
 * | boot ids differ, host and machine id are ours: the machine was restarted | dead |
 * | host and machine id are not ours, and the boot ids are not known to be equal: another host | unknown |
 * | boot ids equal, another device or inode of the directory, which the path that it locked does not lead to: a copy | dead |
 * | the same without both boot ids | unknown |
 * | its socket is listened at, whatever the namespaces | alive |
 * | its socket is there, of this very directory, and silent: the system closed it with its process | dead |
 * | process-id namespaces differ, and no socket | unknown |
 * | our own pid, and start as far as that is known, with a nonce that this process holds | alive |
 * | the same with a nonce that it does not hold: a start that failed, or an earlier process | dead |
 * | no process of that pid, or one with another start | dead |
 * | a process of that pid and start, or of that pid where a start is not known | alive |
 *
 * The boot id is not known without Linux's /proc. The start is not known there either, nor where /proc shows another
 * namespace's processes (`unshare -p` without a /proc of its own); a socket decides nevertheless.
 */
export async function stateOfHolder(holder: LockHolder, judge: LockJudge): Promise<HolderState> {
  const { place, nonce } = holder;
  const { machine } = judge;
  if (place === undefined) return stateOfOld(holder, judge);
  const areBootsKnown = place.boot !== '' && machine.boot !== '';
  const isSameBoot = areBootsKnown && place.boot === machine.boot;
  const isSameMachine = place.host === machine.host && place.id === machine.id;
  if (!isSameBoot && !isSameMachine) return 'unknown';
  if (areBootsKnown && !isSameBoot) return 'dead';
  const isSameDirectory = place.directory === judge.directory;
  if (!isSameDirectory && !(await judge.leadsHere(place.path))) {
    return isSameBoot ? 'dead' : 'unknown';
  }
  const socket = place.listens ? await socketStateOf(nonce, judge) : 'missing';
  if (socket === 'listening') return 'alive';
  if (socket === 'silent' && isSameDirectory) return 'dead';
  return place.pidNamespace === machine.pidNamespace ? stateOfProcess(holder, judge) : 'unknown';
}

/** Release 0.1.0 put the boot id before the start, and knew no hosts. */
async function stateOfOld(holder: LockHolder, judge: LockJudge): Promise<HolderState> {
  const boot = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):/.exec(holder.start)?.[1];
  const { machine } = judge;
  if (boot !== undefined && machine.boot !== '' && boot !== machine.boot) return 'unknown';
  return stateOfProcess(holder, judge);
}

async function socketStateOf(nonce: string, judge: LockJudge): Promise<SocketState> {
  return (await judge.fileSystem.liveness?.state(judge.socketPath(nonce))) ?? 'missing';
}

/** Of a process id in our own namespace. */
async function stateOfProcess(
  { pid, start, nonce }: LockHolder,
  { processes }: LockJudge,
): Promise<HolderState> {
  const now = await processes.incarnation(pid);
  if (now === undefined) return 'dead';
  if (now !== start && now !== '' && start !== '') return 'dead';
  return pid !== processes.pid || heldLocks.has(nonce) ? 'alive' : 'dead';
}

/** A lock of a state that is not `dead`, refused. */
export function heldError(path: string, holder: LockHolder, state: HolderState): StorageError {
  const { pid, place } = holder;
  if (state === 'alive') return lockedError(path, `process ${pid} holds it`, pid);
  const where = place?.host ? ` of host ${place.host}` : '';
  const why = `process ${pid}${where} may hold it, which cannot be checked from here: it runs on another host, in another container, or ran before a restart`;
  return lockedError(path, `${why}; if you are sure that no node runs on it, remove the file`, pid);
}

export function lockedError(path: string, why: string, pid?: number): StorageError {
  const place = pid === undefined ? { file: path } : { file: path, actual: pid };
  return new StorageError('LOCKED', `${path}: ${why}`, place);
}
