import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';

/** What one process may know of the others on its machine; locks ask it whether their holder still lives. */
export interface Processes {
  /** Our own process id. */
  readonly pid: number;
  /**
   * A text that tells the process `pid` from any other, earlier or later, that had the same id; empty where
   * the system does not say. `undefined`: no such process runs.
   */
  incarnation(pid: number): Promise<string | undefined>;
}

/**
 * Processes of this machine, or of this container: a process in another process-id namespace counts as dead,
 * so two containers must not share one directory.
 */
export const realProcesses: Processes = {
  pid: process.pid,
  incarnation: async (pid) => (isRunning(pid) ? startOf(pid) : undefined),
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

/** Boot id and start time in clock ticks, as Linux has them (proc(5), /proc/[pid]/stat fields 3 and 22). */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // Field 2 is the program's name in brackets and may hold anything, so count from its last bracket.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const isDead = fields[0] === 'Z' || fields[0] === 'X';
    return isDead ? undefined : `${bootId.trim()}:${fields[19]}`;
  } catch {
    return '';
  }
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
