import { openSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs';

/** What the scheduler says of a thread: nanoseconds on a core, and in the queue for one. */
export interface CpuTimes {
  readonly cpuNs: number;
  readonly waitNs: number;
}

/** Reads the calling thread's times over and over, a few microseconds each. */
export function threadClock(): () => CpuTimes {
  // The file is that of the thread which opened it.
  const file = openSync('/proc/thread-self/schedstat', 'r');
  const buffer = Buffer.alloc(128);
  return () =>
    parseTimes(buffer.toString('latin1', 0, readSync(file, buffer, 0, buffer.length, 0)));
}

/** All threads of a process that live; what one had that has ended is not counted. */
export function processTimes(pid: number | 'self' = 'self'): CpuTimes {
  let [cpuNs, waitNs] = [0, 0];
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const times = timesOf(`/proc/${pid}/task/${thread}/schedstat`);
    cpuNs += times.cpuNs;
    waitNs += times.waitNs;
  }
  return { cpuNs, waitNs };
}

/** A thread may end between the look at its name and that at its times. */
function timesOf(file: string): CpuTimes {
  try {
    return parseTimes(readFileSync(file, 'latin1'));
  } catch {
    return { cpuNs: 0, waitNs: 0 };
  }
}

function parseTimes(text: string): CpuTimes {
  const [cpu = '0', wait = '0'] = text.split(' ');
  return { cpuNs: Number(cpu), waitNs: Number(wait) };
}

/** Physical memory of a process, now and at most since {@link forgetPeak}. */
export interface ProcessMemory {
  readonly rssBytes: number;
  readonly peakBytes: number;
}

export function memoryOf(pid: number | 'self' = 'self'): ProcessMemory {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const kibibytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]);
  return { rssBytes: kibibytes('VmRSS') * 1024, peakBytes: kibibytes('VmHWM') * 1024 };
}

/** Begins to measure the most memory anew, from what is in use. */
export function forgetPeak(pid: number | 'self' = 'self'): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/**
 * On-CPU nanoseconds of this process, threads that have ended included: the scheduler's own count, brought up to date
 * first, while schedstat has that of the last tick.
 */
export function ownCpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

/** The time and processor time that work takes, of the whole process. */
export async function costOf<T>(
  work: () => T | Promise<T>,
): Promise<{ readonly ms: number; readonly cpuMs: number; readonly result: T }> {
  const beforeNs = ownCpuNs();
  const startMs = performance.now();
  const result = await work();
  const ms = performance.now() - startMs;
  return { ms, cpuMs: (ownCpuNs() - beforeNs) / 1e6, result };
}
