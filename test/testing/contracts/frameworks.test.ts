import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { projectRoot } from '../../architecture/sources.ts';
import { registerEverySuite } from './frameworks/suites.ts';

const built = join(projectRoot, 'dist/test/testing/contracts/frameworks');

/** What vitest is given: everything that another framework must have been given as well. */
const registered = { tests: 0, skipped: 0 };

describe('every suite under vitest', () => {
  const counted = (name: string, fn: () => Promise<void>) => {
    registered.tests += 1;
    test(name, fn);
  };
  // The three of them cannot run in any framework; those below count them as skipped.
  const skip = () => {
    registered.tests += 1;
    registered.skipped += 1;
  };
  registerEverySuite({ test: Object.assign(counted, { skip }), describe });
});

test('every suite passes under node:test, with the tests that vitest has', async () => {
  const suites = join(built, 'node-suites.js');
  const { status, stdout } = await run(['--test', '--test-reporter=tap', suites]);
  const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(stdout)?.[1]);
  const found = { tests: count('tests'), skipped: count('skipped'), failed: count('fail') };
  expect(found).toEqual({ ...registered, failed: 0 });
  expect(status).toBe(0);
}, 120_000);

test('every suite passes under jest, with the tests that vitest has', async () => {
  const cacheDirectory = await mkdtemp(join(tmpdir(), 'jest-'));
  onTestFinished(() => rm(cacheDirectory, { recursive: true }));
  const config = {
    rootDir: built,
    testMatch: ['**/jest-suites.js'],
    transform: {},
    testEnvironment: 'node',
    testTimeout: 60_000,
    cacheDirectory,
  };
  const jest = join(projectRoot, 'node_modules/jest/bin/jest.js');
  const { status, stdout } = await run([
    ...['--no-warnings', '--experimental-vm-modules', jest, '--json', '--runInBand'],
    ...['--config', JSON.stringify(config)],
  ]);
  const { numTotalTests, numPendingTests, numFailedTests } = JSON.parse(stdout);
  const found = { tests: numTotalTests, skipped: numPendingTests, failed: numFailedTests };
  expect(found).toEqual({ ...registered, failed: 0 });
  expect(status).toBe(0);
}, 120_000);

/** Runs Node; a test run that fails has a status, and its report is still the one to read. */
async function run(args: readonly string[]): Promise<{ status: number; stdout: string }> {
  try {
    const options = { cwd: projectRoot, maxBuffer: 2 ** 26, env: environment() };
    return { status: 0, ...(await promisify(execFile)(process.execPath, [...args], options)) };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return { status: code, stdout };
  }
}

/** Without what tells a child that it runs within a test runner. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _1, NODE_OPTIONS: _2, VITEST: _3, ...rest } = process.env;
  return rest;
}
