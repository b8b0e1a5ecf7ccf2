import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { namedFile, readNamedFile } from '../../../src/files/named-file.ts';
import { MemoryFileSystem } from '../../../src/io/memory-file-system.ts';
import { realFileSystem } from '../../../src/io/real-file-system.ts';
import { findMemberKeys, readMemberKeys } from '../../../src/ledger/member-keys.ts';
import { readSnapshot } from '../../../src/snapshots/read.ts';
import { verifySnapshot } from '../../../src/verification/verify.ts';
import { runHere } from '../run-cli.ts';
import { temporaryDirectory } from '../temporary.ts';

const root = temporaryDirectory();
const at = (...names: string[]) => join(root, ...names);
const node = at('node');
let file = '';

/** As Kubernetes mounts a secret: each file a link, through another link, to a directory that is replaced whole. */
function mount(name: string, files: Readonly<Record<string, string>>): string {
  mkdirSync(at(name, '..2026'), { recursive: true });
  symlinkSync('..2026', at(name, '..data'));
  for (const [as, from] of Object.entries(files)) {
    cpSync(from, at(name, '..2026', as));
    symlinkSync(join('..data', as), at(name, as));
  }
  return at(name);
}

beforeAll(async () => {
  const args = ['--transactions=60', '--snapshot-every=30', '--no-progress'];
  await runHere(['start', `--dir=${node}`, ...args]);
  file = readdirSync(join(node, 'snapshots')).find((name) => name.startsWith('snapshot_60_')) ?? '';
  writeFileSync(at('c.yaml'), 'list: { json: true }');
  mount('m', {
    'service_cert.pem': join(node, 'service_cert.pem'),
    'member0_enc_privk.pem': join(node, 'keys/member0_enc_privk.pem'),
    'c.yaml': at('c.yaml'),
  });
}, 60_000);

