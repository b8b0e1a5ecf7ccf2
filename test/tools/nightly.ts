import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readArguments } from './usage.ts';

const usage =
  'usage: npm run nightly; LEDGER_SEED=<seed> in the environment repeats a campaign that failed';
readArguments(usage, () => parseArgs());

/**
 * What takes too long for every run of the tests: `npm run nightly`. Exit status 1 when something of it failed. A
 * campaign that failed is repeated with the seed that it names: `LEDGER_SEED=<seed> npm run nightly`.
 */
const vitest = join(process.cwd(), 'node_modules/vitest/vitest.mjs');
const bench = join(process.cwd(), 'dist/test/tools/bench.js');
const mutants = join(process.cwd(), 'dist/test/tools/mutants.js');
const mutantsOfCode = join(process.cwd(), 'dist/test/tools/mutants-code.js');
const parts = [
  {
    what: '200 kills and 50 interrupts of start, at random moments',
    args: [vitest, 'run', 'test/crash'],
    env: { LEDGER_NIGHTLY: '1' },
  },
  {
    what: '20,000 random commands and 20,000 schedules against the model, every state of the charts in a small world',
    args: [vitest, 'run', 'test/model'],
    env: { LEDGER_NIGHTLY: '1' },
  },
  {
    what: '100,000 generations, 1,000 with real crypto and files, and a snapshot beyond 4 GiB, in one process each',
    args: [vitest, 'run', 'test/soak'],
    env: { LEDGER_NIGHTLY: '1' },
  },
  {
    what: 'every check of trust taken out of the source, also those without which tests take minutes',
    args: [vitest, 'run', 'test/mutants/trust-controls.test.ts'],
    env: { LEDGER_NIGHTLY: '1' },
  },
  { what: 'a million transactions in one process', args: [bench, 'node'], env: {} },
  { what: 'every mutant of every statechart', args: [mutants, '--all'], env: {} },
  { what: 'every mutant of the code behind them', args: [mutantsOfCode], env: {} },
];

for (const { what, args, env } of parts) {
  console.log(`nightly: ${what}`);
  const startMs = performance.now();
  const status = await run(args, env);
  const minutes = ((performance.now() - startMs) / 60_000).toFixed(1);
  const how = status === 0 ? 'ok' : `FAILED with status ${status}`;
  console.log(`nightly: ${what}: ${how}, ${minutes} min`);
  if (status !== 0) process.exitCode = 1;
}

/** The exit status of a Node program that writes to our own streams; -1 when a signal ended it. */
function run(args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      stdio: 'inherit',
      env: { ...process.env, ...env },
    });
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? -1));
  });
}
