import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import {
  edgePairPaths,
  edgePaths,
  explore,
  simplePaths,
  subjectOf,
} from '../../../src/testing/kit.ts';
import { projectRoot } from '../../architecture/sources.ts';
import { runHere } from '../run-cli.ts';
import { temporaryDirectory } from '../temporary.ts';

const run = promisify(execFile);
const directory = temporaryDirectory();

// Inside the project a written test finds the package, as it was built, by its own name.
const inside = mkdtempSync(join(projectRoot, 'dist/testgen-'));
afterAll(() => rmSync(inside, { recursive: true, force: true }));

let directories = 0;

function fresh(parent = directory): string {
  const path = join(parent, `out-${directories++}`);
  mkdirSync(path);
  return path;
}

/** Runs vitest on the tests of a directory as their owner would. */
async function vitest(folder: string): Promise<{ passed: number; failed: number; words: string }> {
  const config = join(folder, 'vitest.config.mjs');
  writeFileSync(config, 'export default { test: { include: ["**/*.test.js"] } };\n');
  const bin = join(projectRoot, 'node_modules/vitest/vitest.mjs');
  const args = [bin, 'run', '--root', folder, '--config', config, '--reporter', 'json'];
  const { stdout } = await run(process.execPath, args, { maxBuffer: 2 ** 28 }).catch(
    (error: { stdout: string }) => error,
  );
  const report = JSON.parse(stdout) as { numPassedTests: number; numFailedTests: number };
  return { passed: report.numPassedTests, failed: report.numFailedTests, words: stdout };
}

/** A door with a guard on its payload, as a user would write it in JavaScript. */
const door = (guard: string) => `
import { setup } from 'xstate';

export const machine = setup({
  guards: { fits: (_, { key }) => ${guard} },
  delays: { patience: 5_000 },
}).createMachine({
  id: 'door',
  initial: 'closed',
  output: 'left open',
  states: {
    closed: { on: { turn: { guard: { type: 'fits', params: ({ event }) => event }, target: 'open' } } },
    open: { on: { shut: 'closed' }, after: { patience: 'over' } },
    over: { type: 'final' },
  },
});
`;
const samples = `
export const samples = {
  'turn the key': { type: 'turn', key: 'brass' },
  'turn another key': { type: 'turn', key: 'tin' },
  shut: { type: 'shut' },
  'time passed': { type: 'xstate.after.patience.door.open' },
};
`;

function doorIn(folder: string, text = door("key === 'brass'") + samples): string {
  const file = join(folder, 'door.js');
  writeFileSync(file, text);
  return file;
}

