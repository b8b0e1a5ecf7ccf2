import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { SeededRandomness } from '../helpers/make-random.ts';
import { CrashedService, type CrashPhase } from './crashed-service.ts';
import type { RunWords, StartRun, Stop } from './start-run.ts';

export interface CampaignOptions {
  readonly signal: Stop['signal'];
  /** Runs that the signal must have ended. */
  readonly count: number;
  /** Decides every moment and every choice. */
  readonly seed: string;
  readonly pace: Pace;
}

/** How long runs take that are let be, in milliseconds: the moments are drawn from it, as machines differ. */
export interface Pace {
  /** Of a new service, until its node has begun. */
  readonly creatingMs: number;
  /** Of one that was there: when it has come to each milestone, and to its end. */
  readonly going: Pick<StartRun, 'milestones' | 'ms'>;
}

/** What a campaign has hit. */
export interface CampaignReport {
  readonly phases: Readonly<Record<CrashPhase, number>>;
  /** Runs that the signal ended. */
  readonly hits: number;
  /** Runs that were done before the signal came. */
  readonly late: number;
  /** Hits after which there were acknowledgements of that very run. */
  readonly acknowledging: number;
  /** Hits after which there were committed snapshots. */
  readonly withSnapshots: number;
  /** Acknowledgements that were looked up, each once for every directory. */
  readonly acknowledgements: number;
  readonly directories: number;
  /** Starts in this process; after the other hits the next run was the proof. */
  readonly starts: number;
  /** Longest time from the signal to the end. */
  readonly stoppingMsMax: number;
}

/** Rounds after which a new directory is begun, so that creation is hit as well. */
const roundsPerDirectory = 5;

/** How often a hit is followed by a start in this process, rather than by the next run alone. */
const startShare = 0.7;

/**
 * Ends runs of `start` at moments that a seed has drawn, one after another on the same directory, and
 * looks after each at all that was promised. The moments are spread evenly over a whole run, whose length is
 * measured as the campaign goes, since machines differ.
 * @throws Error that names the seed, the round, and the directory, which is left as it is
 */
