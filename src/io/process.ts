import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';

/** What one process may know of the others on its machine; locks ask it whether their holder still lives. */
export interface Processes {
  /** Our own process id. */
  readonly pid: number;
  /**
   * A text that tells the process `pid` from any other, earlier or later, that had the same id; empty where
   * the system does not say. `undefined`: no such process runs.
   */
  incarnation(pid: number): Promise<string | undefined>;
  /** Where our process runs. @default a machine that nobody can name: process ids are all that is known */
  machine?(): Promise<Machine>;
}

/** A machine as a process sees it; each text is empty where the system does not say. */
export interface Machine {
  /** Tells this run of the kernel from any other, of this machine or another one. */
  readonly boot: string;
  /** The host's name, for people and for `id`'s absence. */
  readonly host: string;
  /** The same after a reboot, another one on another machine. */
  readonly id: string;
  /** Within it a process id means one process. */
  readonly pidNamespace: string;
}

/** Processes of this machine, in our process-id namespace. */
export const realProcesses: Processes = {
  pid: process.pid,
  incarnation: async (pid) => (isRunning(pid) ? startOf(pid) : undefined),
  machine: async () => ({
    boot: (await textOf('/proc/sys/kernel/random/boot_id')) ?? '',
    host: hostname(),
    id: hashOf(await textOf('/etc/machine-id')),
    pidNamespace: await readlink('/proc/self/ns/pid').catch(() => ''),
  }),
};

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // EPERM: it runs, under another user.
    return (cause as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * Boot id and start time in clock ticks, as Linux has them (proc(5), /proc/[pid]/stat fields 3 and 22). Where /proc
 * counts the processes of another namespace than ours, only our own process can be found in it.
 */
async function startOf(pid: number): Promise<string | undefined> {
  const boot = await textOf('/proc/sys/kernel/random/boot_id');
  const own = await textOf('/proc/self/stat');
  if (!boot || own === undefined) return '';
  if (pid === process.pid) return `${boot}:${fieldsOf(own).start}`;
  if (fieldsOf(own).pid !== String(process.pid)) return '';
  const stat = await textOf(`/proc/${pid}/stat`);
  if (stat === undefined) return '';
  const { state, start } = fieldsOf(stat);
  return state === 'Z' || state === 'X' ? undefined : `${boot}:${start}`;
}

function fieldsOf(stat: string): { pid: string; state: string | undefined; start: string } {
  // Field 2 is the program's name in brackets and may hold anything, so count from its last bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { pid: stat.slice(0, stat.indexOf(' ')), state: fields[0], start: fields[19] ?? '' };
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    return undefined;
  }
}

/** The machine's id is not for others to see (machine-id(5)). */
function hashOf(id: string | undefined): string {
  if (!id || !/^[0-9a-f]{32}$/.test(id)) return '';
  return createHash('sha256').update(`ledger-snapshotter:${id}`).digest('hex').slice(0, 16);
}

/** What a program that has ended leaves behind. */
export interface ProgramEnd {
  /** Exit status; `undefined` when a signal ended it. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Text that a program may print at most. */
const outputBytesMax = 64 * 1024 * 1024;

/**
 * Runs a Node program in a process of its own, with no input, and awaits its end.
 * @throws Error when it could not be started, prints too much, or `signal` aborts
 */
export function runNodeProgram(
  file: string,
  args: readonly string[],
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<ProgramEnd> {
  const options = { maxBuffer: outputBytesMax, ...(signal && { signal }) };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [file, ...args], options, (error, stdout, stderr) => {
      if (error === null) resolve({ status: 0, stdout, stderr });
      else if (typeof error.code === 'number' || error.killed === false) {
        resolve({
          status: typeof error.code === 'number' ? error.code : undefined,
          stdout,
          stderr,
        });
      } else reject(error);
    });
  });
}

/** CPU time of this process so far, of all its threads, user and system. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
