import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeEquivalents } from '../mutants/code-equivalents.ts';
import { type CodeGroup, codeGroups } from '../mutants/code-groups.ts';
import {
  codeMutantsOf,
  faultsOfCode,
  type JudgedFile,
  type StrykerReport,
  survivorsOf,
  tableOfCode,
} from '../mutants/code-report.ts';
import { readArguments } from './usage.ts';

/**
 * Changes the code behind the statecharts, by Stryker, and tells what the tests notice: `npm run mutants:code --
 * [GROUP | FILE...]`, all groups when none is named; of a named source file only that one is changed. Each file is
 * judged by the tests that are its own, one after another, at the lowest priority. Exit status 1 when a group is below
 * its bound, 2 for a name that is not there. It takes minutes a file, so that all of it runs by night.
 */
const usage = `usage: npm run mutants:code -- [GROUP | FILE...]
  GROUP  which to change, all unless one is named: ${Object.keys(codeGroups).join(', ')}
  FILE   one file of them: ${Object.values(codeGroups).flatMap(filesOf).join(', ')}`;

const chosen = readArguments(usage, () => chosenOf(process.argv.slice(2)));
setPriority(constants.priority.PRIORITY_LOW);
await judgeAll(chosen);

/** The groups that are meant, with the files of them that are. @throws RangeError when a name is of nothing */
function chosenOf(names: readonly string[]): ReadonlyMap<string, CodeGroup> {
  const known = new Set(Object.entries(codeGroups).flatMap(([name, of]) => [name, ...filesOf(of)]));
  const unknown = names.find((name) => !known.has(name));
  if (unknown !== undefined) throw new RangeError(`there is no group or file ${unknown}`);
  const all = Object.entries(codeGroups);
  const isMeant = (name: string, file: string) =>
    names.length === 0 || names.includes(name) || names.includes(file);
  const meant = all.map(([name, group]): [string, CodeGroup] => [
    name,
    {
      ...group,
      tests: Object.fromEntries(
        Object.entries(group.tests).filter(([file]) => isMeant(name, file)),
      ),
    },
  ]);
  return new Map(meant.filter(([, { tests }]) => Object.keys(tests).length > 0));
}

function filesOf({ tests }: CodeGroup): readonly string[] {
  return Object.keys(tests);
}

async function judgeAll(groups: ReadonlyMap<string, CodeGroup>): Promise<void> {
  const judged: Record<string, readonly JudgedFile[]> = {};
  for (const [name, { tests }] of groups) {
    const files: JudgedFile[] = [];
    for (const [file, own] of Object.entries(tests)) files.push(await judge(file, own));
    judged[name] = files;
  }
  for (const survivor of Object.values(judged).flatMap(survivorsOf)) {
    console.log(`survives: ${survivor}`);
  }
  console.log(tableOfCode(judged));
  for (const [name, { scoreMin }] of groups) {
    for (const fault of faultsOfCode(judged[name] ?? [], scoreMin)) fail(`${name}: ${fault}`);
  }
}

/** Stryker's verdict on one source file, from the report that it leaves in a directory of its own. */
async function judge(file: string, tests: readonly string[]): Promise<JudgedFile> {
  const directory = mkdtempSync(join(tmpdir(), 'mutants-code-'));
  try {
    const fileName = join(directory, 'report.json');
    const config = join(directory, 'stryker.json');
    const base: unknown = JSON.parse(readFileSync('stryker.config.json', 'utf8'));
    const own = { mutate: [file], jsonReporter: { fileName } };
    writeFileSync(config, JSON.stringify(Object.assign({}, base, own)));
    const startMs = performance.now();
    const status = await stryker(config, tests);
    const seconds = Math.round((performance.now() - startMs) / 1_000);
    console.log(`${file}: ${seconds} s`);
    if (status !== 0) throw new Error(`${file}: Stryker ended with status ${status}`);
    const report: StrykerReport = JSON.parse(readFileSync(fileName, 'utf8'));
    const mutants = Object.values(report.files).flatMap(codeMutantsOf);
    return { file, mutants, equivalents: codeEquivalents[file] ?? {} };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The exit status of Stryker's run with one configuration and some of the tests. */
function stryker(config: string, tests: readonly string[]): Promise<number> {
  const program = join(process.cwd(), 'node_modules/@stryker-mutator/core/bin/stryker.js');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, 'run', config], {
      stdio: 'inherit',
      env: { ...process.env, MUTANT_TESTS: tests.join() },
    });
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? -1));
  });
}

function fail(message: string): void {
  console.error(message);
  process.exitCode = 1;
}