describe('testgen', () => {
  test.each([
    ['generation', 'simple', () => simplePaths(explore(subjectOf('generation', 'lean'))).length],
    [
      'ordered-tasks',
      'pairs',
      () => edgePairPaths(explore(subjectOf('ordered-tasks', 'lean'))).length,
    ],
    ['snapshotter', 'edges', () => edgePaths(explore(subjectOf('snapshotter', 'full'))).length],
    ['writer', 'shortest', () => explore(subjectOf('writer', 'full')).vertices.length - 1],
    ['recovery', 'simple', () => simplePaths(explore(subjectOf('recovery', 'lean'))).length],
  ] as const)(
    'writes tests of %s (%s) that pass against the built package',
    async (machine, paths, count) => {
      const out = fresh(inside);
      const args = ['--machine', machine, '--paths', paths, '--out', out];
      const { status, stdout, stderr } = await runHere(['testgen', ...args]);
      expect(stdout).toContain(
        `${machine}.${paths}.test.js: ${count().toLocaleString('en')} paths, `,
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(await vitest(out)).toMatchObject({ passed: count(), failed: 0 });
    },
    300_000,
  );

  test('writes tests of a machine in a file that pass, and fail once it is broken', async () => {
    const out = fresh(inside);
    const file = doorIn(out);
    const args = ['testgen', '--machine', file, '--paths', 'edges', '--out', join(out, 'tests')];
    const { status, stdout } = await runHere(args);
    expect(stdout).toContain('door.edges.test.js: 2 paths, ');
    expect(status).toBe(0);
    expect(await vitest(out)).toMatchObject({ passed: 2, failed: 0 });
    doorIn(out, door("key === 'tin'") + samples);
    expect(await vitest(out)).toMatchObject({ passed: 0, failed: 2 });
    doorIn(out, door("key === 'brass'").replace('left open', 'shut') + samples);
    const { failed, words } = await vitest(out);
    expect(failed).toBe(1);
    expect(words).toContain('left open');
  }, 300_000);

  test.each(['json', 'vitest', 'gherkin'])(
    'writes the same bytes each time: %s',
    async (format) => {
      const [one, two] = [fresh(), fresh()];
      for (const out of [one, two, two]) {
        const args = ['--machine', 'writer', '--paths', 'pairs', '--format', format];
        expect((await runHere(['testgen', ...args, '--out', out])).status).toBe(0);
      }
      const [name = ''] = readdirSync(one);
      expect(readdirSync(two)).toEqual([name]);
      expect(readFileSync(join(two, name))).toEqual(readFileSync(join(one, name)));
      expect(readFileSync(join(one, name), 'utf8')).not.toContain(projectRoot);
    },
  );

  test('json: steps with their events and the states that they lead to', async () => {
    const out = fresh();
    const file = doorIn(fresh(inside));
    const args = ['--machine', file, '--paths', 'simple', '--format', 'json', '--out', out];
    await runHere(['testgen', ...args]);
    expect(JSON.parse(readFileSync(join(out, 'door.simple.json'), 'utf8'))).toEqual({
      machine: 'door',
      paths: 'simple',
      initial: 'closed',
      list: [
        {
          title: 'turn the key > time passed = over',
          steps: [
            { sample: 'turn the key', event: { type: 'turn', key: 'brass' }, state: 'open' },
            {
              sample: 'time passed',
              event: { type: 'xstate.after.patience.door.open' },
              state: 'over',
              status: 'done',
              output: 'left open',
            },
          ],
        },
      ],
    });
  });

  test('gherkin: a scenario a path, in plain words', async () => {
    const out = fresh();
    const file = doorIn(fresh(inside));
    const args = ['--machine', file, '--paths', 'edges', '--format', 'gherkin', '--out', out];
    await runHere(['testgen', ...args]);
    expect(readFileSync(join(out, 'door.edges.feature'), 'utf8')).toBe(`\
# Written by ledger-snapshotter testgen (door, edges).
Feature: door

  Scenario: turn the key > shut = closed
    Given door is in closed
    When it is told turn: turn the key
    Then it is in open
    When it is told shut: shut
    Then it is in closed

  Scenario: turn the key > time passed = over
    Given door is in closed
    When it is told turn: turn the key
    Then it is in open
    When the time patience has passed: time passed
    Then it is in over
    And it has ended
`);
  });

  test('a file may export its whole subject, or samples that are bounded by offers', async () => {
    const out = fresh();
    const whole = door("key === 'brass'") + samples.replace('export ', '');
    const file = doorIn(fresh(inside), `${whole}export const subject = { machine, samples };`);
    const args = ['--paths', 'simple', '--out', out];
    expect((await runHere(['testgen', '--machine', file, ...args])).status).toBe(0);
    expect(readFileSync(join(out, 'door.simple.test.js'), 'utf8')).toContain('import { subject }');
    const offers = "export const offers = ({ type }) => type !== 'shut';";
    doorIn(join(file, '..'), door("key === 'brass'") + samples + offers);
    const other = join(file, '../other.js');
    writeFileSync(other, readFileSync(file));
    const edges = await runHere(['testgen', '--machine', other, '--paths', 'edges', '--out', out]);
    expect(edges.stdout).toContain('other.edges.test.js: 1 path, 2 steps');
    expect(readFileSync(join(out, 'other.edges.test.js'), 'utf8')).toContain(
      'const subject = { machine, samples, offers };',
    );
  });

  test('without samples it lists what needs one: exit 2, and nothing is written', async () => {
    const out = join(fresh(), 'never');
    const file = doorIn(fresh(inside), door('true'));
    const args = ['testgen', '--machine', file, '--paths', 'edges', '--out', out];
    const { status, stdout, stderr } = await runHere(args);
    expect(stderr).toContain(
      'no sample for turn; no sample for shut; no sample for xstate.after.patience.door.open\n  next: export samples',
    );
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(() => readdirSync(out)).toThrow('ENOENT');
  });

  test.each([
    ['a machine that is not there', ['--machine', 'gate', '--paths', 'edges'], 'no machine gate'],
    ['a kind that is not there', ['--machine', 'writer', '--paths', 'all'], 'Allowed choices are'],
    [
      'a format that is not there',
      ['--machine', 'writer', '--paths', 'edges', '--format', 'xml'],
      'Allowed choices are',
    ],
    ['no machine', ['--paths', 'edges'], '--machine'],
    ['no kind', ['--machine', 'writer'], '--paths'],
  ])('%s: exit 2', async (_, args, message) => {
    const { status, stdout, stderr } = await runHere(['testgen', ...args, '--out', directory]);
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  test.each([
    ['exports no machine', 'export const samples = {};', 'exports no machine'],
    ['cannot be loaded', 'export const = 1;', 'cannot be loaded'],
    [
      'has no end of states',
      `import { assign, setup } from 'xstate';
       export const machine = setup({}).createMachine({
         context: { n: 0 },
         on: { more: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
       });
       export const samples = { more: { type: 'more' } };`,
      'more than 2000 states. Samples that found most: more',
    ],
    [
      'is moved by nothing',
      `import { setup } from 'xstate';
       export const machine = setup({}).createMachine({});
       export const samples = {};`,
      'no sample moves door',
    ],
  ])('a file that %s: exit 2', async (_, text, message) => {
    const file = doorIn(fresh(inside), text);
    const args = ['testgen', '--machine', file, '--paths', 'edges', '--out', directory];
    const { status, stderr } = await runHere(args);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });

  test('a file that is not there: exit 3', async () => {
    const file = join(directory, 'nowhere.js');
    const args = ['testgen', '--machine', file, '--paths', 'edges', '--out', directory];
    const { status, stderr } = await runHere(args);
    expect(stderr).toContain(`${file} does not exist [NOT_FOUND]`);
    expect(status).toBe(3);
  });

  test('--help has examples, and is in the program’s help', async () => {
    expect((await runHere(['testgen', '--help'])).stdout).toContain(
      'Examples:\n  ledger-snapshotter',
    );
    expect((await runHere(['--help'])).stdout).toContain('testgen [options]');
  });
});
