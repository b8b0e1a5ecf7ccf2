import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createNode, readMemberKeys, replayLedger, seqno } from '../../../src/index.ts';
import { testOnCcfData } from '../../helpers/ccf-testdata.ts';
import { MadeLedger } from '../../helpers/make-ledger.ts';
import { type Files, ledgerFiles } from '../../helpers/make-ledger-files.ts';
import { makeMembers } from '../../helpers/make-members.ts';
import { change } from '../../helpers/make-tables.ts';
import { replayMade } from '../../helpers/replay-made.ts';
import { linesOf, objectsOf, runHere } from '../run-cli.ts';
import { inCcfData, temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const members = makeMembers(1);

/** Writes files to a new directory. */
function place(name: string, files: Files): string {
  const path = join(directory, name);
  mkdirSync(path, { recursive: true });
  for (const [file, bytes] of files) writeFileSync(join(path, file), bytes);
  return path;
}

const ledger = await MadeLedger.opened({ seed: 'prune command', members });
for (const k of ['a', 'b', 'c']) {
  ledger.transaction([change('app', { k })]);
  ledger.vouch(await ledger.signature());
}
await ledger.signature();

const { files: snapshots } = await replayMade(ledger);
const [s1 = '', s2 = '', s3 = ''] = ['4_5', '7_8', '10_11'].map((at) => `snapshot_${at}.committed`);
const pin = join(directory, 'service_cert.pem');
writeFileSync(pin, ledger.identity.serviceCertificate.pem);
const pinned = ['--service-cert', pin];
const copies = place('copies', ledgerFiles(ledger));

let directories = 0;

const fresh = (files: Files = snapshots) => place(`snapshots-${directories++}`, files);
const freshLedger = () => place(`ledger-${directories++}`, ledgerFiles(ledger));
const size = (name: string) => snapshots.get(name)?.length ?? 0;
const damaged = (name: string) => new Map(snapshots).set(name, new Uint8Array(100));

describe('prune', () => {
  test('says what went, and what is left', async () => {
    const from = fresh();
    const { status, stdout, stderr } = await runHere(['prune', from, '--keep', '1', ...pinned]);
    const sizes = [size(s1), size(s2)].map((bytes) => `${bytes.toLocaleString('en')} bytes`);
    const all = (size(s1) + size(s2)).toLocaleString('en');
    expect(linesOf(stdout)).toEqual([
      `${s1}: removed, ${sizes[0]}`,
      `${s2}: removed, ${sizes[1]}`,
      `2 snapshots removed, ${all} bytes; 1 kept`,
      `the newest that verifies: ${s3}`,
    ]);
    expect(readdirSync(from)).toEqual([s3]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('--json: a line for each file, and last the summary', async () => {
    const from = fresh();
    const pruned = freshLedger();
    const args = ['--ledger', pruned, '--copies', copies, '--json'];
    const { status, stdout } = await runHere(['prune', from, '--keep', '2', ...pinned, ...args]);
    expect(objectsOf(stdout)).toEqual([
      { file: s1, seqno: 4, bytes: size(s1), removed: true },
      { file: 'ledger_1-4.committed', last: 4, removed: true },
      { file: 'ledger_5-7.committed', last: 7, removed: true },
      {
        summary: true,
        dryRun: false,
        keep: 2,
        newestValid: s3,
        trusted: true,
        kept: 2,
        removed: 1,
        bytes: size(s1),
        failed: 0,
        chunksRemoved: 2,
      },
    ]);
    expect(Object.keys(objectsOf(stdout).at(-1) ?? {})).toEqual(
      'summary dryRun keep newestValid trusted kept removed bytes failed chunksRemoved'.split(' '),
    );
    expect(readdirSync(pruned)).toEqual(['ledger_11-12.committed', 'ledger_8-10.committed']);
    expect(status).toBe(0);
  });

  test('--dry-run removes nothing, and says what would go', async () => {
    const from = fresh();
    const args = ['prune', from, '--keep', '1', ...pinned, '--dry-run'];
    const { status, stdout } = await runHere(args);
    expect(stdout).toContain('2 snapshots would be removed');
    expect(readdirSync(from).sort()).toEqual([s1, s2, s3].toSorted());
    expect(status).toBe(0);
  });

  test('a newer one that does not verify is told, and kept with the newest that does', async () => {
    const from = fresh(damaged(s3));
    const { status, stdout } = await runHere(['prune', from, '--keep', '1', ...pinned]);
    expect(stdout).toContain(`${s3}: REFUSED, and kept: `);
    expect(stdout).toContain(`the newest that verifies: ${s2}`);
    expect(readdirSync(from).sort()).toEqual([s3, s2].toSorted());
    expect(status).toBe(0);
  });

  test('where none verifies nothing goes: exit 1, and a warning', async () => {
    const other = await MadeLedger.opened({ seed: 'another service', members });
    const stranger = join(directory, 'stranger.pem');
    writeFileSync(stranger, other.identity.serviceCertificate.pem);
    const from = fresh();
    const args = ['prune', from, '--keep', '1', '--service-cert', stranger, '--json'];
    const { status, stdout, stderr } = await runHere(args);
    const [first] = objectsOf(stdout);
    expect(first).toMatchObject({ file: s3, refused: true, code: 'UNTRUSTED_SERVICE' });
    expect(stderr).toContain('none was removed');
    expect(readdirSync(from)).toHaveLength(3);
    expect(status).toBe(1);
  });

  test('without a pin it says that any service counts', async () => {
    const { status, stderr } = await runHere(['prune', fresh(), '--keep', '1']);
    expect(stderr).toContain('--service-cert');
    expect(status).toBe(0);
  });

  test('a chunk without a copy stays, which is no failure; one with another is: exit 3', async () => {
    const pruned = freshLedger();
    const missing = place('missing', new Map());
    const args = ['prune', fresh(), '--keep', '1', ...pinned, '--ledger', pruned, '--copies'];
    const without = await runHere([...args, missing]);
    expect(without.stdout).toContain('ledger_1-4.committed: stays, with all behind it: ');
    expect(without.stdout).toContain('next: copy it there');
    expect(without.status).toBe(0);
    const other = place('other', new Map([['ledger_1-4.committed', new Uint8Array(9)]]));
    const conflict = await runHere([...args, other]);
    expect(conflict.stdout).toContain('[COMMITTED_CONFLICT]');
    expect(conflict.status).toBe(3);
    expect(readdirSync(pruned)).toHaveLength(ledgerFiles(ledger).size);
  });

  test('a live node has the directory: exit 3, and says that the node prunes by itself', async () => {
    const dir = join(directory, 'node');
    const node = await createNode({ directory: dir });
    const { status, stdout, stderr } = await runHere([
      'prune',
      join(dir, 'snapshots'),
      '--keep',
      '1',
    ]);
    await node.close();
    expect(stderr).toMatch(/process \d+ holds it; a running node prunes by itself .*\[LOCKED\]/);
    expect(stderr).toContain('next: stop that process');
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect((await runHere(['prune', join(dir, 'snapshots'), '--keep', '1'])).status).toBe(0);
  });

  test.each([
    ['FIL-21 --keep 0', ['--keep', '0'], 'whole number of 1'],
    ['FIL-21 --keep many', ['--keep', 'many'], 'whole number of 1'],
    ['FIL-21 --keep 1.5', ['--keep', '1.5'], 'whole number of 1'],
    ['no --keep', [], '--keep'],
    ['FIL-21 --ledger alone', ['--keep', '1', '--ledger', 'l'], 'without --copies'],
    ['FIL-21 --copies alone', ['--keep', '1', '--copies', 'c'], 'without --ledger'],
    ['FIL-21 --keep-chunks alone', ['--keep', '1', '--keep-chunks', '2'], 'without --ledger'],
    [
      'FIL-21 --keep-chunks 0',
      ['--keep', '1', '--ledger', 'l', '--copies', 'c', '--keep-chunks', '0'],
      'whole number of 1',
    ],
    [
      'FIL-25 the ledger as its own copies',
      ['--keep', '1', '--ledger', 'l', '--copies', './l/'],
      'must lie elsewhere',
    ],
    ['a pin that is none', ['--keep', '1', '--service-cert', copies], ''],
  ])('%s: refused, and nothing goes', async (name, args, message) => {
    const from = fresh();
    const { status, stdout, stderr } = await runHere(['prune', from, ...args]);
    expect(stderr).toContain('error:');
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({
      status: name === 'a pin that is none' ? 3 : 2,
      stdout: '',
    });
    expect(readdirSync(from)).toHaveLength(3);
  });

  test('FIL-23 a directory that is not there: exit 3', async () => {
    const nowhere = join(directory, 'nowhere');
    const { status, stderr } = await runHere(['prune', nowhere, '--keep', '1']);
    expect(stderr).toContain(`${nowhere} does not exist [NOT_FOUND]`);
    expect(status).toBe(3);
  });

  test('what is left is recovered, and replayed from the snapshot', async () => {
    const from = fresh();
    const pruned = freshLedger();
    const both = ['--ledger', pruned];
    await runHere(['prune', from, '--keep', '1', ...pinned, ...both, '--copies', copies]);
    expect(readdirSync(pruned)).toHaveLength(ledgerFiles(ledger).size - 2);
    const recovered = await runHere(['recover', '--snapshots', from, ...both, ...pinned, '--json']);
    expect(objectsOf(recovered.stdout)).toMatchObject([{ snapshot: s3, trusted: true }]);
    expect(recovered.status).toBe(0);
    const replayed = await runHere(['replay', pruned, '--from', join(from, s3)]);
    expect(replayed.stderr).not.toContain('error');
  });

  test('--help has examples, and is in the program’s help', async () => {
    expect((await runHere(['prune', '--help'])).stdout).toContain(
      'Examples:\n  ledger-snapshotter',
    );
    expect((await runHere(['--help'])).stdout).toContain('prune [options] <directory>');
  });
});

test('start --keep keeps the newest, which are verified and restarted from', async () => {
  const dir = join(directory, 'kept');
  const args = ['--transactions', '120', '--snapshot-every', '30', '--keep', '2', '--json'];
  const { status, stdout } = await runHere(['start', '--dir', dir, ...args]);
  expect(objectsOf(stdout).at(-1)).toMatchObject({ snapshots: 2, verified: 2, unfinished: 0 });
  expect(readdirSync(join(dir, 'snapshots'))).toHaveLength(2);
  expect(status).toBe(0);
});

test('FIL-21 start --keep 0: refused', async () => {
  const { status } = await runHere(['start', '--dir', join(directory, 'never'), '--keep', '0']);
  expect(status).toBe(2);
});

test('FIL-13 recover leaves a snapshot that does not verify where it is', async () => {
  const files = damaged(s3);
  const from = fresh(files);
  const { status, stdout } = await runHere([
    'recover',
    '--snapshots',
    from,
    '--ledger',
    copies,
    '--json',
  ]);
  expect(objectsOf(stdout)[0]).toMatchObject({ file: s3, refused: true });
  expect(readdirSync(from).sort()).toEqual([s1, s2, s3].toSorted());
  expect(readFileSync(join(from, s3))).toHaveLength(100);
  expect(status).toBe(0);
});

testOnCcfData(
  'on a ledger that CCF wrote: through its endorsements an older identity',
  async () => {
    const service = inCcfData('double_sealed_service');
    const from = join(directory, 'older-identity');
    const memberKeys = await readMemberKeys(join(service, 'common'));
    const written = join(service, 'ledger');
    await replayLedger({ ledger: written, out: from, memberKeys, at: seqno(21) });
    const certificate = ['--service-cert', join(service, 'common', 'service_cert.pem')];
    const args = ['prune', from, '--keep', '1', ...certificate, '--dry-run', '--json'];
    const alone = await runHere(args);
    expect(objectsOf(alone.stdout)[0]).toMatchObject({ code: 'UNTRUSTED_SERVICE' });
    expect(alone.status).toBe(1);
    const led = await runHere([...args, '--ledger', written, '--copies', copies]);
    const summary = { newestValid: 'snapshot_21_22.committed', trusted: true };
    expect(objectsOf(led.stdout).at(-1)).toMatchObject(summary);
    expect(led.status).toBe(0);
  },
);
