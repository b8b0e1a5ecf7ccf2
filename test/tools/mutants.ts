import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { faultsOf, judged, type Line, tableOf } from '../mutants/campaign.ts';
import { targets, usual } from '../mutants/targets.ts';
import { readArguments, refuseArguments } from './usage.ts';

/**
 * Changes the statecharts one thing at a time and shows which check notices: `npm run mutants -- [MACHINE...] [--all]
 * [--json]`; the gates and the writer when none is named. With `--json` a line of JSON a mutant, else a table. Exit
 * status 1 when one survives that is not proven equivalent, 2 for a machine that is not there.
 */
const usage = `usage: npm run mutants -- [MACHINE...] [--all] [--json]
  MACHINE  which to change, ${usual.join(' and ')} unless one is named: ${Object.keys(targets).join(', ')}
  --all    all of them
  --json   a line of JSON a mutant instead of the table`;

const { values, positionals } = readArguments(usage, () =>
  parseArgs({
    allowPositionals: true,
    options: {
      all: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  }),
);
const names = values.all ? Object.keys(targets).filter((name) => name !== 'gates') : positionals;
const chosen = names.length > 0 ? names : usual;
const unknown = chosen.filter((name) => targets[name] === undefined);

for (const name of unknown) refuseArguments(usage, `there is no machine ${name}`);
if (chosen.length === 1 && values.json) {
  for (const name of chosen) await judgeHere(name);
} else await judgeAll();

/** One machine in this process, a line of JSON a mutant. */
async function judgeHere(name: string): Promise<void> {
  // XState warns of what mutants do; what matters of it is in their lines.
  console.warn = () => {};
  const target = targets[name];
  if (target === undefined) return;
  for await (const line of judged(name, target)) console.log(JSON.stringify(line));
}

/** Every machine in a process of its own, two at a time. */
async function judgeAll(): Promise<void> {
  const waiting = [...chosen];
  const lines: Line[] = [];
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      lines.push(...(await linesOf(name)));
    }
  };
  await Promise.all([work(), work()]);
  if (!values.json) console.log(tableOf(lines));
  for (const name of chosen) report(name, lines);
  const equivalent = lines.filter((line) => line.equivalent !== undefined).length;
  if (equivalent > lines.length * 0.03)
    fail(`${equivalent} of ${lines.length} are called equivalent`);
}

function report(name: string, lines: readonly Line[]): void {
  const target = targets[name];
  if (target === undefined) return;
  const own = lines.filter(({ machine }) => machine === name);
  if (own.length === 0) fail(`${name}: no mutant was judged`);
  for (const fault of faultsOf(own, target)) fail(`${name}: ${fault}`);
}

function fail(message: string): void {
  console.error(message);
  process.exitCode = 1;
}

async function linesOf(name: string): Promise<readonly Line[]> {
  const child = spawn(process.execPath, [process.argv[1] ?? '', name, '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number>((resolve) =>
    child.on('close', (status) => resolve(status ?? -1)),
  );
  const lines: Line[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    if (values.json) console.log(text);
    lines.push(JSON.parse(text));
  }
  const status = await ended;
  if (status !== 0) fail(`${name}: its process ended with status ${status}`);
  return lines;
}
