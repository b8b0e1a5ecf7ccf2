import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { newerVersions } from './tried-versions.ts';
import { readArguments } from './usage.ts';

const usage =
  'usage: npm run node-versions [-- VERSION...], such as 26; without one on each that is tried';
const { positionals } = readArguments(usage, () => parseArgs({ allowPositionals: true }));

/**
 * The main job and a smoke set on other versions of Node.js, which npm's package `node` brings: `npm run
 * node-versions`. A version that cannot be had is SKIPPED with its reason. Exit status 1 when something failed. All
 * that is written lies in a temporary directory.
 */
const root = resolve(import.meta.dirname, '../../..');
const main = join(root, 'dist/src/cli/main.js');
const fixture = join(root, 'test/fixtures/0.1.0/small-ledger');

/** The whole smoke set of a version. */
const smokeMsMax = 180_000;
/** The main job of a version; it takes seven seconds alone on a machine. */
const startMsMax = 180_000;
const installMsMax = 300_000;

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(file: string, args: readonly string[], cwd: string, timeout: number): Ran {
  const { status, stdout, stderr, error } = spawnSync(file, args, {
    cwd,
    timeout,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  return { status, stdout: stdout ?? '', stderr: `${stderr ?? ''}${error ?? ''}` };
}

/** Where the binary of a version is. */
function binaryOf(version: number, cwd: string): Ran {
  const args = ['--yes', `node@${version}`, '-p', 'process.execPath'];
  return run('npx', args, cwd, installMsMax);
}

/** What is wrong with a run; `undefined` when nothing is. */
type Judge = (ran: Ran) => string | undefined;

interface Check {
  readonly what: string;
  readonly args: readonly string[];
  readonly judge: Judge;
}

const endsWell: Judge = ({ status, stderr }) => {
  if (status !== 0) return `exit status ${status}`;
  // A deprecation says what the next version will refuse.
  return /Warning:/.test(stderr) ? 'a warning of Node' : undefined;
};

/** Ends well, and its last line has these members. */
const lastLineHas =
  (expected: object): Judge =>
  (ran) => {
    const fault = endsWell(ran);
    if (fault !== undefined) return fault;
    const last = JSON.parse(ran.stdout.trimEnd().split('\n').at(-1) ?? '{}') as object;
    const found = JSON.stringify({ ...last, ...expected });
    return found === JSON.stringify(last) ? undefined : `the summary ${JSON.stringify(last)}`;
  };

const prints =
  (expected: string): Judge =>
  (ran) =>
    endsWell(ran) ?? (ran.stdout === expected ? undefined : 'another output');

const mainJob: Check = {
  what: 'start: 20,000 transactions, ten snapshots verified, cross-check required',
  args: [main, 'start', '--cross-check', '--no-progress', '--json'],
  judge: lastLineHas({ snapshots: 10, verified: 10, unfinished: 0 }),
};

const exhaustion = `
  const { WorkerPool } = await import('${join(root, 'dist/src/tasks/worker-pool.js')}');
  const worker = new URL('file://${join(root, 'dist/test/tasks/fixtures/echo-worker.js')}');
  const pool = new WorkerPool(worker, { workers: 1 });
  console.log(await pool.run('fillHeap').catch(({ code, cause }) => code + ' ' + cause.code));
  console.log(await pool.run('echo', 'well'));
  await pool.close();`;

/** After the main job, on what it has written. */
function smokeSet(cwd: string): readonly Check[] {
  const snapshots = readdirSync(join(cwd, 'data/snapshots')).filter((name) =>
    name.endsWith('.committed'),
  );
  const files = snapshots.map((name) => join('data/snapshots', name));
  const pin = ['--service-cert', 'data/service_cert.pem'];
  return [
    {
      what: 'replay of what it wrote, cross-check required',
      args: [
        main,
        'replay',
        'data/ledger',
        '--member-keys',
        'data/keys',
        '--out',
        'replayed',
        '--cross-check',
        '--json',
      ],
      judge: lastLineHas({ identical: 10, evidences: 10 }),
    },
    {
      what: "replay of an earlier release's ledger",
      args: [
        main,
        'replay',
        join(fixture, 'ledger'),
        '--member-keys',
        join(fixture, 'keys'),
        '--json',
      ],
      judge: lastLineHas({ summary: true }),
    },
    {
      what: 'verify, cross-check required',
      args: [main, 'verify', ...files, ...pin, '--cross-check', '--json'],
      judge: endsWell,
    },
    {
      what: 'recover',
      args: [
        main,
        'recover',
        '--snapshots',
        'data/snapshots',
        '--ledger',
        'data/ledger',
        ...pin,
        '--json',
      ],
      judge: endsWell,
    },
    {
      what: 'a worker thread without memory dies alone',
      args: ['--max-old-space-size=64', '--input-type=module', '-e', exhaustion],
      judge: prints('WORKER_DIED ERR_WORKER_OUT_OF_MEMORY\nwell\n'),
    },
    {
      what: 'tests of threads, of the cross-check and of the file system',
      args: [
        join(root, 'node_modules/vitest/vitest.mjs'),
        ...['run', '--root', root, '--no-cache', 'test/tasks', 'test/io', 'cross-check'],
      ],
      judge: ({ status }) => (status === 0 ? undefined : `exit status ${status}`),
    },
  ];
}

/** Runs checks one after another until the time is over; says which failed. */
function passes(binary: string, checks: readonly Check[], cwd: string, msMax: number): boolean {
  const endMs = performance.now() + msMax;
  let isGood = true;
  for (const { what, args, judge } of checks) {
    const startMs = performance.now();
    const ran = run(binary, args, cwd, Math.max(Math.round(endMs - startMs), 1));
    const fault = judge(ran);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
    console.log(`  ${fault === undefined ? 'ok    ' : 'FAILED'} ${what} (${seconds} s)`);
    if (fault === undefined) continue;
    isGood = false;
    console.log(`${fault}\n${ran.stdout.slice(-4000)}\n${ran.stderr.slice(-4000)}`);
  }
  return isGood;
}

function tryVersion(version: number): boolean {
  const cwd = mkdtempSync(join(tmpdir(), `node-${version}-`));
  try {
    const { status, stdout, stderr } = binaryOf(version, cwd);
    if (status !== 0) {
      console.log(
        `Node ${version}: SKIPPED: npx node@${version} failed: ${stderr.trim().slice(-300)}`,
      );
      return true;
    }
    const binary = stdout.trim();
    console.log(`Node ${version}: ${run(binary, ['-v'], cwd, 10_000).stdout.trim()}`);
    const isStarted = passes(binary, [mainJob], cwd, startMsMax);
    return isStarted && passes(binary, smokeSet(cwd), cwd, smokeMsMax);
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

const versions = positionals.length > 0 ? positionals.map(Number) : newerVersions;
// Each is tried, also after one that failed.
const failed = versions.filter((version) => !tryVersion(version));
if (failed.length > 0) {
  console.log(`FAILED on Node ${failed.join(', ')}`);
  process.exitCode = 1;
}
