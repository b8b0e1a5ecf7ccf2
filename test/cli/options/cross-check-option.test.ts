import { readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { crossCheckText, withCrossCheckMode } from '../../../src/cli/options/cross-check-option.ts';
import { projectRoot } from '../../architecture/sources.ts';
import { runHere } from '../run-cli.ts';

const fixture = join(projectRoot, 'test/fixtures/0.1.0/small-ledger');
const [name = ''] = readdirSync(join(fixture, 'snapshots'));
const file = join(fixture, 'snapshots', name);
const pin = ['--service-cert', join(fixture, 'service_cert.pem')];
const accepted = 'cose-js accepts the receipt too';

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cross-check-'));
});
afterAll(() => rm(home, { recursive: true }));

test('withCrossCheckMode() writes out a mode only where the option stands alone', () => {
  const args = ['verify', '--cross-check', 'a', '--cross-check=off', '--', '--cross-check'];
  const expected = [
    'verify',
    '--cross-check=required',
    'a',
    '--cross-check=off',
    '--',
    '--cross-check',
  ];
  expect(withCrossCheckMode(args)).toEqual(expected);
});

test.each([
  [{ status: 'available' }, 'cose-js accepts receipts too'],
  [{ status: 'off' }, 'off: node:crypto alone checks receipts'],
  [
    { status: 'unavailable', reason: 'it is broken' },
    'unavailable, node:crypto alone checks receipts: it is broken',
  ],
] as const)('crossCheckText() says %o', (verdict, text) => {
  expect(crossCheckText(verdict)).toBe(text);
});

test.each([
  [['--cross-check', file]],
  [[file, '--cross-check']],
  [['--cross-check=required', file]],
  [['--cross-check=when-available', file]],
])('verify %o asks cose-js', async (args) => {
  const { status, stdout } = await runHere(['verify', ...args, ...pin]);
  expect(stdout).toContain(accepted);
  expect(status).toBe(0);
});

test.each([[[file]], [['--cross-check=off', file]]])('verify %o does not', async (args) => {
  const { status, stdout } = await runHere(['verify', ...args, ...pin]);
  expect(stdout).toContain('verified, trusted');
  expect(stdout).not.toContain('cose-js');
  expect(status).toBe(0);
});

test.each(['verify', 'replay', 'start'])('%s refuses a mode that is none', async (command) => {
  const { status, stderr } = await runHere([command, 'x', '--cross-check=maybe']);
  expect(stderr).toContain('Allowed choices are required, when-available, off');
  expect(status).toBe(2);
});

test.each([
  ['true', true],
  ['required', true],
  ['when-available', true],
  ['false', false],
  ['off', false],
])('a configuration file may say cross-check: %s', async (value, isAsked) => {
  const config = join(home, `${value}.yaml`);
  await writeFile(config, `verify:\n  cross-check: ${value}\n`);
  const { status, stdout } = await runHere(['verify', '--config', config, file, ...pin]);
  expect(stdout.includes(accepted)).toBe(isAsked);
  expect(status).toBe(0);
});

test('a configuration file is refused for another mode', async () => {
  const config = join(home, 'other.yaml');
  await writeFile(config, 'verify:\n  cross-check: maybe\n');
  const { status, stderr } = await runHere(['verify', '--config', config, file]);
  expect(stderr).toContain('cross-check is one of required, when-available, off, not "maybe"');
  expect(status).toBe(2);
});
