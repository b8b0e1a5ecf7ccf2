import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { actorBench } from '../bench/actors.ts';
import { type Bench, type BenchLine, heldFigure, isWithinBound } from '../bench/bench.ts';
import { floorsBench } from '../bench/floors.ts';
import { freezeBench } from '../bench/freezes.ts';
import { liveBench } from '../bench/live.ts';
import { memoryBench } from '../bench/memory.ts';
import { nodeBench } from '../bench/node.ts';
import { killParties } from '../bench/party.ts';
import { peersBench } from '../bench/peers.ts';
import { plotOf } from '../bench/plot.ts';
import { replayBench } from '../bench/replay.ts';
import { restoreBench } from '../bench/restores.ts';
import { scaleBench } from '../bench/scale.ts';
import { shapesBench, snapshotBench } from '../bench/snapshots.ts';
import { stallBench } from '../bench/stall.ts';
import { storeBench } from '../bench/store.ts';
import { tableOf } from '../bench/table.ts';
import { readArguments, refuseArguments } from './usage.ts';

/**
 * Measures: `npm run bench -- [NAME[/STATE]...] [--json] [--quick] [--rounds N] [--dir DIR] [--plot FILE]
 * [--transactions N]`; all benches when none is named; `snapshot/D1M` is one state of a bench that has several. A line of
 * JSON a case on stdout, with the table on stderr; on a terminal, unless --json is given, the table alone. `--dir` is on
 * which disk the files are written, `--quick` only sees that everything works. Exit status 1 when a case is above its
 * bound, or its result not true; 2 for a bench that is not there.
 */
const benches: readonly Bench[] = [
  replayBench,
  nodeBench,
  storeBench,
  liveBench,
  floorsBench,
  freezeBench,
  actorBench,
  snapshotBench,
  stallBench,
  memoryBench,
  restoreBench,
  scaleBench,
  shapesBench,
  peersBench,
];

const usage = `usage: npm run bench -- [NAME[/STATE]...] [OPTION...]
  NAME              which to measure, all unless one is named: ${benches.map(({ name }) => name).join(', ')}
  --json            a line of JSON a case on stdout, the table on stderr
  --quick           only see that everything works
  --rounds N        how often each case is measured
  --dir DIR         on which disk the files are written
  --plot FILE       draw the ratios as SVG, too
  --transactions N  of the node, 1000 or more (default: 1000000)`;

const { values, positionals } = readArguments(usage, () =>
  parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: !process.stdout.isTTY },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      dir: { type: 'string', default: tmpdir() },
      plot: { type: 'string' },
      transactions: { type: 'string', default: '1000000' },
    },
  }),
);
const transactions = Number(values.transactions);
const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
const wanted = positionals.map((named) => {
  const [bench = '', only] = named.split('/', 2);
  return { bench, only };
});
const unknown = wanted.filter(({ bench }) => benches.every(({ name }) => name !== bench));

for (const { bench } of unknown) refuseArguments(usage, `there is no bench ${bench}`);
if (!isCount(transactions, 1000)) refuseArguments(usage, '--transactions is 1000 or more');
if (!isCount(rounds ?? 1, 1)) refuseArguments(usage, '--rounds is 1 or more');
await runAll();

function isCount(value: number, min: number): boolean {
  return Number.isSafeInteger(value) && value >= min;
}

async function runAll(): Promise<void> {
  const directory = mkdtempSync(join(values.dir, 'ledger-bench-'));
  const cleanUp = () => {
    killParties();
    // A party that was just ended may still be making a file.
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      cleanUp();
      process.exit(130);
    });
  }
  try {
    report(await measureAll(directory));
  } finally {
    cleanUp();
  }
}

async function measureAll(directory: string): Promise<BenchLine[]> {
  const options = { transactions, directory, isQuick: values.quick, rounds };
  const lines: BenchLine[] = [];
  const all = benches.map(({ name }) => ({ bench: name, only: undefined }));
  for (const { bench: named, only } of wanted.length > 0 ? wanted : all) {
    const bench = benches.find(({ name }) => name === named);
    for await (const line of bench?.run({ ...options, only }) ?? []) {
      const told = values.quick ? unbound(line) : line;
      lines.push(told);
      if (values.json) console.log(JSON.stringify(told));
      else console.error(`${told.name}: ${told.case}`);
    }
  }
  return lines;
}

/** What was measured to see that it works is held to nothing. */
function unbound({ bound: _, ...line }: BenchLine): BenchLine {
  return { ...line, quick: true };
}

function report(lines: readonly BenchLine[]): void {
  const machine = `${machineText()}`;
  const table = `${machine}\n\n${tableOf(lines)}`;
  if (values.json) console.error(table);
  else console.log(table);
  if (values.plot !== undefined) {
    mkdirSync(dirname(values.plot), { recursive: true });
    writeFileSync(values.plot, plotOf(lines, machine));
  }
  for (const line of lines) {
    if (isWithinBound(line)) continue;
    const { name, bound } = line;
    console.error(`${name}, ${line.case}: ${heldFigure(line)} is above the bound of ${bound}`);
    process.exitCode = 1;
  }
}

function machineText(): string {
  const [first] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpus().length} × ${first?.model ?? 'unknown'}, ${memory}, Node ${process.versions.node}`;
}
