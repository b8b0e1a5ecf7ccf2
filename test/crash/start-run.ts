import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseTxId } from '../../src/core/tx-id.ts';
import type { TxId, View } from '../../src/core/words.ts';
import { view as toView } from '../../src/core/words.ts';

/** What a run comes to, in this order: its process, its node, the first snapshot that is there. */
export type Milestone = 'spawned' | 'begun' | 'snapshot';

/** What to do to a run, and when. */
export interface Stop {
  readonly signal: 'SIGKILL' | 'SIGINT';
  readonly after: Milestone;
  /** Counted from the milestone on. */
  readonly delayMs: number;
  /** Called just before, with what the run has said so far. */
  readonly onSignal?: (words: RunWords) => void;
}

/** How a run of `start` ended, and what it said. */
export interface StartRun extends RunWords {
  /** `null` when a signal ended it. */
  readonly status: number | null;
  readonly endedBy: NodeJS.Signals | null;
  /** From the spawn to the end. */
  readonly ms: number;
  /** From the spawn to each milestone that it came to. */
  readonly milestones: ReadonlyMap<Milestone, number>;
  /** From the signal to the end; `undefined` when it ended by itself, or hung before the signal was due. */
  readonly stoppingMs: number | undefined;
  readonly stderr: string;
}

/** What a run says. */
export interface RunWords {
  /** The transactions that it said were on disk. */
  readonly acknowledged: readonly TxId[];
  /** The view of its node, once that had begun. */
  readonly view: View | undefined;
  /** Names of the snapshots that it said were committed. */
  readonly snapshots: readonly string[];
  /** Its last line, when all was done. */
  readonly summary: Readonly<Record<string, unknown>> | undefined;
  /** Whether it said that it was interrupted. */
  readonly wasInterrupted: boolean;
}

const main = join(import.meta.dirname, '../../dist/src/cli/main.js');

/** Few enough for a run of seconds, and enough for four snapshots. */
const workload = ['--transactions', '400', '--snapshot-every', '100'];

/** A run that takes longer hangs: it is killed, and its end is then not what anyone allows. */
const hangMs = 120_000;

/** An interrupted run that takes longer hangs. */
const stoppingMsMax = 20_000;

/** Runs the compiled `start` on a directory as a process of its own; without `stop` to its end. */
export function runStart(directory: string, stop?: Stop): Promise<StartRun> {
  const args = [main, 'start', '--dir', directory, ...workload, '--json', '--no-progress'];
  return new Promise((resolve, reject) => {
    const spawnedMs = performance.now();
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const sinceSpawnMs = () => performance.now() - spawnedMs;
    const output = { stdout: '', stderr: '' };
    const milestones = new Map<Milestone, number>();
    let signalledMs: number | undefined;
    const timers = [setTimeout(() => child.kill('SIGKILL'), hangMs)];
    const send = ({ signal, onSignal }: Stop) => {
      onSignal?.(wordsOf(output));
      // False: it has ended, and only its output is not read to the end.
      if (child.kill(signal)) signalledMs = sinceSpawnMs();
      timers.push(setTimeout(() => child.kill('SIGKILL'), stoppingMsMax));
    };
    const reach = (milestone: Milestone) => {
      if (milestones.has(milestone)) return;
      milestones.set(milestone, sinceSpawnMs());
      if (stop?.after === milestone) timers.push(setTimeout(send, stop.delayMs, stop));
    };
    reach('spawned');
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
        if (introduction.test(output.stderr)) reach('begun');
        if (output.stderr.search(committed) >= 0) reach('snapshot');
      });
    }
    child.on('error', reject);
    child.on('close', (status, endedBy) => {
      for (const timer of timers) clearTimeout(timer);
      const ms = sinceSpawnMs();
      const stoppingMs = signalledMs === undefined ? undefined : ms - signalledMs;
      const { stderr } = output;
      resolve({ status, endedBy, ms, milestones, stoppingMs, stderr, ...wordsOf(output) });
    });
  });
}

/** What a node says once it has begun. */
const introduction = /, identity [0-9a-f]+…, view ([0-9]+)\n/;

/** What it says of each snapshot that is there. */
const committed = /: committed, (snapshot_.+)\n/g;

function wordsOf({ stdout, stderr }: Record<'stdout' | 'stderr', string>): RunWords {
  const objects = wholeLines(stdout).map((line) => JSON.parse(line) as Record<string, unknown>);
  const notes = wholeLines(stderr);
  const view = introduction.exec(stderr)?.[1];
  return {
    acknowledged: objects.flatMap(({ acknowledged }) =>
      typeof acknowledged === 'string' ? [parseTxId(acknowledged)] : [],
    ),
    view: view === undefined ? undefined : toView(Number(view)),
    snapshots: [...stderr.matchAll(committed)].flatMap(([, file]) => file ?? []),
    summary: objects.find(({ summary }) => summary === true),
    wasInterrupted: notes.some((note) => note.startsWith('interrupted: ')),
  };
}

/** What lacks its line end was not said. */
function wholeLines(output: string): readonly string[] {
  return output
    .slice(0, output.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1);
}