describe('what a person names may be a link', () => {
  test('a certificate, a configuration and members’ keys of a mounted secret', async () => {
    const verified = await runHere([
      'verify',
      join(node, 'snapshots', file),
      `--service-cert=${at('m/service_cert.pem')}`,
    ]);
    expect(verified).toMatchObject({ status: 0, stderr: '' });
    const listed = await runHere(['--config', at('m/c.yaml'), 'list', join(node, 'snapshots')]);
    expect(listed.stdout).toMatch(/^\{/);
    expect(await readMemberKeys(at('m'))).toHaveLength(1);
  });

  test('a directory of keys, of snapshots, of a ledger and of a node', async () => {
    symlinkSync(join(node, 'keys'), at('keys'));
    symlinkSync(join(node, 'ledger'), at('ledger'));
    symlinkSync(join(node, 'snapshots'), at('snapshots'));
    symlinkSync(node, at('linked'));
    const pin = `--service-cert=${join(node, 'service_cert.pem')}`;
    const keys = `--member-keys=${at('keys')}`;
    const replayed = await runHere(['replay', at('ledger'), keys, pin, '--no-progress']);
    expect(replayed).toMatchObject({ status: 0 });
    const recovered = await runHere([
      'recover',
      '--ledger',
      at('ledger'),
      '--snapshots',
      at('snapshots'),
      pin,
    ]);
    expect(recovered).toMatchObject({ status: 0 });
    const started = await runHere([
      'start',
      `--dir=${at('linked')}`,
      '--transactions=5',
      '--no-progress',
    ]);
    expect(started).toMatchObject({ status: 0 });
  }, 60_000);

  test('a snapshot, by its own name or as the newest, also through a chain of links', async () => {
    const pin = `--service-cert=${join(node, 'service_cert.pem')}`;
    const target = join(node, 'snapshots', file);
    mkdirSync(at('links'));
    mkdirSync(at('store'));
    cpSync(target, at('store/blob'));
    symlinkSync(target, at('links/latest'));
    symlinkSync('latest', at('links/newest'));
    symlinkSync(at('store/blob'), at('links', file));
    for (const name of ['latest', 'newest', file]) {
      const { status, stdout } = await runHere(['verify', at('links', name), pin]);
      expect({ name, status, stdout }).toMatchObject({ status: 0 });
      expect(stdout).toContain(`${at('links', name)}: verified, trusted`);
      expect(await runHere(['show', at('links', name)])).toMatchObject({ status: 0 });
    }
    expect((await verifySnapshot(at('links/latest'))).seqno).toBe(60);
    expect((await readSnapshot(at('links', file))).file).toBe(file);
    const from = ['replay', join(node, 'ledger'), `--from=${at('links/latest')}`, '--no-progress'];
    expect((await runHere([...from, pin])).stderr).not.toContain('SYMLINK_REFUSED');
  });

  test('a link in a data directory is refused as ever', async () => {
    const data = at('data');
    cpSync(node, data, { recursive: true });
    renameSync(join(data, 'snapshots', file), at('elsewhere'));
    symlinkSync(at('elsewhere'), join(data, 'snapshots', file));
    const { stdout, stderr } = await runHere(['list', join(data, 'snapshots')]);
    expect(`${stdout}${stderr}`).not.toMatch(/^ *60 /m);
    const [chunk = ''] = readdirSync(join(data, 'ledger'));
    renameSync(join(data, 'ledger', chunk), at('chunk'));
    symlinkSync(at('chunk'), join(data, 'ledger', chunk));
    expect((await runHere(['replay', join(data, 'ledger'), '--no-progress'])).status).not.toBe(0);
  });
});

describe('a link that leads to no file is refused by its name and target, and nothing waits', () => {
  const pinned = (link: string) => runHere(['verify', 'x', `--service-cert=${link}`]);

  test.each([
    ['nothing', 'gone', () => undefined, 'which does not exist'],
    ['itself', 'link-itself', () => undefined, 'and leads in a circle'],
    ['a directory', 'dir', () => mkdirSync(at('dir')), 'which is a directory, not a file'],
    [
      'a pipe',
      'fifo',
      () => spawnSync('/usr/bin/env', ['mkfifo', at('fifo')]),
      'which is not a regular file',
    ],
    ['a device', '/dev/zero', () => undefined, 'which is not a regular file'],
  ])('%s', async (kind, target, make, why) => {
    make();
    const link = at(`link-${kind.split(' ').at(-1)}`);
    symlinkSync(target, link);
    for (const run of [
      await pinned(link),
      await runHere(['--config', link, 'list', root]),
      await runHere(['show', link]),
    ]) {
      expect(run.status).toBe(3);
      expect(run.stderr).toContain(`${link} is a symbolic link to `);
      expect(run.stderr).toContain(basename(target));
      expect(run.stderr).toContain(why);
      expect(run.stderr).toContain('[SYMLINK_REFUSED]');
    }
    const verified = await runHere(['verify', link, '--json']);
    expect(verified.status).toBe(3);
    expect(verified.stdout).toContain('SYMLINK_REFUSED');
  });

  test('a socket', async () => {
    const server = createServer().listen(at('socket'));
    onTestFinished(() => void server.close());
    symlinkSync('socket', at('link-socket'));
    const { status, stderr } = await pinned(at('link-socket'));
    expect({ status, isNamed: stderr.includes('[SYMLINK_REFUSED]') }).toEqual({
      status: 3,
      isNamed: true,
    });
  });
});

test('what is no member’s key is named with its reason', async () => {
  const keys = at('mixed');
  cpSync(join(node, 'keys'), keys, { recursive: true });
  cpSync(join(node, 'service_cert.pem'), join(keys, 'cert.pem'));
  mkdirSync(join(keys, 'directory.pem'));
  symlinkSync('nowhere', join(keys, 'dangling.pem'));
  writeFileSync(join(keys, 'text.pem'), 'hello');
  writeFileSync(join(keys, 'large.pem'), new Uint8Array(70_000));
  writeFileSync(
    join(keys, 'encrypted.pem'),
    '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n',
  );
  const { stderr } = await runHere([
    'replay',
    join(node, 'ledger'),
    `--member-keys=${keys}`,
    '--no-progress',
  ]);
  const reasonOf = (name: string) =>
    stderr.split(`${join(keys, name)} is no member’s key: `)[1]?.split('\n')[0];
  expect(reasonOf('cert.pem')).toBeUndefined();
  expect(reasonOf('directory.pem')).toContain('NOT_A_REGULAR_FILE');
  expect(reasonOf('dangling.pem')).toContain(
    'symbolic link to nowhere, which does not exist [SYMLINK_REFUSED]',
  );
  expect(reasonOf('text.pem')).toBe('it holds no PEM');
  expect(reasonOf('large.pem')).toContain('TOO_LARGE');
  expect(reasonOf('encrypted.pem')).toContain('or is encrypted');
  expect(stderr).not.toContain('warning: no RSA private key');
  const { keys: found, skipped } = await findMemberKeys(keys, realFileSystem);
  expect(found.length).toBeGreaterThan(0);
  expect(skipped.find(({ reason }) => reason === 'it is a private key of type ec')).toBeDefined();
  rmSync(join(keys, 'member0_enc_privk.pem'));
  const without = await runHere([
    'replay',
    join(node, 'ledger'),
    `--member-keys=${keys}`,
    '--no-progress',
  ]);
  expect(without.stderr).toContain(`warning: no RSA private key (.pem) in ${keys}`);
  expect(without.stderr).toContain('cert.pem is no member’s key: it is a PEM CERTIFICATE');
  expect(without.stderr).toContain('is no member’s key: it is a private key of type ec');
});

describe('MemoryFileSystem follows links as the real one does', () => {
  const made = async () => {
    const disk = new MemoryFileSystem();
    await disk.makeDirectory('/m/..2026');
    const handle = await disk.open('/m/..2026/a', { for: 'create' });
    await handle.write(Uint8Array.of(1), 0);
    await handle.close();
    disk.addSpecial('/m/..data', 'symlink', '..2026');
    disk.addSpecial('/m/a', 'symlink', '..data/a');
    disk.addSpecial('/m/dir', 'symlink', '..data');
    disk.addSpecial('/m/gone', 'symlink', '/nowhere/a');
    disk.addSpecial('/m/loop', 'symlink', 'loop');
    return disk;
  };

  test('to a file, and only where it is named', async () => {
    const disk = await made();
    expect(await readNamedFile(disk, '/m/a', { bytesMax: 9 })).toEqual(Uint8Array.of(1));
    await expect(disk.readFile('/m/a', { bytesMax: 9 })).rejects.toMatchObject({
      code: 'SYMLINK_REFUSED',
    });
    const named = await namedFile(disk, '/m/a');
    expect((await named.fileSystem.stat(named.path))?.kind).toBe('file');
  });

  test.each([
    ['/m/gone', 'is a symbolic link to /nowhere, which does not exist'],
    ['/m/loop', 'and leads in a circle'],
    ['/m/dir', 'which is a directory, not a file'],
  ])('and refuses %s', async (path, message) => {
    const reading = readNamedFile(await made(), path, { bytesMax: 9 });
    await expect(reading).rejects.toMatchObject({ code: 'SYMLINK_REFUSED', file: path });
    await expect(reading).rejects.toThrow(message);
  });
});
