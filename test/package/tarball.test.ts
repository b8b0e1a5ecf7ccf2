import { execFile } from 'node:child_process';
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

/** Installs the tarball into an empty project; a registry that cannot be reached skips the test. */
async function install(context: TestContext, name: string, overrides: object): Promise<string> {
  const project = await mkdtemp(join(home, `${name}-`));
  const manifest = { name, private: true, type: 'module', overrides };
  await writeFile(join(project, 'package.json'), JSON.stringify(manifest));
  try {
    await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball], {
      cwd: project,
    });
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
    const project = await install(context, 'plain', {});
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
    const project = await install(context, 'library', {});
    const script = `
      import { replayLedger, createSnapshotter, FormatError, verifySnapshot } from 'ledger-snapshotter';
      import { MerkleTree, signRootSignature } from 'ledger-snapshotter/formats';
      import { generationMachine } from 'ledger-snapshotter/machines/generation';
      console.log(typeof replayLedger, typeof createSnapshotter, typeof FormatError, typeof verifySnapshot, generationMachine.id);
      console.log(MerkleTree.genesis().leafCount, typeof signRootSignature);
    `;
    await writeFile(join(project, 'index.js'), script);
    const { stdout } = await run(process.execPath, ['index.js'], { cwd: project });
    expect(stdout.trim()).toBe('function function function function generation\n1 function');
  }, 120_000);

  test('with another elliptic verifies, and refuses only the cross-check', async (context) => {
    const project = await install(context, 'other-elliptic', { elliptic: '6.5.7' });
    const replay = await replayed(project);
    expect(replay.stdout).toContain('"result":"identical"');
    expect(replay.stdout + replay.stderr).toContain('CROSS_CHECK_UNAVAILABLE');
    expect(replay.status).not.toBe(0);

    const [expected] = await readdir(join(fixture, 'snapshots'));
    const path = join(fixture, 'snapshots', expected ?? '');
    const certificate = join(fixture, 'service_cert.pem');
    const plain = await command(project, 'verify', path, '--service-cert', certificate);
    expect(plain).toMatchObject({ status: 0 });
    const crossChecked = await command(project, 'verify', path, '--cross-check', '--json');
    expect(crossChecked.status).toBe(3);
    expect(crossChecked.stdout).toContain('CROSS_CHECK_UNAVAILABLE');
  }, 120_000);
});
