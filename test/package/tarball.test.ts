import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { projectRoot } from '../architecture/sources.ts';

const run = promisify(execFile);
const fixture = join(projectRoot, 'test/fixtures/0.1.0/small-ledger');

let home = '';
let tarball = '';

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'package-'));
  // The tests run on what was built just before: packing need not build again.
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', home], { cwd: projectRoot });
  const [packed] = (await readdir(home)).filter((name) => name.endsWith('.tgz'));
  tarball = join(home, packed ?? '');
}, 60_000);

afterAll(() => rm(home, { recursive: true }));

interface Installation {
  readonly overrides?: object;
  /** Of `npm install`. */
  readonly options?: readonly string[];
}

/** Installs the tarball into an empty project; a registry that cannot be reached skips the test. */
async function install(
  context: TestContext,
  name: string,
  { overrides = {}, options = [] }: Installation = {},
): Promise<string> {
  const project = await mkdtemp(join(home, `${name}-`));
  const manifest = { name, private: true, type: 'module', overrides };
  await writeFile(join(project, 'package.json'), JSON.stringify(manifest));
  try {
    const quietly = ['--prefer-offline', '--no-audit', '--no-fund', ...options];
    await run('npm', ['install', ...quietly, tarball], { cwd: project });
  } catch (error) {
    const text = String(error);
    if (!/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT/.test(text)) throw error;
    context.skip(`SKIPPED: the npm registry cannot be reached (${text.slice(0, 80)})`);
  }
  return project;
}

/** Runs the installed command; its exit status and what it printed. */
async function command(project: string, ...args: string[]) {
  const bin = join(project, 'node_modules/.bin/ledger-snapshotter');
  try {
    return { status: 0, ...(await run(bin, args, { cwd: project })) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { status: code, stdout, stderr };
  }
}

const replayed = (project: string) =>
  command(
    project,
    ...['replay', join(fixture, 'ledger'), '--member-keys', join(fixture, 'keys')],
    ...['--out', 'snapshots', '--json'],
  );

describe('the package, installed from its tarball', () => {
  test('replays, writes and verifies, cross-check included', async (context) => {
    const project = await install(context, 'plain');
    const replay = await replayed(project);
    expect(replay).toMatchObject({ status: 0 });
    const [file] = await readdir(join(project, 'snapshots'));
    const path = join('snapshots', file ?? '');
    const certificate = join(fixture, 'service_cert.pem');
    const verified = await command(
      project,
      ...['verify', path, '--service-cert', certificate, '--cross-check', '--json'],
    );
    expect(verified).toMatchObject({ status: 0 });
    expect(JSON.parse(verified.stdout)).toMatchObject({ verified: true, trusted: true });
  }, 120_000);

  test('is a library with types and machines of its own', async (context) => {
    const project = await install(context, 'library');
    const script = `
      import { replayLedger, createSnapshotter, FormatError, verifySnapshot } from 'ledger-snapshotter';
      import { MerkleTree, signRootSignature } from 'ledger-snapshotter/formats';
      import { generationMachine } from 'ledger-snapshotter/machines/generation';
      console.log(typeof replayLedger, typeof createSnapshotter, typeof FormatError, typeof verifySnapshot, generationMachine.id);
      console.log(MerkleTree.genesis().leafCount, typeof signRootSignature);
      import { readTrustAnchors, verifyReceipt } from 'ledger-snapshotter/receipts';
      console.log(typeof readTrustAnchors, typeof verifyReceipt);
    `;
    await writeFile(join(project, 'index.js'), script);
    const { stdout } = await run(process.execPath, ['index.js'], { cwd: project });
    expect(stdout.trim()).toBe(
      'function function function function generation\n1 function\nfunction function',
    );
  }, 120_000);

  test.for<[string, Installation]>([
    ['with another elliptic', { overrides: { elliptic: '6.5.7' } }],
    ['without optional dependencies', { options: ['--omit=optional'] }],
  ])(
    '%s does all but the cross-check, and says so',
    { timeout: 180_000 },
    async ([what, installation], context) => {
      const project = await install(context, what.replaceAll(' ', '-'), installation);
      const replay = await replayed(project);
      expect(replay).toMatchObject({ status: 0 });
      expect(replay.stdout).toContain('"result":"identical"');
      expect(replay.stderr).toContain('warning: no cross-check: ');

      const [expected] = await readdir(join(fixture, 'snapshots'));
      const path = join(fixture, 'snapshots', expected ?? '');
      const certificate = join(fixture, 'service_cert.pem');
      const pin = ['--service-cert', certificate];
      expect(await command(project, 'verify', path, ...pin)).toMatchObject({ status: 0 });
      const either = await command(project, 'verify', path, ...pin, '--cross-check=when-available');
      expect(either).toMatchObject({ status: 0 });
      expect(either.stderr).toContain('warning: no cross-check: ');
      const crossChecked = await command(
        project,
        'verify',
        path,
        ...pin,
        '--cross-check',
        '--json',
      );
      expect(crossChecked.status).toBe(3);
      expect(crossChecked.stdout).toContain('CROSS_CHECK_UNAVAILABLE');

      const few = ['start', '--transactions', '40', '--snapshot-every', '20', '--dir'];
      const started = await command(project, ...few, 'data');
      expect(started).toMatchObject({ status: 0 });
      expect(started.stderr).toContain('cross-check: unavailable, ');
      const refused = await command(project, ...few, 'none', '--cross-check');
      expect(refused.status).not.toBe(0);
      expect(refused.stderr).toContain('CROSS_CHECK_UNAVAILABLE');
      expect(existsSync(join(project, 'none'))).toBe(false);
    },
  );

  test('has types that ask for no optional dependency', async () => {
    const { stdout } = await run('tar', ['-xzOf', tarball, '--wildcards', '*.d.ts'], {
      maxBuffer: 64 * 1024 * 1024,
    });
    expect(stdout).toContain('createNode');
    expect(stdout).not.toMatch(
      /from ['"](cose-js|elliptic)['"]|import\(['"](cose-js|elliptic)['"]\)/,
    );
  });
});
