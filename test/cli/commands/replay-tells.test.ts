import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { runProgram } from '../../../src/cli/program.ts';
import { seqno } from '../../../src/core/words.ts';
import { decodeChunk } from '../../../src/formats/entries/ledger-chunk.ts';
import { realClock } from '../../../src/io/clock.ts';
import { readCcfFile, testOnCcfData } from '../../helpers/ccf-testdata.ts';
import { MadeLedger } from '../../helpers/make-ledger.ts';
import { type Files, ledgerFiles } from '../../helpers/make-ledger-files.ts';
import { makeMembers } from '../../helpers/make-members.ts';
import { type CliRun, linesOf, objectsOf, runHere } from '../run-cli.ts';
import { copyLedger, inCcfData, temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const fresh = (name: string) => join(directory, name);
const certificateOf = (service: string) => [
  ...['--service-cert', inCcfData(service, 'common', 'service_cert.pem')],
];
const keysOf = (service: string) => [
  ...['--member-keys', inCcfData(service, 'common')],
  ...certificateOf(service),
];
const nobodyPinned = [
  'warning: nobody is pinned: anyone could have written this ledger',
  '  next: name the service that you trust with --service-cert',
];

/** Replays without a process of its own. */
const replayHere = (ledger: string, ...more: readonly string[]): Promise<CliRun> =>
  runHere(['replay', ledger, '--no-progress', '--json', ...more]);

const thrownAway = 'the snapshots were thrown away again: --out DIR keeps the files';

function place(name: string, files: Files): string {
  mkdirSync(fresh(name));
  for (const [file, bytes] of files) writeFileSync(join(fresh(name), file), bytes);
  return fresh(name);
}

/** The directory of the members' keys that open made ledgers. */
const members = makeMembers(1);
const [member] = members;
const pem = member?.privateKey.export({ type: 'pkcs8', format: 'pem' }) ?? '';
const keys = place('keys', new Map([['member0.pem', new Uint8Array(Buffer.from(pem))]]));

describe('files that are passed over', () => {
  const service = 'cose_flipflop_service';
  const [first, last] = ['ledger_1-14.committed', 'ledger_15-46.committed'];

  testOnCcfData('each is told, on stderr and in the summary: exit 0 as without them', async () => {
    const ledger = copyLedger(service, directory, 'passed-over');
    const copies = ['ledger_1', 'ledger_1-14.committed.ignored', 'ledger_15.recovery'];
    for (const name of [...copies, `${last}.corrupt`]) {
      copyFileSync(join(ledger, name.includes('15') ? last : first), join(ledger, name));
    }
    writeFileSync(join(ledger, 'notes.txt'), 'not a chunk');
    const { status, stdout, stderr } = await replayHere(ledger, ...keysOf(service));
    expect(objectsOf(stdout).at(-1)).toMatchObject({
      transactions: 46,
      identical: 1,
      passedOver: [
        { file: 'ledger_1-14.committed.ignored', reason: 'IGNORED' },
        { file: 'ledger_15-46.committed.corrupt', reason: 'BAD_NAME' },
        { file: 'ledger_15.recovery', reason: 'RECOVERY' },
        { file: 'notes.txt', reason: 'BAD_NAME' },
        { file: 'ledger_1', reason: 'SUPERSEDED' },
      ],
    });
    expect(linesOf(stderr)).toEqual([
      `warning: ${ledger}/ledger_1-14.committed.ignored was passed over: a node has set it aside`,
      `warning: ${ledger}/ledger_15-46.committed.corrupt was passed over: not the name of a ledger chunk`,
      `warning: ${ledger}/ledger_15.recovery was passed over: written during a recovery that has not finished`,
      `warning: ${ledger}/notes.txt was passed over: not the name of a ledger chunk`,
      `warning: ${ledger}/ledger_1 was passed over: another chunk that begins at its seqno is committed, or longer, and was read instead`,
      '14 entries also in 1 other file: byte for byte the same',
      thrownAway,
    ]);
    expect(status).toBe(0);
  });

  testOnCcfData('a last chunk that was renamed is gone from the ledger: told', async () => {
    const ledger = copyLedger(service, directory, 'renamed-last');
    renameSync(join(ledger, last), join(ledger, `${last}.recovery`));
    const { status, stdout, stderr } = await replayHere(ledger);
    expect(objectsOf(stdout).at(-1)).toMatchObject({
      transactions: 14,
      passedOver: [{ file: `${last}.recovery`, reason: 'RECOVERY' }],
    });
    expect(stderr).toContain(`warning: ${ledger}/${last}.recovery was passed over`);
    expect(status).toBe(0);
  });

  testOnCcfData.each([
    ['removed', undefined],
    ['set aside', 'ledger_44-64.committed.ignored'],
  ])('a chunk in the middle that is %s: exit 3, and the seqnos', async (what, aside) => {
    const ledger = copyLedger('double_sealed_service', directory, what);
    const chunk = join(ledger, 'ledger_44-64.committed');
    if (aside === undefined) rmSync(chunk);
    else renameSync(chunk, join(ledger, aside));
    const { status, stdout, stderr } = await replayHere(ledger);
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toContain('seqnos 44 to 64 are missing [CHUNK_GAP]');
    expect(stderr.includes('was passed over: a node has set it aside')).toBe(aside !== undefined);
  });
});

describe('a ledger in several directories', () => {
  const service = 'double_sealed_service';

  /** The node's own directory with the newest chunk, a second with the rest, and a copy of one chunk in both. */
  function split(name: string): { readonly own: string; readonly readOnly: string } {
    const own = fresh(name);
    const readOnly = copyLedger(service, directory, `${name}-ro`);
    mkdirSync(own);
    const newest = readdirSync(readOnly).find((file) => !file.endsWith('.committed'));
    const files = [newest ?? '', 'ledger_452-473.committed'];
    for (const file of files) copyFileSync(join(readOnly, file), join(own, file));
    rmSync(join(readOnly, files[0] ?? ''));
    return { own, readOnly };
  }

  testOnCcfData('replay reads them as one, and tells of copies in one line', async () => {
    const { own, readOnly } = split('several');
    const { status, stdout, stderr } = await replayHere(
      ...[own, '--read-only-ledger', readOnly, ...keysOf(service)],
    );
    expect(objectsOf(stdout).at(-1)).toMatchObject({
      transactions: 509,
      evidences: 27,
      identical: 27,
      passedOver: [{ file: 'ledger_452-473.committed', directory: readOnly, reason: 'COPY' }],
    });
    expect(stderr).toContain('22 entries also in 1 other file: byte for byte the same\n');
    expect(stderr).not.toContain('warning: ');
    expect(status).toBe(0);
  });

  testOnCcfData('recover and verify --ledger read them as one', async () => {
    const { own, readOnly } = split('recovered');
    const more = ['--read-only-ledger', readOnly, '--no-progress', '--json'];
    const keys = keysOf(service);
    const empty = ['--snapshots', fresh('no-snapshots')];
    mkdirSync(fresh('no-snapshots'));
    const recovered = await runHere(['recover', '--ledger', own, ...empty, ...keys, ...more]);
    expect(objectsOf(recovered.stdout).at(-1)).toMatchObject({ seqno: 509 });
    const out = ['--out', fresh('of-several'), '--at', '21'];
    await replayHere(own, '--read-only-ledger', readOnly, ...keys, ...out);
    const [file = ''] = readdirSync(fresh('of-several')).filter((name) => name.startsWith('snap'));
    const pins = ['--service-cert', inCcfData(service, 'common', 'service_cert.pem')];
    const path = join(fresh('of-several'), file);
    const verified = await runHere(['verify', path, '--ledger', own, ...pins, ...more]);
    expect(objectsOf(verified.stdout)).toMatchObject([{ verified: true, trusted: true }]);
    const alone = await runHere(['verify', path, '--ledger', own, ...pins, '--json']);
    expect(alone.stderr).toContain('[CHUNK_GAP]');
  });

  test('verify refuses read-only directories without the node’s own', async () => {
    const { status, stderr } = await runHere(['verify', 'file', '--read-only-ledger', 'ro']);
    expect(stderr).toContain('--read-only-ledger without --ledger');
    expect(status).toBe(2);
  });

  test('recover refuses a read-only directory that is missing', async () => {
    const ledger = place('alone', new Map());
    const more = ['--snapshots', fresh('alone'), '--read-only-ledger', fresh('nowhere')];
    const { status, stderr } = await runHere(['recover', '--ledger', ledger, ...more]);
    expect(stderr).toContain(fresh('nowhere'));
    expect(status).toBe(3);
  });
});

describe('replay --from, and the end of the ledger', () => {
  const service = 'eol_service';
  const file = 'snapshot_493_494.committed';
  const chunk = 'ledger_494';

  /** A ledger of the last chunk alone, changed, and how it is replayed from the real snapshot. */
  async function replayEnd(name: string, change: (bytes: Uint8Array) => Uint8Array) {
    const ledger = place(name, new Map([[chunk, change(readCcfFile(service, 'ledger', chunk))]]));
    return replayHere(ledger, '--from', inCcfData(service, 'snapshots', file), ...keysOf(service));
  }

  const entries = () => {
    const bytes = readCcfFile(service, 'ledger', chunk);
    const place = { file: chunk, first: seqno(494), committed: false, isLastChunk: true };
    return decodeChunk(bytes, place).entries;
  };

  const start = { file, seqno: 493, evidenceSeqno: 494 };

  testOnCcfData('the snapshot that it starts from is compared, also without keys', async () => {
    const ledger = place('whole', new Map([[chunk, readCcfFile(service, 'ledger', chunk)]]));
    const from = inCcfData(service, 'snapshots', file);
    const { status, stdout, stderr } = await replayHere(
      ...[ledger, '--from', from, ...certificateOf('eol_service')],
    );
    const digest = '3c4e60b6a4d16c54';
    expect(objectsOf(stdout)).toMatchObject([
      { seqno: 493, evidenceSeqno: 494, result: 'identical', profile: null, receipt: 'none' },
      { summary: true, evidences: 1, identical: 1, from: { ...start, compared: true } },
    ]);
    expect(Object.keys(objectsOf(stdout).at(-1) ?? {}).slice(-10)).toEqual([
      ...['identical', 'passedOver', 'from', 'identities', 'trusted'],
      ...['level', 'checked', 'runs', 'gaps', 'overlaps'],
    ]);
    expect(objectsOf(stdout)[0]?.['digest']).toMatch(new RegExp(`^${digest}`));
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  testOnCcfData('a torn tail is told, on stderr and in the summary: exit 0', async () => {
    const { status, stdout, stderr } = await replayEnd('torn', (bytes) => bytes.subarray(0, -9));
    const last = entries().at(-1);
    const torn = { file: chunk, offset: last?.offset, bytes: (last?.bytes.length ?? 0) - 9 };
    expect(objectsOf(stdout).at(-1)).toMatchObject({ transactions: 6, torn });
    expect(stderr).toContain(
      `warning: a torn tail was passed over, ${torn.bytes.toLocaleString('en')} bytes of ${chunk} from offset ${torn.offset} on: `,
    );
    expect(status).toBe(0);
  });

  testOnCcfData('a ledger torn before the evidence: what was not compared is told', async () => {
    const { status, stdout, stderr } = await replayEnd('before', (bytes) => bytes.subarray(0, 99));
    expect(objectsOf(stdout)).toMatchObject([
      { summary: true, transactions: 0, torn: { bytes: 91 }, from: { ...start, compared: false } },
    ]);
    expect(linesOf(stderr)).toEqual([
      expect.stringContaining('warning: a torn tail was passed over, 91 bytes of ledger_494'),
      `warning: ${file} was not compared: its receipt names seqno 494, where the ledger has no evidence of it`,
    ]);
    expect(status).toBe(0);
  });

  testOnCcfData('a size that hides signed entries is damage: exit 1, and the seqno', async () => {
    const second = entries()[1];
    const { status, stdout, stderr } = await replayEnd('damaged', (bytes) => {
      bytes[(second?.offset ?? 0) + 5] = 1;
      return bytes;
    });
    expect(status).toBe(1);
    expect(stderr).toContain('seqno 495, is damaged, not torn');
    expect(stderr).toContain('lies beyond it');
    expect(objectsOf(stdout).at(-1)).not.toHaveProperty('torn');
  });

  test('evidence of an older snapshot cannot be compared: exit 3, and why', async () => {
    const ledger = await MadeLedger.opened({ seed: 'older evidence', members });
    const older = await ledger.signature();
    ledger.vouch(await ledger.signature());
    ledger.vouch(older);
    await ledger.signature();
    const path = place('older', ledgerFiles(ledger));
    const out = fresh('older-out');
    await replayHere(path, '--member-keys', keys, '--out', out);
    const from = join(out, 'snapshot_4_5.committed');
    const { status, stdout, stderr } = await replayHere(
      path,
      '--from',
      from,
      '--member-keys',
      keys,
    );
    expect(objectsOf(stdout).map(({ result }) => result)).toEqual([
      'identical',
      'not-comparable',
      undefined,
    ]);
    expect(linesOf(stderr)).toEqual([
      ...nobodyPinned,
      '1 of 2 snapshots not compared: the replay starts after it',
    ]);
    expect(status).toBe(3);
  });
});

testOnCcfData('existing snapshots without evidence are told: exit as without them', async () => {
  const service = 'eol_service';
  const file = 'snapshot_493_494.committed';
  const bytes = readCcfFile(service, 'snapshots', file);
  const other = 'snapshot_470_475.committed';
  const existing = new Map([file, other].map((name) => [name, bytes] as const));
  const chunk = 'ledger_494';
  const ledger = place('no-evidence', new Map([[chunk, readCcfFile(service, 'ledger', chunk)]]));
  const snapshots = place('no-evidence-files', existing);
  const from = join(snapshots, file);
  const args = ['--from', from, '--snapshots', snapshots];
  const { status, stdout, stderr } = await replayHere(ledger, ...args);
  expect(objectsOf(stdout).at(-1)).toMatchObject({ identical: 1, notCompared: [other] });
  expect(linesOf(stderr)).toEqual([
    ...nobodyPinned,
    `warning: ${other} was not compared: nothing in what was read of the ledger vouches for it`,
  ]);
  expect(status).toBe(0);
});

describe('two evidences of one seqno', () => {
  test.each([
    ['first', ['different', 'identical'], 'snapshot_3_5.committed'],
    ['second', ['identical', 'different'], 'snapshot_3_4.committed'],
  ])('the %s is false: a line for each, exit 1', async (which, results, file) => {
    const ledger = await MadeLedger.opened({ seed: which, members });
    const version = await ledger.signature();
    const snapshot = ledger.snapshot(version);
    const other = { ...snapshot, digest: ledger.snapshot(seqno(1)).digest };
    const vouched = which === 'first' ? [other, snapshot] : [snapshot, other];
    for (const one of vouched) ledger.evidence(one);
    await ledger.signature();
    const path = place(`false-${which}`, ledgerFiles(ledger));
    const out = fresh(`out-${which}`);
    const { status, stdout, stderr } = await replayHere(path, '--member-keys', keys, '--out', out);
    const lines = objectsOf(stdout);
    expect(lines.map(({ result }) => result)).toEqual([...results, undefined]);
    expect(lines.map(({ evidence }) => evidence).slice(0, 2)).toEqual(
      vouched.map(({ digest }) => digest),
    );
    expect(lines.map((line) => line['file'])).toEqual(
      results.map((result) => (result === 'identical' ? file : undefined)).concat(undefined),
    );
    expect(lines[2]).toMatchObject({ evidences: 2, identical: 1 });
    const at = which === 'first' ? 4 : 5;
    expect(linesOf(stderr)).toEqual([
      `error: the snapshot of seqno 3 (evidence ${at}) is not the one that the ledger vouches for: its digest is ${snapshot.digest}, not ${other.digest}`,
      ...nobodyPinned,
    ]);
    expect(status).toBe(1);
  });
});

describe('progress', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  testOnCcfData('has the first reading too, with its rate and the time left', async () => {
    let now = 0;
    vi.spyOn(realClock, 'now').mockImplementation(() => {
      now += 20;
      return now;
    });
    let text = '';
    const write = (more: string) => {
      text += more;
    };
    const { signal } = new AbortController();
    const ledger = inCcfData('cose_flipflop_service', 'ledger');
    const streams = { stdout: { write: () => {} }, stderr: { write, isTTY: true, columns: 100 } };
    await runProgram(['replay', ledger], { ...streams, signal });
    const drawn = text.split('\r').filter((line) => line.startsWith('indexing'));
    expect(drawn.length).toBeGreaterThan(5);
    for (const line of drawn) {
      expect(line).toMatch(
        /^indexing \[[#.]+\] (\d+ %, \d+ of 46 entries, [\d,]+\/s, 0:0\d left|100 %, 46 of 46 entries, [\d,]+\/s)/,
      );
    }
    expect(text.indexOf('replaying')).toBeGreaterThan(text.lastIndexOf('indexing'));
  });
});
