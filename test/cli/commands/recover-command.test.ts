import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { testOnCcfData } from '../../helpers/ccf-testdata.ts';
import { MadeLedger } from '../../helpers/make-ledger.ts';
import { type Files, ledgerFiles, splitLast } from '../../helpers/make-ledger-files.ts';
import { makeMembers } from '../../helpers/make-members.ts';
import { change } from '../../helpers/make-tables.ts';
import { recoverMade } from '../../helpers/recover-made.ts';
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

const ledger = await MadeLedger.opened({ seed: 'recover command', members });
ledger.transaction([change('app', { k: 'v' })]);
ledger.vouch(await ledger.signature());
ledger.transaction([change('public:app', { k: 'v' })]);
ledger.vouch(await ledger.signature());
await ledger.signature();
ledger.transaction([change('app', { k: 'w' })]);
const older = 'snapshot_4_5.committed';
const newer = 'snapshot_7_8.committed';

const files = ledgerFiles(ledger);
const { files: snapshotFiles } = await replayMade(ledger);
const { root } = await recoverMade(ledger);
const paths = {
  ledger: place('ledger', files),
  snapshots: place('snapshots', snapshotFiles),
  keys: join(directory, 'keys'),
  pin: join(directory, 'service_cert.pem'),
  stranger: join(directory, 'stranger.pem'),
  empty: place('empty', new Map()),
};

beforeAll(async () => {
  const [member] = members;
  const pem = member?.privateKey.export({ type: 'pkcs8', format: 'pem' }) ?? '';
  place('keys', new Map([['member0.pem', new Uint8Array(Buffer.from(pem))]]));
  writeFileSync(paths.pin, ledger.identity.serviceCertificate.pem);
  const other = await MadeLedger.opened({ seed: 'a stranger', members });
  writeFileSync(paths.stranger, other.identity.serviceCertificate.pem);
});

interface Places {
  readonly snapshots?: string;
  readonly ledger?: string;
}

const recoverHere = ({ snapshots, ledger: from }: Places, ...more: readonly string[]) =>
  runHere([
    'recover',
    '--snapshots',
    snapshots ?? paths.snapshots,
    '--ledger',
    from ?? paths.ledger,
    ...more,
  ]);

const trusting = () => ['--service-cert', paths.pin, '--member-keys', paths.keys];

const summary = {
  summary: true,
  snapshot: newer,
  trusted: true,
  from: 7,
  seqno: 10,
  view: 2,
  verifiedUntil: 9,
  root,
  transactions: 3,
  nodeSignatures: 1,
  coseSignatures: 1,
  tables: expect.any(Number),
  complete: true,
};

