import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { countedGraphs, numbersOf, rowOf, runWhole } from '../testing/numbers.ts';
import { readArguments } from './usage.ts';

const usage = "usage: npm run numbers; it writes README.md's table of machines anew";
readArguments(usage, () => parseArgs());

/** Counts the graphs, runs them and writes the README's table anew: `npm run numbers`. */
const file = join(process.cwd(), 'README.md');
const rows = Object.entries(countedGraphs).map(([machine, graphOf]) => {
  const { graph, isWhole } = graphOf();
  const before = process.cpuUsage();
  runWhole(graph, isWhole);
  // Of the processor, not of the clock: other work on the machine counts less.
  const { user, system } = process.cpuUsage(before);
  const seconds = ((user + system) / 1_000_000).toFixed(1);
  return `${rowOf(numbersOf(machine, graph, isWhole))} ${seconds} |`;
});
const readme = readFileSync(file, 'utf8');
const table = /(\| machine \|.*\n\|.*\n)(?:\|.*\n)+/;
if (!table.test(readme)) throw new Error('README.md has no table of machines');
writeFileSync(
  file,
  readme.replace(table, (_, head: string) => `${head}${rows.join('\n')}\n`),
);
