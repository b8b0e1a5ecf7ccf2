import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createNode } from '../../../src/index.ts';
import { linesOf, objectsOf, runCli } from '../run-cli.ts';
import { temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const fresh = (name: string) => join(directory, name);
const small = ['--transactions', '1200', '--snapshot-every', '400'];

const begin = (name: string, ...more: readonly string[]) =>
  runCli(['start', '--dir', fresh(name), ...small, ...more]);

/** A directory that a first `start` has left, to be copied. */
const service = begin('service');

async function copyOfService(name: string): Promise<string> {
  await service;
  cpSync(fresh('service'), fresh(name), { recursive: true });
  return fresh(name);
}

describe('start', () => {
  test('runs transactions, verifies each snapshot and restarts to the same root', async () => {
    const { status, stdout, stderr } = await service;
    expect(stdout).toMatch(/^snapshot_400_\d+.committed +[\d,]+ +[0-9a-f]{16}… +yes, trusted$/m);
    expect(stdout).toMatch(/^snapshots +3 of 3 verified by another process/m);
    expect(stdout).toMatch(/^restart +from snapshot_1200_\d+.committed and .*: the same root$/m);
    expect(stderr).toMatch(/a new service, identity [0-9a-f]{16}…, view 2$/m);
    expect(stderr).toMatch(/^snapshot of 400: committed, snapshot_400_\d+.committed$/m);
    expect(status).toBe(0);
  });

  test('leaves what an auditor needs: ledger, snapshots, certificates, keys', async () => {
    await service;
    expect(readdirSync(fresh('service')).sort()).toEqual([
      'keys',
      'ledger',
      'node_cert.pem',
      'service_cert.pem',
      'snapshots',
      'view',
    ]);
    const ledger = readdirSync(fresh('service/ledger')).sort();
    expect(ledger[0]).toBe('ledger_1-400.committed');
    expect(ledger).toContain('ledger_401-800.committed');
  });

  test('what it wrote is replayed byte for byte, and trusted', async () => {
    await service;
    const out = fresh('replayed');
    const keys = fresh('service/keys');
    const args = ['replay', fresh('service/ledger'), '--member-keys', keys, '--out', out, '--json'];
    const { status, stdout } = await runCli(args);
    expect(objectsOf(stdout).at(-1)).toMatchObject({ evidences: 3, identical: 3 });
    expect(status).toBe(0);
    const files = readdirSync(fresh('service/snapshots'));
    expect(readdirSync(out).sort()).toEqual(files.sort());
    for (const file of files) {
      const ours = readFileSync(fresh(`service/snapshots/${file}`));
      expect(readFileSync(join(out, file)).equals(ours), file).toBe(true);
    }
    const pin = ['--service-cert', fresh('service/service_cert.pem'), '--json'];
    const paths = files.map((file) => join(out, file));
    const verified = await runCli(['verify', ...paths, '--cross-check', ...pin]);
    expect(objectsOf(verified.stdout).map(({ verified, trusted }) => verified && trusted)).toEqual([
      true,
      true,
      true,
    ]);
  });

  test('in the same directory goes on from what is there', async () => {
    const dir = await copyOfService('again');
    const { status, stdout, stderr } = await runCli(['start', '--dir', dir, ...small, '--json']);
    const summary = objectsOf(stdout).at(-1);
    expect(stderr).toMatch(/goes on from snapshot_1200_\d+.committed and seqno \d+, .* view 4$/m);
    expect(summary).toMatchObject({ summary: true, snapshots: 6, verified: 6, unfinished: 0 });
    expect(summary?.['root']).toBe(summary?.['restartRoot']);
    expect(summary?.['seqno']).toBeGreaterThan(2400);
    expect(status).toBe(0);
  });

  test('--json tells what is acknowledged, each snapshot, and a summary', async () => {
    const { stdout } = await begin('json', '--json');
    const lines = objectsOf(stdout);
    expect(lines[0]).toEqual({ acknowledged: expect.stringMatching(/^2\.\d+$/) });
    expect(lines.filter(({ file }) => file !== undefined)).toHaveLength(3);
    expect(lines.at(-1)).toMatchObject({ summary: true, transactions: 1200, view: 2 });
  });

  test('without transactions starts a service and restarts it', async () => {
    const { status, stdout } = await runCli([
      'start',
      '--dir',
      fresh('none'),
      '--transactions',
      '0',
    ]);
    expect(stdout).toMatch(
      /^restart +from the first entry and 3 entries after it: the same root$/m,
    );
    expect(status).toBe(0);
  });

  test('interrupted: exit 130, everything acknowledged is kept, and it starts again', async () => {
    const dir = fresh('interrupted');
    const args = ['start', '--dir', dir, '--transactions', '200000', '--json'];
    const first = await runCli(args, { interruptWhen: (text) => text.includes('"2.9') });
    expect(first.status).toBe(130);
    const acknowledged = objectsOf(first.stdout).map((line) => String(line['acknowledged']));
    const last = Number(acknowledged.at(-1)?.split('.')[1]);
    expect(existsSync(join(dir, 'lock'))).toBe(false);
    const again = await runCli(['start', '--dir', dir, '--transactions', '10', '--json']);
    expect(objectsOf(again.stdout).at(-1)?.['foundSeqno']).toBeGreaterThanOrEqual(last);
    expect(again.status).toBe(0);
  });
});

describe('start refuses', () => {
  test.each([
    ['--snapshot-every', '2'],
    ['--snapshot-every', 'often'],
    ['--transactions', '-1'],
    ['--transactions', '1.5'],
  ])('%s %s: exit 2', async (option, value) => {
    const { status, stderr } = await runCli(['start', '--dir', fresh('never'), option, value]);
    expect(stderr).toMatch(/whole number/);
    expect(status).toBe(2);
    expect(existsSync(fresh('never'))).toBe(false);
  });

  test('a directory that another process has: exit 3, and says what to do', async () => {
    const dir = await copyOfService('locked');
    const node = await createNode({ directory: dir });
    const { status, stderr } = await runCli(['start', '--dir', dir, ...small]);
    await node.close();
    expect(stderr).toMatch(/process \d+ holds it \[LOCKED\]/);
    expect(stderr).toMatch(/next: /);
    expect(status).toBe(3);
  });

  test('a file in the place of the directory: exit 3', async () => {
    writeFileSync(fresh('file'), '');
    const { status, stderr } = await runCli(['start', '--dir', fresh('file')]);
    expect(stderr).toMatch(/is not a directory/);
    expect(status).toBe(3);
  });

  test.each(['service_key.pem', 'node_key.pem', 'member0_enc_privk.pem'])(
    'a ledger without its %s, and leaves it as it is',
    async (key) => {
      const dir = await copyOfService(`without-${key}`);
      rmSync(join(dir, 'keys', key));
      const before = readdirSync(join(dir, 'ledger'));
      const { status, stderr } = await runCli(['start', '--dir', dir, ...small]);
      expect(stderr).toMatch(/keys/);
      expect(stderr).toMatch(/next: /);
      expect([1, 3]).toContain(status);
      expect(readdirSync(join(dir, 'ledger'))).toEqual(before);
    },
  );

  test('the ledger of another service: exit 1', async () => {
    const dir = await copyOfService('other');
    const other = await runCli(['start', '--dir', fresh('other-2'), '--transactions', '5']);
    expect(other.status).toBe(0);
    cpSync(fresh('other-2/keys'), join(dir, 'keys'), { recursive: true });
    const { status, stderr } = await runCli(['start', '--dir', dir, ...small]);
    expect(linesOf(stderr).join('\n')).toMatch(
      /\[(KID_MISMATCH|SECRETS_MISSING|GCM_TAG_MISMATCH)\]/,
    );
    expect(stderr).toMatch(/next: /);
    expect([1, 3]).toContain(status);
  });

  test('to begin a new ledger beside the snapshots of one that is gone: exit 1', async () => {
    const dir = await copyOfService('gone');
    rmSync(join(dir, 'ledger'), { recursive: true });
    mkdirSync(join(dir, 'ledger'));
    const { status, stderr } = await runCli(['start', '--dir', dir, ...small]);
    expect(stderr).toMatch(/\[LEDGER_BEHIND_SNAPSHOT\]/);
    expect(stderr).toMatch(/next: /);
    expect(status).toBe(1);
  });
});
