import fc from 'fast-check';
import { scenarios } from './commands.ts';
import { emptyTally, Run, type Tally } from './run.ts';

export interface CampaignOptions {
  readonly name: string;
  /** Whether ports answer by themselves, or each in its turn. */
  readonly isOpen: boolean;
  /** The file that replays it. */
  readonly file: string;
}

const isNightly = (process.env['LEDGER_NIGHTLY'] ?? '') !== '';
const seedText = process.env['LEDGER_SEED'] ?? '';
const path = process.env['LEDGER_PATH'] ?? '';

/** Every night others; in every other run the same. */
const nightlyRuns = 20_000;
const usualRuns = nightlyRuns / 20;
const usualSeed = 20_261_122;

/** Far above what one run takes on a busy machine: a run that hangs is found, not waited for. */
const runMsMax = 20_000;

export const campaignMsMax = nightlyRuns * 1000;

/** Seeds are of 32 bits; one that another campaign has named as text, such as a time, is one as well. */
function seedOf(text: string): number {
  if (text !== '') return Number(text) | 0;
  return isNightly ? Date.now() | 0 : usualSeed;
}

/**
 * Random scenarios against the snapshotter and its model. Prints what it has come across in one line.
 * @throws Error with the shortest scenario that fails, and the command that runs it again
 */
export async function campaign({ name, isOpen, file }: CampaignOptions): Promise<Tally> {
  const tally = emptyTally();
  const seed = seedOf(seedText);
  const numRuns = isNightly ? nightlyRuns : usualRuns;
  const arbitrary = scenarios({ lengthMax: 40, answersMax: isOpen ? 0 : 8 });
  const property = fc.asyncProperty(arbitrary, (scenario) => Run.of(scenario, { isOpen, tally }));
  const startMs = performance.now();
  const report = await fc.check(property, {
    seed,
    numRuns,
    timeout: runMsMax,
    ...(path !== '' && { path, endOnFailure: true }),
  });
  const seconds = Math.round((performance.now() - startMs) / 100) / 10;
  const line = { name: 'model', case: name, runs: report.numRuns, seed, seconds, ...tally };
  process.stdout.write(`${JSON.stringify(line)}\n`);
  if (!report.failed) return tally;
  const again = `LEDGER_SEED=${seed} LEDGER_PATH=${report.counterexamplePath} npx vitest run ${file}`;
  throw new Error(
    `${String(report.errorInstance)}\n${textOf(report.counterexample?.[0])}\n${again}`,
    { cause: report.errorInstance },
  );
}

/** Whether only one scenario is run again. */
export const isReplay = path !== '';

function textOf(scenario: unknown): string {
  return JSON.stringify(scenario).replaceAll('{"command"', '\n  {"command"');
}

/** How a generation can end; a campaign that never saw one of them shows little. */
export const allOutcomes = [
  'cancelled',
  'committed',
  'committed-not-durable',
  'conflict',
  'duplicate',
  'evidence-refused',
  'persist-failed',
  'poisoned',
  'proof-refused',
  'rolled-back',
  'serialise-failed',
  'timed-out',
];

export const allPointEnds = [
  'cancelled',
  'coalesced',
  'generated',
  'rolled-back',
  'skipped disabled',
  'skipped freeze-failed',
  'skipped limit',
  'skipped not-primary',
];
