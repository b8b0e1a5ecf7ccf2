import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configFileOf } from '../../../src/cli/options/config.ts';
import { projectRoot } from '../../architecture/sources.ts';
import { objectsOf, runHere } from '../run-cli.ts';
import { temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const fixture = join(projectRoot, 'test/fixtures/0.1.0/small-ledger');
const snapshots = join(fixture, 'snapshots');

/** Runs a command line under a configuration of these lines. */
function runWith(lines: readonly string[], ...args: readonly string[]) {
  const file = join(directory, 'snapshotter.yaml');
  writeFileSync(file, lines.join('\n'));
  return runHere(['--config', file, ...args]);
}

const refused = (where: string, what: string, next?: string) => ({
  status: 2,
  stdout: '',
  stderr: [
    `error: ${join(directory, 'snapshotter.yaml')}${where}: ${what}`,
    ...(next === undefined ? [] : [`  next: ${next}`]),
    '',
  ].join('\n'),
});

test.each([
  [['--config', 'a', 'list'], 'a'],
  [['list', '--config=b', 'dir'], 'b'],
  [['--config', 'a', '--config', 'b'], 'b'],
  [['verify', '--', '--config', 'a'], undefined],
  [['list'], undefined],
])('configFileOf() of %j is %j', (args, expected) => {
  expect(configFileOf(args)).toBe(expected);
});

describe('--config', () => {
  test('makes what it says the defaults of a command', async () => {
    const { status, stdout } = await runWith(['list:', '  json: true'], 'list', snapshots);
    expect(status).toBe(0);
    expect(objectsOf(stdout)).toMatchObject([{ committed: true }, { committed: true }]);
  });

  test('is read as JSON too', async () => {
    const { stdout } = await runWith(['{"list": {"json": true}}'], 'list', snapshots);
    expect(objectsOf(stdout)).toHaveLength(2);
  });

  test('says that an option which is off by its name is written with that', async () => {
    const ended = await runWith(['progress: false'], 'list', snapshots);
    const what = 'there is no option "progress"';
    expect(ended).toEqual(refused(':1:1', what, 'did you mean no-progress?'));
  });

  test('gives what a command cannot do without', async () => {
    const lines = [
      'recover:',
      '  json: true',
      `  snapshots: ${snapshots}`,
      `  ledger: ${join(fixture, 'ledger')}`,
      `  member-keys: ${join(fixture, 'keys')}`,
      `  service-cert: [${join(fixture, 'service_cert.pem')}]`,
    ];
    const { status, stdout } = await runWith(lines, 'recover');
    expect(status).toBe(0);
    expect(objectsOf(stdout).at(-1)).toMatchObject({ summary: true });
  });

  test('gives way to the command line, also where an option may be repeated', async () => {
    const lines = ['verify:', `  service-cert: ${join(directory, 'nowhere.pem')}`, '  json: true'];
    const pin = join(fixture, 'service_cert.pem');
    const [file = ''] = objectsOf((await runHere(['list', snapshots, '--json'])).stdout).map(
      (line) => join(snapshots, String(line['file'])),
    );
    const { status, stdout } = await runWith(lines, 'verify', file, '--service-cert', pin);
    expect(status).toBe(0);
    expect(objectsOf(stdout)).toMatchObject([{ trusted: true }]);
  });

  test('shows in the help of the command', async () => {
    const { stdout } = await runWith(['start:', '  dir: elsewhere'], 'start', '--help');
    expect(stdout).toContain('(default: "elsewhere")');
  });

  test('may be empty', async () => {
    expect((await runWith([''], 'list', snapshots)).status).toBe(0);
  });

  test.each([
    [['strat:', '  dir: x'], ':1:1', 'there is no option "strat"', 'did you mean start?'],
    [
      ['start:', '  dir: x', '  snapshot-evry: 5'],
      ':3:3',
      'there is no option "snapshot-evry" of start',
      'did you mean snapshot-every?',
    ],
    [['list:', '  directory: x'], ':2:3', 'there is no option "directory" of list', 'one of json'],
    [['version: true'], ':1:1', 'there is no option "version"', expect.anything()],
  ])('refuses an unknown key: %j', async (lines, where, what, next) => {
    const run = await runWith(lines, 'list', snapshots);
    if (typeof next === 'string') expect(run).toEqual(refused(where, what, next));
    else expect(run.stderr).toContain(`${where}: ${what}`);
    expect(run.status).toBe(2);
  });

  test.each([
    [['list:', '  json: 5'], ':2:9', 'json is true or false'],
    [['start: 5'], ':1:1', 'the options of start go under it'],
    [['start:', '  dir:', '    a: b'], ':3:5', 'dir is a word or a number'],
    [['start:', '  dir: [a, b]'], ':2:8', 'dir has one value'],
    [
      ['start:', '', '  # how many', '  transactions: many'],
      ':4:17',
      'transactions "many" is not possible. It must be a whole number of 0 or above.',
    ],
    [['replay:', '  receipt: xml'], ':2:12', 'receipt is one of json, cose, not "xml"'],
    [['- list'], ':1:1', 'options are written as key: value'],
    [['list:', '  json: true', '  json: false'], ':3:3', 'Map keys must be unique'],
    [['list: [1'], ':1:9', expect.stringContaining('Flow sequence')],
  ])('refuses %j', async (lines, where, what) => {
    const run = await runWith(lines, 'list', snapshots);
    if (typeof what === 'string') expect(run).toEqual(refused(where, what));
    else expect(run.stderr).toContain(`snapshotter.yaml${where}: `);
    expect(run.status).toBe(2);
  });

  test('refuses a file that is not there, with the status of what cannot be read', async () => {
    const run = await runHere(['--config', join(directory, 'nowhere'), 'list', snapshots]);
    expect(run.status).toBe(3);
    expect(run.stderr).toContain('nowhere does not exist [NOT_FOUND]');
  });

  test('refuses what is no text', async () => {
    writeFileSync(join(directory, 'binary'), Uint8Array.of(0xff, 0xfe));
    const run = await runHere(['--config', join(directory, 'binary'), 'list', snapshots]);
    expect(run).toMatchObject({ status: 2, stderr: expect.stringContaining('not UTF-8 text') });
  });
});
