import { execFileSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runProgram } from '../../../src/cli/program.ts';
import { splitSnapshotFile } from '../../../src/formats/snapshot/snapshot-body.ts';
import { testOnCcfData } from '../../helpers/ccf-testdata.ts';
import { linesOf, objectsOf, runCli, runHere } from '../run-cli.ts';
import { inCcfData, temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const fresh = (name: string) => join(directory, name);
const name = 'snapshot_493_494.committed';
const file = inCcfData('eol_service', 'snapshots', name);
const digest = '3c4e60b6a4d16c542f62cd15c5e079df2a2235ee4c63c3badb86251de305a379';

/** Takes one line at a time. */
class SlowOutput extends EventEmitter {
  rows = 0;
  writtenWhenFull = 0;
  #isFull = false;

  write(): boolean {
    this.rows++;
    if (this.#isFull) this.writtenWhenFull++;
    this.#isFull = true;
    setImmediate(() => {
      this.#isFull = false;
      this.emit('drain');
    });
    return false;
  }
}

test('list says where a node keeps its snapshots', async () => {
  const node = fresh('node');
  mkdirSync(join(node, 'snapshots'), { recursive: true });
  const { status, stderr } = await runHere(['list', node]);
  expect(stderr).toBe(`  next: a node keeps its snapshots in ${join(node, 'snapshots')}\n`);
  expect(status).toBe(0);
});

describe.concurrent('show', () => {
  testOnCcfData('prints the facts of a file and its tables', async () => {
    const { status, stdout, stderr } = await runCli(['show', file]);
    const lines = linesOf(stdout);
    expect(lines.slice(0, 5)).toEqual([
      `file          ${name}, 171,727 bytes`,
      'seqno         493',
      'evidence      494 in view 10',
      `digest        ${digest}`,
      'receipt       JSON, fits the file; verify says whether to trust its signer',
    ]);
    expect(lines).toContain(
      'views         2 from 1, 4 from 36, 6 from 66, 8 from 160, 10 from 329',
    );
    expect(lines).toContain('private data  6,687 bytes, encrypted');
    expect(stdout).toMatch(/^public:ccf.gov.nodes.info +438 +11 +0 +23,142$/m);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  testOnCcfData('--json: an object of the file, then one of each table', async () => {
    const { stdout } = await runCli(['show', file, '--json']);
    const [facts, ...tables] = objectsOf(stdout);
    expect(facts).toMatchObject({
      file: name,
      seqno: 493,
      evidenceSeqno: 494,
      digest,
      bytes: 171_727,
      receipt: 'json',
      verified: true,
      privateBytes: 6687,
      tables: 36,
    });
    expect(tables).toHaveLength(36);
    expect(tables.at(-1)).toEqual({
      table: 'public:records',
      version: 492,
      keys: 104,
      removed: 0,
      bytes: 3112,
    });
  });

  testOnCcfData('--table prints rows: readable text, else hex; long values are cut', async () => {
    const table = ['--table', 'public:ccf.gov.constitution'];
    const { status, stdout } = await runHere(['show', file, ...table]);
    expect(stdout).toContain('key    0x0000000000000000\n');
    expect(stdout).toContain('bytes in all; --json shows them)\n');
    expect(stdout.length).toBeLessThan(1000);
    expect(status).toBe(0);
  });

  testOnCcfData('--table --json has all of a value', async () => {
    const table = ['--table', 'public:ccf.gov.constitution', '--json'];
    const [row] = objectsOf((await runHere(['show', file, ...table])).stdout);
    expect(Object.keys(row ?? {})).toEqual(['keyHex', 'version', 'value']);
    expect(String(row?.['value']).length).toBeGreaterThan(50_000);
  });

  testOnCcfData('--table writes a row only when the one before it is taken', async () => {
    const stdout = new SlowOutput();
    const args = ['show', file, '--table', 'public:records', '--json'];
    const { signal } = new AbortController();
    const status = await runProgram(args, { stdout, stderr: new SlowOutput(), signal });
    expect({ status, rows: stdout.rows, writtenWhenFull: stdout.writtenWhenFull }).toEqual({
      ...{ status: 0, rows: 104, writtenWhenFull: 0 },
    });
  });

  testOnCcfData.each([
    ['public:nope', 'has no table public:nope'],
    ['records', 'records is not public: private tables are encrypted'],
  ])('--table %s: exit 2', async (table, message) => {
    const { status, stdout, stderr } = await runHere(['show', file, '--table', table]);
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  testOnCcfData('a receipt that does not fit is said, and the rest shown: exit 1', async () => {
    const bytes = readFileSync(file);
    bytes[bytes.length - 10] = (bytes[bytes.length - 10] ?? 0) ^ 1;
    mkdirSync(fresh('bad'));
    writeFileSync(join(fresh('bad'), name), bytes);
    const { status, stdout } = await runHere(['show', join(fresh('bad'), name)]);
    expect(stdout).toContain('receipt       DOES NOT VERIFY: ');
    expect(stdout).toContain('evidence      494, as the name says');
    expect(status).toBe(1);
  });

  testOnCcfData('a file without receipt is shown: exit 0', async () => {
    const { entry } = splitSnapshotFile(new Uint8Array(readFileSync(file)));
    writeFileSync(fresh('snapshot_493_494'), entry);
    const { status, stdout } = await runHere(['show', fresh('snapshot_493_494')]);
    expect(stdout).toContain('receipt       none: not committed yet, or written by CCF 1.x');
    expect(status).toBe(0);
  });

  test.each([
    ['an empty file', 'zero', '', '[EMPTY_FILE]'],
    ['another file', 'junk', 'this is no snapshot at all', '[BAD_VERSION]'],
  ])('%s is refused: exit 1', async (_what, junk, text, code) => {
    writeFileSync(fresh(junk), text);
    const { status, stdout, stderr } = await runHere(['show', fresh(junk)]);
    expect(stderr).toContain(code);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  });

  test('what cannot be read: exit 3', async () => {
    execFileSync('/usr/bin/env', ['mkfifo', fresh('pipe')]);
    symlinkSync(fresh('pipe'), fresh('link'));
    const runs = ['pipe', 'link', 'nowhere', '.'].map((path) => runHere(['show', fresh(path)]));
    const ended = await Promise.all(runs);
    expect(ended.map(({ status }) => status)).toEqual([3, 3, 3, 3]);
    expect(ended.map(({ stderr }) => /\[([A-Z_]+)\]/.exec(stderr)?.[1])).toEqual([
      'NOT_A_REGULAR_FILE',
      'SYMLINK_REFUSED',
      'NOT_FOUND',
      'NOT_A_REGULAR_FILE',
    ]);
  });
});

describe.concurrent('list', () => {
  function messyDirectory(): string {
    const path = fresh('messy');
    mkdirSync(path, { recursive: true });
    const put = (file: string, text = 'x') => writeFileSync(join(path, file), text);
    put('snapshot_9_11.committed');
    put('snapshot_100_105.committed');
    put('snapshot_20_21.committed_22');
    put('snapshot_30_31.committed', '');
    put('snapshot_200_201');
    put('spool_300_0.tmp');
    put('snapshot_1_2.committed.bak');
    symlinkSync('/etc/passwd', join(path, 'snapshot_40_41.committed'));
    mkdirSync(join(path, 'quarantine'));
    return path;
  }

  test('prints the newest first, by number, and what is wrong with the others', async () => {
    const path = messyDirectory();
    const [json, people] = await Promise.all([
      runCli(['list', path, '--json']),
      runHere(['list', path]),
    ]);
    const summaries = objectsOf(json.stdout).map(({ file, ignored }) => [file, ignored]);
    expect(summaries).toEqual([
      ['snapshot_200_201', 'UNCOMMITTED'],
      ['snapshot_100_105.committed', undefined],
      ['snapshot_40_41.committed', 'SYMLINK_REFUSED'],
      ['snapshot_30_31.committed', 'EMPTY_FILE'],
      ['snapshot_20_21.committed_22', undefined],
      ['snapshot_9_11.committed', undefined],
      ['quarantine', 'QUARANTINE'],
      ['snapshot_1_2.committed.bak', 'BAD_NAME'],
      ['spool_300_0.tmp', 'SPOOL'],
    ]);
    expect(linesOf(json.stdout)[1]).toBe(
      '{"file":"snapshot_100_105.committed","seqno":100,"evidenceSeqno":105,"bytes":1,"committed":true}',
    );
    expect(linesOf(json.stdout)[0]).toBe(
      '{"file":"snapshot_200_201","seqno":200,"evidenceSeqno":201,"bytes":1,"committed":false,"ignored":"UNCOMMITTED"}',
    );
    expect(people.stdout).toContain('ignored: not the name of a snapshot');
    expect(people.stdout).toContain(
      '3 committed snapshots, the newest of seqno 100, 6 others ignored',
    );
    expect([json.status, people.status]).toEqual([0, 0]);
  });

  test('an empty directory: exit 0, no line of JSON', async () => {
    mkdirSync(fresh('empty'));
    const json = await runHere(['list', fresh('empty'), '--json']);
    expect(json).toEqual({ status: 0, stdout: '', stderr: '' });
    const people = await runHere(['list', fresh('empty')]);
    expect(people.stdout).toBe(`${fresh('empty')} is empty\n`);
  });

  test('a name that would play with the terminal is written harmlessly', async () => {
    mkdirSync(fresh('hostile'));
    writeFileSync(join(fresh('hostile'), 'a\u001b[2Jb\nc'), '');
    const { stdout } = await runHere(['list', fresh('hostile')]);
    expect(stdout).toContain('a\\u001b[2Jb\\u000ac');
    expect(stdout).not.toContain('\u001b');
  });

  test('no directory, or a file: exit 3', async () => {
    writeFileSync(fresh('plain'), 'x');
    const [none, plain] = await Promise.all([
      runHere(['list', fresh('nowhere')]),
      runHere(['list', fresh('plain')]),
    ]);
    expect(none.stderr).toContain('does not exist [NOT_FOUND]');
    expect(plain.stderr).toContain('is not a directory [NOT_A_DIRECTORY]');
    expect([none.status, plain.status]).toEqual([3, 3]);
  });
});

describe.concurrent('stdout that nobody takes', () => {
  test('a full disk is told: exit 3', () => {
    const main = join(import.meta.dirname, '../../../dist/src/cli/main.js');
    const command = `"${process.execPath}" "${main}" list "${directory}" 2>&1 >/dev/full; echo $?`;
    const output = execFileSync('sh', ['-c', command], { encoding: 'utf8' });
    expect(output).toBe('error: stdout cannot be written (ENOSPC)\n3\n');
  });

  testOnCcfData('a reader that has seen enough: no message', () => {
    const main = join(import.meta.dirname, '../../../dist/src/cli/main.js');
    const show = `"${process.execPath}" "${main}" show "${file}" --table public:records`;
    const output = execFileSync('sh', ['-c', `${show} 2>&1 | head -n 1`], { encoding: 'utf8' });
    expect(output).toBe('public:records, changed at seqno 492: 104 keys\n');
  });

  testOnCcfData('copies are listed as they are', async () => {
    mkdirSync(fresh('copies'));
    copyFileSync(file, join(fresh('copies'), name));
    const { stdout } = await runHere(['list', fresh('copies'), '--json']);
    expect(objectsOf(stdout)).toEqual([
      { file: name, seqno: 493, evidenceSeqno: 494, bytes: 171_727, committed: true },
    ]);
  });
});
