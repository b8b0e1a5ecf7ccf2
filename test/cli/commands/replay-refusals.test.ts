import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isLockName, lockDirectory } from '../../../src/files/directory-lock.ts';
import { realProcesses } from '../../../src/io/process.ts';
import { realRandomness } from '../../../src/io/randomness.ts';
import { realFileSystem } from '../../../src/io/real-file-system.ts';
import { projectRoot } from '../../architecture/sources.ts';
import { testOnCcfData } from '../../helpers/ccf-testdata.ts';
import { MadeLedger } from '../../helpers/make-ledger.ts';
import { ledgerFiles, writeFiles } from '../../helpers/make-ledger-files.ts';
import { makeMembers } from '../../helpers/make-members.ts';
import { runCli, runHere } from '../run-cli.ts';
import { copyLedger, inCcfData, temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const fresh = (name: string) => join(directory, name);
const service = 'cose_flipflop_service';
const keys = () => ['--member-keys', inCcfData(service, 'common')];

describe('replay of a ledger that CCF did not write', () => {
  const fixture = join(projectRoot, 'test/fixtures/0.1.0/small-ledger');
  const ledger = join(fixture, 'ledger');
  const [snapshot = ''] = readdirSync(join(fixture, 'snapshots'));
  const quiet = ['--no-progress'];

  test('a file of another content in --out: what to do', async () => {
    const out = fresh('taken');
    mkdirSync(out);
    writeFileSync(join(out, snapshot), 'another');
    const memberKeys = ['--member-keys', join(fixture, 'keys')];
    const { status, stderr } = await runHere([
      'replay',
      ledger,
      ...memberKeys,
      '--out',
      out,
      ...quiet,
    ]);
    expect(stderr).toMatch(/is there: kept\n {2}next: give an empty --out/);
    expect(status).toBe(3);
  });

  test('asks for files only where none were given', async () => {
    const snapshots = ['--snapshots', join(fixture, 'snapshots')];
    const given = await runHere(['replay', ledger, ...snapshots, ...quiet]);
    expect(given.stderr).toMatch(/next: give .* with --member-keys$/m);
    const not = await runHere(['replay', ledger, ...quiet]);
    expect(not.stderr).toMatch(/with --member-keys, or existing files with --snapshots$/m);
  });

  test('a ledger that ends before --from: a warning that nothing was replayed', async () => {
    const short = await MadeLedger.opened({ seed: 'short', members: makeMembers(1) });
    const other = fresh('short');
    await writeFiles(realFileSystem, other, ledgerFiles(short));
    const from = join(fixture, 'snapshots', snapshot);
    const { stderr } = await runHere(['replay', other, '--from', from, ...quiet]);
    expect(stderr).toContain(`warning: the ledger has nothing behind ${from}`);
  });
});

describe.concurrent('wrong usage: exit 2, nothing on stdout', () => {
  test.each([
    ['no command', [], 'Usage:'],
    ['an unknown command', ['frobnicate'], "unknown command 'frobnicate'"],
    ['an unknown option', ['replay', 'x', '--frob'], "unknown option '--frob'"],
    ['no ledger', ['replay'], "missing required argument 'ledger'"],
    ['two ledgers', ['replay', 'a', 'b'], 'too many arguments'],
    ['a form that is none', ['replay', 'a', '--receipt', 'xml'], 'Allowed choices are json, cose'],
    ['--at a word', ['replay', 'a', '--at', 'last'], "argument 'last' is invalid"],
    ['--at 0', ['replay', 'a', '--at', '0'], "argument '0' is invalid"],
    ['--at hex', ['replay', 'a', '--at', '0x10'], "argument '0x10' is invalid"],
    ['--at beyond 2^53', ['replay', 'a', '--at', '9007199254740993'], 'is invalid'],
    ['--live beyond all ports', ['start', '--live', '65536'], 'from 0 to 65535'],
    ['--out without a value', ['replay', 'a', '--out'], 'argument missing'],
  ])('%s', async (_what, args, message) => {
    const { status, stdout, stderr } = await runHere(args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(message);
  });
});

test('the process of a wrong command line ends with 2', async () => {
  const { status, stderr } = await runCli(['frobnicate']);
  expect(stderr).toContain("unknown command 'frobnicate'");
  expect(status).toBe(2);
});

test('the process of a missing ledger ends with 3, without a stack trace', async () => {
  const { status, stderr } = await runCli(['replay', fresh('nowhere')]);
  expect(stderr).toBe(
    `error: ${fresh('nowhere')} does not exist [NOT_FOUND]\n  next: check the path\n`,
  );
  expect(status).toBe(3);
});

test.each([['replay'], ['verify'], ['show'], ['list']])('%s --help has examples', async (name) => {
  const { status, stdout, stderr } = await runHere([name, '--help']);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  for (const text of ['Examples:', '--no-progress', '--debug']) expect(stdout).toContain(text);
});

test('--version prints the version', async () => {
  const { status, stdout } = await runHere(['--version']);
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(status).toBe(0);
});

describe.concurrent('what cannot be read: exit 3, a message and no stack trace', () => {
  async function expectRefusal(args: readonly string[], message: string): Promise<void> {
    const { status, stdout, stderr } = await runHere(['replay', ...args]);
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toContain('  next: ');
    expect(stderr).not.toMatch(/^ +at .*:\d+:\d+/m);
  }

  test('a directory that is not there', async () => {
    const path = fresh('nowhere');
    await expectRefusal([path], `error: ${path} does not exist [NOT_FOUND]`);
  });

  test('an empty directory', async () => {
    mkdirSync(fresh('empty'));
    await expectRefusal([fresh('empty')], 'no ledger chunk in');
  });

  test('a file instead of a directory', async () => {
    writeFileSync(fresh('file'), 'x');
    await expectRefusal([fresh('file')], `${fresh('file')} is not a directory [NOT_A_DIRECTORY]`);
  });

  test('a link in the place of a chunk', async () => {
    mkdirSync(fresh('linked'));
    symlinkSync('/etc/passwd', join(fresh('linked'), 'ledger_1-2.committed'));
    await expectRefusal([fresh('linked')], '[SYMLINK_REFUSED]');
  });

  test('a directory in the place of a chunk', async () => {
    mkdirSync(join(fresh('nested'), 'ledger_1-2.committed'), { recursive: true });
    await expectRefusal([fresh('nested')], '[NOT_A_REGULAR_FILE]');
  });

  test('a directory that its mode closes', async () => {
    chmodSync(directory, 0o755);
    mkdirSync(fresh('closed'));
    chmodSync(fresh('closed'), 0o000);
    const other = process.getuid?.() === 0 ? { uid: 65_534 } : {};
    const { status, stderr } = await runCli(['replay', fresh('closed')], other);
    chmodSync(fresh('closed'), 0o700);
    expect(stderr).toContain('cannot be read (EACCES: permission denied) [READ_FAILED]');
    expect(status).toBe(3);
  });

  test('--debug adds the stack and the cause', async () => {
    const { status, stderr } = await runHere(['replay', fresh('nowhere'), '--debug']);
    expect(status).toBe(3);
    expect(stderr).toContain('StorageError');
    expect(stderr).toContain('[cause]');
  });

  testOnCcfData('a chunk that is missing', async () => {
    const ledger = copyLedger(service, directory, 'gap');
    rmSync(join(ledger, 'ledger_1-14.committed'));
    await expectRefusal([ledger], 'begins at seqno 15');
  });

  testOnCcfData('directories of --snapshots and --member-keys that are not there', async () => {
    const ledger = inCcfData(service, 'ledger');
    await expectRefusal([ledger, '--snapshots', fresh('no')], `${fresh('no')} does not exist`);
    await expectRefusal([ledger, '--member-keys', fresh('no')], `${fresh('no')} does not exist`);
    await expectRefusal([ledger, '--from', fresh('no')], `${fresh('no')} does not exist`);
  });

  testOnCcfData('--out below a file, and where nothing can be made', async () => {
    const ledger = inCcfData(service, 'ledger');
    writeFileSync(fresh('plain'), 'x');
    await expectRefusal([ledger, '--out', join(fresh('plain'), 'd')], '[NOT_A_DIRECTORY]');
    await expectRefusal([ledger, '--out', '/proc/d'], '/proc/d');
  });

  testOnCcfData('--out that is not writable', async () => {
    chmodSync(directory, 0o755);
    mkdirSync(fresh('readonly'), { mode: 0o555 });
    const other = process.getuid?.() === 0 ? { uid: 65_534 } : {};
    const args = ['replay', inCcfData(service, 'ledger'), '--out', fresh('readonly')];
    const { status, stderr } = await runCli(args, other);
    expect(stderr).toContain('cannot be written (EACCES: permission denied) [WRITE_FAILED]');
    expect(status).toBe(3);
  });

  testOnCcfData('--out that another process has locked', async () => {
    const out = fresh('locked');
    mkdirSync(out);
    const options = {
      fileSystem: realFileSystem,
      processes: realProcesses,
      randomness: realRandomness,
    };
    const lock = await lockDirectory(out, options);
    await expectRefusal([inCcfData(service, 'ledger'), '--out', out], '[LOCKED]');
    expect(readdirSync(out).filter((name) => !isLockName(name))).toEqual([]);
    await lock.release();
  });
});

describe.concurrent('member keys that are none', () => {
  testOnCcfData('a fresh RSA key opens nothing: exit 3', async () => {
    mkdirSync(fresh('keys'));
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(join(fresh('keys'), 'member0_enc_privk.pem'), pem);
    const args = ['replay', inCcfData(service, 'ledger'), '--member-keys', fresh('keys')];
    const { status, stderr } = await runHere(args);
    expect(stderr).toContain('the member key opens no ledger secret');
    expect(status).toBe(3);
  });

  testOnCcfData('a directory without keys: it says so, exit 3', async () => {
    mkdirSync(fresh('no-keys'));
    writeFileSync(join(fresh('no-keys'), 'broken.pem'), '-----BEGIN RSA PRIVATE KEY-----\n');
    const args = ['replay', inCcfData(service, 'ledger'), '--member-keys', fresh('no-keys')];
    const { status, stderr } = await runHere(args);
    expect(stderr).toContain(`no RSA private key (.pem) in ${fresh('no-keys')}`);
    expect(status).toBe(3);
  });
});

describe.concurrent('an interrupted replay leaves nothing half done: exit 130', () => {
  const ledger = () => inCcfData('double_sealed_service', 'ledger');
  const withKeys = () => ['--member-keys', inCcfData('double_sealed_service', 'common')];
  const interruptWhen = (output: string) => output.includes('"seqno"');

  testOnCcfData('in --out only whole snapshots remain', async () => {
    const out = fresh('interrupted');
    const args = ['replay', ledger(), ...withKeys(), '--out', out, '--json'];
    const { status, stderr } = await runCli(args, { interruptWhen });
    expect(status).toBe(130);
    expect(stderr).toContain('interrupted');
    const left = readdirSync(out);
    expect(left.length).toBeGreaterThan(0);
    expect(left.filter((name) => !/^snapshot_\d+_\d+\.committed$/.test(name))).toEqual([]);
    const files = left.map((name) => join(out, name));
    const verified = await runCli(['verify', ...files, '--allow-untrusted', '--json']);
    expect(verified.status).toBe(0);
  });

  testOnCcfData('without --out the temporary directory goes', async () => {
    const tmp = fresh('tmp');
    mkdirSync(tmp);
    const args = ['replay', ledger(), ...withKeys(), '--json'];
    const { status } = await runCli(args, { interruptWhen, env: { TMPDIR: tmp } });
    expect({ status, left: readdirSync(tmp) }).toEqual({ status: 130, left: [] });
  });
});

testOnCcfData('a temporary directory goes also after an error', async () => {
  const tmp = fresh('tmp-error');
  mkdirSync(tmp);
  const args = ['replay', fresh('nowhere'), ...keys()];
  const { status } = await runCli(args, { env: { TMPDIR: tmp } });
  expect({ status, left: readdirSync(tmp) }).toEqual({ status: 3, left: [] });
});
