import { parseArgs } from 'node:util';
import { type Bench, isWithinBound } from '../bench/bench.ts';
import { nodeBench } from '../bench/node.ts';
import { replayBench } from '../bench/replay.ts';
import { restoreBench } from '../bench/restore.ts';
import { storeBench } from '../bench/store.ts';

/**
 * Measures, a line of JSON a case on stdout: `npm run bench -- [NAME...] [--transactions N]`; all benches when none
 * is named. Exit status 1 when a case is above its bound, or its result not true; 2 for a bench that is not there.
 */
const benches: readonly Bench[] = [replayBench, nodeBench, storeBench, restoreBench];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    // The lines are JSON with it and without.
    json: { type: 'boolean' },
    transactions: { type: 'string', default: '1000000' },
  },
});
const transactions = Number(values.transactions);
const unknown = positionals.filter((named) => benches.every(({ name }) => name !== named));

if (unknown.length > 0 || !Number.isSafeInteger(transactions) || transactions < 1000) {
  const names = benches.map(({ name }) => name).join(', ');
  console.error(`usage: bench [NAME...] [--transactions N of 1000 or more]; there are: ${names}`);
  process.exitCode = 2;
} else await runAll();

async function runAll(): Promise<void> {
  for (const bench of benches) {
    if (positionals.length > 0 && !positionals.includes(bench.name)) continue;
    for await (const line of bench.run({ transactions })) {
      console.log(JSON.stringify(line));
      if (isWithinBound(line)) continue;
      console.error(`${line.name}, ${line.case}: ${line.min} is above the bound of ${line.bound}`);
      process.exitCode = 1;
    }
  }
}