export class Campaign {
  readonly #options: CampaignOptions;
  readonly #root = mkdtempSync(join(tmpdir(), 'crash-'));
  readonly #random: () => number;
  readonly #moments: Readonly<Record<'creating' | 'going', number[]>>;
  /** Of the last run that was let be: it changes with the load on the machine. */
  #going: Pace['going'];
  readonly #phases: Record<CrashPhase, number> = {
    loading: 0,
    creating: 0,
    recovering: 0,
    running: 0,
    spooling: 0,
    verifying: 0,
    restarting: 0,
    ended: 0,
  };
  readonly #counts = {
    hits: 0,
    late: 0,
    acknowledging: 0,
    withSnapshots: 0,
    acknowledgements: 0,
    directories: 0,
    starts: 0,
    stoppingMsMax: 0,
  };
  #service: CrashedService;

  constructor(options: CampaignOptions) {
    this.#options = options;
    this.#random = fractions(`${options.seed} ${options.signal}`);
    this.#going = options.pace.going;
    const creations = Math.ceil(options.count / roundsPerDirectory);
    this.#moments = {
      creating: spreadEvenly(creations, this.#random),
      going: spreadEvenly(options.count - creations, this.#random),
    };
    this.#service = this.#newService();
  }

  async run(): Promise<CampaignReport> {
    const { count } = this.#options;
    for (let round = 0; this.#counts.hits < count; round++) {
      expect(round, 'rounds; most signals come late').toBeLessThan(3 * count);
      await this.#told(`round ${round}`, () => this.#round(round));
    }
    await this.#told('the last start', () => this.#leave());
    rmSync(this.#root, { recursive: true });
    return { phases: this.#phases, ...this.#counts };
  }

  async #told(what: string, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (cause) {
      const { seed, signal } = this.#options;
      const why = cause instanceof Error ? cause.message : String(cause);
      const where = `LEDGER_SEED=${seed} ${signal}, ${what}, ${this.#service.directory}`;
      throw new Error(`${where}: ${why}`, { cause });
    }
  }

  async #round(round: number): Promise<void> {
    if (round > 0 && round % roundsPerDirectory === 0) {
      await this.#leave();
      this.#service = this.#newService();
    }
    const run = await this.#hit();
    const snapshots = await this.#service.checkSnapshots();
    this.#count(run, snapshots);
    if (this.#random() < startShare) await this.#start();
  }

  async #hit(): Promise<StartRun> {
    const { signal, pace } = this.#options;
    const service = this.#service;
    const { hasLedger } = service;
    const before = service.fingerprint();
    const kind = hasLedger ? 'going' : 'creating';
    const moment = this.#moments[kind].pop() ?? this.#random();
    const when = hasLedger
      ? momentOf(this.#going, moment)
      : ({ after: 'spawned', delayMs: laterRather(moment) * pace.creatingMs } as const);
    let phase: CrashPhase = 'ended';
    const onSignal = (words: RunWords) => {
      phase = service.phaseOf(words, hasLedger);
    };
    const run = await service.run({ signal, onSignal, ...when });
    // What an interrupted run leaves tells nothing; of one that was killed it tells the most.
    if (run.endedBy === 'SIGKILL') phase = service.phaseOf(run, hasLedger);
    try {
      if (signal === 'SIGKILL') checkKilled(run);
      else await checkInterrupted(run, { service, before });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${phase}, ${JSON.stringify(when)}: ${why}\n${run.stderr}`, { cause });
    }
    this.#phases[phase]++;
    if (hasLedger && run.summary !== undefined) this.#going = run;
    return run;
  }

  #count(run: StartRun, snapshots: number): void {
    const counts = this.#counts;
    const isHit = run.status !== 0;
    counts.stoppingMsMax = Math.max(counts.stoppingMsMax, Math.round(run.stoppingMs ?? 0));
    if (!isHit) counts.late++;
    if (isHit) counts.hits++;
    if (isHit && run.acknowledged.length > 0) counts.acknowledging++;
    if (isHit && snapshots > 0) counts.withSnapshots++;
  }

  async #start(): Promise<void> {
    this.#counts.starts++;
    await this.#service.checkStart();
  }

  /** The last start on a directory is always in this process. */
  async #leave(): Promise<void> {
    await this.#start();
    this.#counts.acknowledgements += this.#service.acknowledgements;
    rmSync(this.#service.directory, { recursive: true });
  }

  #newService(): CrashedService {
    return new CrashedService(join(this.#root, `${this.#counts.directories++}`));
  }
}

/** Measures runs that nobody ends, on a new directory. */
export async function measurePace(): Promise<Pace> {
  const directory = mkdtempSync(join(tmpdir(), 'crash-'));
  const service = new CrashedService(directory);
  const created = await service.run();
  checkWhole(created);
  const gone = await service.run();
  checkWhole(gone);
  rmSync(directory, { recursive: true });
  return { creatingMs: created.milestones.get('begun') ?? created.ms, going: gone };
}

/**
 * A moment of a run: each stretch between two milestones has an equal share of 0 … 1, however short it is. It is
 * counted from the milestone, so that it hits the same work when the machine is slower by then.
 */
function momentOf({ milestones, ms }: Pace['going'], moment: number): Omit<Stop, 'signal'> {
  const stretches = [...milestones].map(([after, fromMs], i, all) => {
    const [, toMs] = all[i + 1] ?? ['ended', ms];
    return { after, lengthMs: toMs - fromMs };
  });
  const at = moment * stretches.length;
  const stretch = stretches[Math.floor(at)];
  if (stretch === undefined) throw new RangeError(`no stretch at ${moment}`);
  return { after: stretch.after, delayMs: laterRather(at % 1) * stretch.lengthMs };
}

/** Of a number of 0 … 1 another one, nearer to 1: the beginning of a stretch is where a process only loads. */
const laterRather = Math.sqrt;

/** A run that nobody has ended says that all is true. */
function checkWhole({ status, summary, stderr }: StartRun): void {
  expect(status, `the status of a run that was let be:\n${stderr}`).toBe(0);
  expect(summary?.['verified']).toBe(summary?.['snapshots']);
  expect(summary?.['restartRoot']).toBe(summary?.['root']);
}

/** Either the kill has ended it, or it was done. */
function checkKilled(run: StartRun): void {
  if (run.endedBy !== 'SIGKILL') checkWhole(run);
  else expect(run.stoppingMs, 'it hung until it was killed').toBeDefined();
}

/**
 * An interrupt ends in one of three ways: as any program that has not begun to listen, or has ceased to, by the
 * signal itself; with status 130, when it was heard before all was done; else with what the whole run is worth.
 */
async function checkInterrupted(
  run: StartRun,
  { service, before }: { readonly service: CrashedService; readonly before: readonly string[] },
): Promise<void> {
  if (run.endedBy === 'SIGINT') {
    expect(run.wasInterrupted, 'it said that it was interrupted').toBe(false);
    if (run.summary === undefined) expect(service.fingerprint(), 'what it left').toEqual(before);
    return;
  }
  if (run.summary !== undefined) checkWhole(run);
  else
    expect([run.status, run.wasInterrupted], 'status, and whether it said so').toEqual([130, true]);
  expect(service.leftovers(), 'left over after the interrupt').toEqual([]);
  if (run.view === undefined) return;
  expect(await service.isSigned(), 'the last entry is a signature').toBe(true);
  await service.checkAcknowledged();
}

/** Numbers of 0 … 1 that are the same for the same seed. */
function fractions(seed: string): () => number {
  const randomness = new SeededRandomness(seed);
  return () => Buffer.from(randomness.bytes(4)).readUInt32LE() / 2 ** 32;
}

/** One number in each of `count` equal parts of 0 … 1, in random order. */
function spreadEvenly(count: number, random: () => number): number[] {
  const parts = Array.from({ length: count }, (_, i) => (i + random()) / count);
  const keyed = parts.map((moment) => ({ moment, key: random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ moment }) => moment);
}