describe('recover', () => {
  test('--json: the summary, with its keys in their order', async () => {
    const { status, stdout, stderr } = await recoverHere({}, ...trusting(), '--json');
    const [only, ...others] = objectsOf(stdout);
    expect(others).toEqual([]);
    expect(only).toEqual(summary);
    expect(Object.keys(only ?? {})).toEqual(Object.keys(summary));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('tells people the state, and what vouches for it', async () => {
    const { status, stdout, stderr } = await recoverHere({}, ...trusting());
    expect(linesOf(stdout)).toEqual([
      `snapshot         ${newer}`,
      expect.stringMatching(/^state {12}seqno 10 in view 2, \d+ tables$/),
      `root             ${root}`,
      'verified         to seqno 9, trusted',
      'transactions     3 replayed',
      'node signatures  1 verified',
      'COSE signatures  1 verified',
      'private data     complete',
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('--json: a line for each refused snapshot comes first', async () => {
    const bytes = snapshotFiles.get(newer)?.slice() ?? new Uint8Array();
    bytes.fill(0, 200, 300);
    const snapshots = place('damaged', new Map(snapshotFiles).set(newer, bytes));
    const { status, stdout } = await recoverHere({ snapshots }, ...trusting(), '--json');
    const refused = {
      file: newer,
      seqno: 7,
      refused: true,
      code: 'CLAIMS_DIGEST_MISMATCH',
      message: expect.any(String),
    };
    expect(objectsOf(stdout)).toEqual([
      refused,
      {
        ...summary,
        snapshot: older,
        from: 4,
        transactions: 6,
        nodeSignatures: 2,
        coseSignatures: 2,
      },
    ]);
    expect(Object.keys(objectsOf(stdout)[0] ?? {})).toEqual(Object.keys(refused));
    expect(status).toBe(0);
  });

  test('names each refused snapshot with its reason to people', async () => {
    const snapshots = place('empty-file', new Map(snapshotFiles).set(newer, new Uint8Array()));
    const { stdout } = await recoverHere({ snapshots }, ...trusting());
    expect(linesOf(stdout).slice(0, 3)).toEqual([
      `${newer}: REFUSED: snapshot file of 0 bytes [EMPTY_FILE]`,
      '',
      `snapshot         ${older}`,
    ]);
  });

  test('without a usable snapshot: the whole ledger, a warning, and status 0', async () => {
    const { status, stdout, stderr } = await recoverHere(
      { snapshots: paths.empty },
      ...trusting(),
      '--json',
    );
    const [only] = objectsOf(stdout);
    expect(only).toMatchObject({ from: 0, seqno: 10, root, transactions: 10, trusted: true });
    expect(only).not.toHaveProperty('snapshot');
    expect(stderr).toContain(`warning: no usable snapshot in ${paths.empty}`);
    expect(status).toBe(0);
  });

  test('without a certificate and keys: what is not known is said', async () => {
    const { status, stdout, stderr } = await recoverHere({}, '--json');
    expect(objectsOf(stdout)).toMatchObject([{ trusted: false, complete: false, root }]);
    expect(stderr).toContain('--member-keys');
    expect(stderr).toContain('--service-cert');
    expect(status).toBe(0);
  });

  test('another service’s certificate: refused, and status 1', async () => {
    const { status, stdout, stderr } = await recoverHere(
      {},
      '--service-cert',
      paths.stranger,
      '--json',
    );
    expect(objectsOf(stdout)).toMatchObject([
      { file: newer, code: 'UNTRUSTED_SERVICE' },
      { file: older, code: 'UNTRUSTED_SERVICE' },
    ]);
    expect(stderr).toContain('[UNTRUSTED_SERVICE]');
    expect(status).toBe(1);
  });

  test('one of several certificates is enough', async () => {
    const { status, stdout } = await recoverHere(
      {},
      '--service-cert',
      paths.stranger,
      ...trusting(),
      '--json',
    );
    expect(objectsOf(stdout)).toEqual([summary]);
    expect(status).toBe(0);
  });

  test('a torn tail is told, and is no failure', async () => {
    const { name, bytes, others } = splitLast(files);
    const torn = Uint8Array.from([...bytes, ...new Uint8Array(40)]);
    const from = place('torn', new Map([...others, [name, torn]]));
    const machine = await recoverHere({ ledger: from }, ...trusting(), '--json');
    expect(objectsOf(machine.stdout)).toEqual([
      {
        ...summary,
        torn: { file: name, offset: bytes.length, bytes: 40, reason: expect.any(String) },
      },
    ]);
    const { status, stdout, stderr } = await recoverHere({ ledger: from }, ...trusting());
    expect(stdout).toContain(`torn tail        40 bytes of ${name} from offset ${bytes.length} on`);
    expect(stderr).toContain('warning: a torn tail was passed over');
    expect(status).toBe(0);
  });

  test('a ledger that does not hold: status 1, with file and seqno', async () => {
    const broken = new Map(files);
    const bytes = files.get('ledger_8-9.committed')?.slice() ?? new Uint8Array();
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    const from = place('broken', broken.set('ledger_8-9.committed', bytes));
    const { status, stdout, stderr } = await recoverHere({ ledger: from }, ...trusting());
    // The entry is the snapshot's evidence as well, and no longer the one that its receipt proves.
    expect(stdout).toMatch(/^snapshot_7_8\.committed: REFUSED: .*\[LEAF_MISMATCH\]\n$/);
    expect(stderr).toContain('ledger_8-9.committed');
    expect(stderr).toContain('seqno 8');
    expect(status).toBe(1);
  });

  test('a snapshot alone: its state, and a warning', async () => {
    const { status, stdout, stderr } = await recoverHere({ ledger: paths.empty }, ...trusting());
    expect(stdout).toContain('seqno 7 in view 2');
    expect(stderr).toContain("holds no entries: the state is the snapshot's alone");
    expect(status).toBe(0);
  });

  test.each([
    [
      'neither snapshot nor ledger',
      'EMPTY_LEDGER',
      () => ({ snapshots: paths.empty, ledger: paths.empty }),
    ],
    [
      'a snapshots directory that is not there',
      'NOT_FOUND',
      () => ({ snapshots: join(directory, 'no') }),
    ],
    [
      'a ledger directory that is not there, though the snapshot is enough',
      'NOT_FOUND',
      () => ({ ledger: join(directory, 'no') }),
    ],
    [
      'a ledger that begins later, and no snapshot',
      'CHUNK_GAP',
      () => {
        const later = new Map(files);
        later.delete('ledger_1-4.committed');
        return { ledger: place('later', later), snapshots: paths.empty };
      },
    ],
  ])('%s: status 3', async (_, code, places) => {
    const { status, stderr } = await recoverHere(places(), ...trusting());
    expect(stderr).toContain(`[${code}]`);
    expect(status).toBe(3);
  });

  test.each([
    ['no --ledger', ['recover', '--snapshots', 'x']],
    ['no --snapshots', ['recover', '--ledger', 'x']],
    ['an argument too many', ['recover', '--snapshots', 'x', '--ledger', 'x', 'more']],
  ])('%s: status 2', async (_, args) => {
    const { status, stderr } = await runHere(args);
    expect(stderr).toContain('error:');
    expect(status).toBe(2);
  });

  test('a pin that is no certificate: status 2', async () => {
    const { status } = await recoverHere({}, '--service-cert', join(paths.keys, 'member0.pem'));
    expect(status).toBe(2);
  });

  test('--help has examples, and is in the program’s help', async () => {
    const { stdout } = await runHere(['recover', '--help']);
    expect(stdout).toContain('Examples:\n  ledger-snapshotter recover --snapshots');
    expect((await runHere(['--help'])).stdout).toContain('recover [options]');
  });

  testOnCcfData('on a ledger that CCF wrote', async () => {
    const service = inCcfData('eol_service');
    const { status, stdout } = await recoverHere(
      { snapshots: join(service, 'snapshots'), ledger: join(service, 'ledger') },
      '--service-cert',
      join(service, 'common', 'service_cert.pem'),
      '--json',
    );
    const [only] = objectsOf(stdout);
    expect(only).toMatchObject({
      snapshot: 'snapshot_493_494.committed',
      trusted: true,
      seqno: 500,
    });
    expect(status).toBe(0);
  });
});
