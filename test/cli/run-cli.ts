import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { runProgram } from '../../src/cli/program.ts';

export interface CliRun {
  /** `null` when a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Where it runs. @default here */
  readonly cwd?: string;
  /** User id to run as; only root can choose. */
  readonly uid?: number;
  /** Looks at each piece of output; once it says true, the process is sent SIGINT. */
  readonly interruptWhen?: (output: string) => boolean;
}

const main = join(import.meta.dirname, '../../dist/src/cli/main.js');

/** A hang is a failure, not a wait. */
const timeoutMs = 40_000;

/** Runs the compiled command line as a process of its own, as users do. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const { env = {}, uid, cwd, interruptWhen } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      ...(uid === undefined ? {} : { uid }),
      ...(cwd === undefined ? {} : { cwd }),
    });
    const output = { stdout: '', stderr: '' };
    let isInterrupted = false;
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
        if (isInterrupted || interruptWhen?.(text) !== true) return;
        isInterrupted = true;
        child.kill('SIGINT');
      });
    }
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, ...output }));
  });
}

/** Runs a command line in this process, which is faster and shows all but signals and lost output. */
export async function runHere(args: readonly string[]): Promise<CliRun> {
  const output = { stdout: '', stderr: '' };
  const collect = (name: keyof typeof output) => ({
    write: (text: string) => {
      output[name] += text;
    },
  });
  const { signal } = new AbortController();
  const streams = { stdout: collect('stdout'), stderr: collect('stderr') };
  return { status: await runProgram(args, { ...streams, signal }), ...output };
}

/** The lines of an output, without the last line end. */
export function linesOf(output: string): readonly string[] {
  return output === '' ? [] : output.replace(/\n$/, '').split('\n');
}

/** The objects of an output with one JSON object a line. */
export function objectsOf(output: string): readonly Record<string, unknown>[] {
  return linesOf(output).map((line) => JSON.parse(line) as Record<string, unknown>);
}
