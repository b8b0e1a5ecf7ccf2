import { describe, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import { assert } from '../../src/core/errors.ts';
import { seqno as toSeqno } from '../../src/core/words.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { type Files, ledgerFiles, splitLast } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change } from '../helpers/make-tables.ts';
import { expectIdentical, replayMade, resultsOf } from '../helpers/replay-made.ts';

const members = makeMembers(1);
const opened = (seed: string) => MadeLedger.opened({ seed, members });

const appTables = (value: string) => [
  change('public:app', { 'a key': value }),
  change('app', { 'a secret': value }),
];

describe('existing snapshots', () => {
  test('that the ledger has no evidence of are told, unless one alone is asked for', async () => {
    const ledger = await opened('unvouched');
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    const { files } = await replayMade(ledger);
    const stranger = 'snapshot_3_9.committed';
    const snapshots = new Map([...files, [stranger, toUtf8('x')], ['snapshot_1_2', toUtf8('x')]]);
    const { report } = await replayMade(ledger, { snapshots });
    expect(report.notCompared).toStrictEqual([stranger]);
    expect(resultsOf(report)).toStrictEqual([[4, 'identical']]);
    const asked = await replayMade(ledger, { snapshots, at: toSeqno(3) });
    expect(asked.report.notCompared).toBeUndefined();
  });
});

describe('files of the ledger directory that are passed over', () => {
  async function makeChunks(): Promise<MadeLedger> {
    const ledger = await opened('passed over');
    for (const value of ['1', '2']) {
      ledger.transaction(appTables(value));
      ledger.vouch(await ledger.signature());
    }
    await ledger.signature();
    return ledger;
  }

  const directory = '/ledger';
  const passedOver = [
    { directory, file: 'README', reason: 'BAD_NAME' },
    { directory, file: 'ledger_1-4.committed.corrupt', reason: 'BAD_NAME' },
    { directory, file: 'ledger_1-4.committed.ignored', reason: 'IGNORED' },
    { directory, file: 'ledger_5.recovery', reason: 'RECOVERY' },
    { directory, file: 'ledger_5-7', reason: 'SUPERSEDED' },
  ] as const;

  test('each is told with its reason, before anything is read and at the end', async () => {
    const ledger = await makeChunks();
    const files = ledgerFiles(ledger);
    for (const { file } of passedOver) files.set(file, new Uint8Array(100).fill(7));
    const told: unknown[] = [];
    const options = {
      onPassedOver: (file: unknown) => told.push(file),
      onIndexProgress: () => told.push('read'),
    };
    const replay = await replayMade(ledger, { files, ...options });
    await expectIdentical(ledger, replay);
    expect(replay.report.passedOver).toStrictEqual(passedOver);
    expect(told.slice(0, 6)).toStrictEqual([...passedOver, 'read']);
  });

  test('they are told when the chunk that is missing is among them', async () => {
    const ledger = await makeChunks();
    const files = ledgerFiles(ledger);
    const name = 'ledger_5-7.committed';
    files.set(`${name}.ignored`, files.get(name) ?? new Uint8Array());
    files.delete(name);
    const told: unknown[] = [];
    const onPassedOver = (file: unknown) => told.push(file);
    await expect(replayMade(ledger, { files, onPassedOver })).rejects.toMatchObject({
      code: 'CHUNK_GAP',
      seqno: 5,
      message: expect.stringContaining('seqnos 5 to 7 are missing'),
    });
    expect(told).toStrictEqual([{ directory, file: `${name}.ignored`, reason: 'IGNORED' }]);
  });

  test('a whole ledger has none, and no torn tail', async () => {
    const { report } = await replayMade(await makeChunks());
    expect(report).toMatchObject({ passedOver: [], torn: undefined, from: undefined });
    expect(report.notCompared).toBeUndefined();
  });
});

describe('the end of the last open chunk', () => {
  async function makeOpen(): Promise<{ ledger: MadeLedger; files: Files }> {
    const ledger = await opened('open');
    ledger.vouch(await ledger.signature({ node: false }));
    await ledger.signature({ node: false });
    ledger.transaction(appTables('not signed'));
    return { ledger, files: ledgerFiles(ledger, { chunkEnds: [3], last: 'open' }) };
  }

  test.each([[[]], [undefined]])('a torn tail is told, member keys %j', async (memberKeys) => {
    const { ledger, files } = await makeOpen();
    const { name, bytes, others } = splitLast(files);
    const cut = new Map([...others, [name, bytes.subarray(0, -3)]]);
    const options = memberKeys === undefined ? {} : { memberKeys };
    const { report } = await replayMade(ledger, { files: cut, ...options });
    const last = ledger.entries.at(-1)?.bytes.length ?? 0;
    expect(report.failure).toBeUndefined();
    expect(report.summary.transactions).toBe(5);
    expect(report.torn).toStrictEqual({
      file: 'ledger_4',
      offset: bytes.length - last,
      bytes: last - 3,
      reason: expect.stringContaining('ledger_4'),
    });
  });

  test.each([1, 7])('an open chunk of %i bytes is a torn tail as well', async (length) => {
    const { ledger, files } = await makeOpen();
    const { name, others } = splitLast(files);
    const cut = new Map([...others, [name, new Uint8Array(length)]]);
    const { report } = await replayMade(ledger, { files: cut });
    expect(report.torn).toMatchObject({ file: 'ledger_4', offset: 0, bytes: length });
  });

  test('a size that hides a signature is damage, which ends the ledger', async () => {
    const { ledger, files } = await makeOpen();
    const { name, bytes, others } = splitLast(files);
    const damaged = bytes.slice();
    // Byte 5 of the first entry: its size is then larger than the file.
    damaged[8 + 5] = 1;
    const { report, files: published } = await replayMade(ledger, {
      files: new Map([...others, [name, damaged]]),
    });
    expect(report.failure).toMatchObject({ code: 'TRUNCATED_BODY', file: name, seqno: 4 });
    expect(report.failure?.message).toContain('the signature of seqno 5 lies beyond it');
    expect(report.torn).toBeUndefined();
    expect(published.size).toBe(0);
  });
});

describe('the snapshot that a replay starts from', () => {
  /** Versions 3 and 6, with evidence at 4 and 7. */
  async function makeTwo() {
    const ledger = await opened('from');
    ledger.vouch(await ledger.signature());
    ledger.transaction(appTables('x'));
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    const { files } = await replayMade(ledger);
    const [from] = files;
    assert(from !== undefined, 'the ledger vouches for a snapshot');
    return { ledger, from };
  }

  test('is compared with the evidence of it, with the secrets and without', async () => {
    const { ledger, from } = await makeTwo();
    const [vouched] = ledger.vouched;
    for (const keys of [{}, { memberKeys: [] }]) {
      const { report } = await replayMade(ledger, { from, ...keys });
      expect(report.snapshots[0]).toStrictEqual({
        seqno: 3,
        evidenceSeqno: 4,
        digest: vouched?.digest,
        evidence: vouched?.digest,
        result: 'identical',
        profile: undefined,
        receipt: 'none',
        file: undefined,
        outcome: undefined,
        reason: 'the replay starts from it',
      });
      const start = { file: from[0], seqno: 3, evidenceSeqno: 4, isCompared: true };
      expect(report.from).toStrictEqual(start);
      expect(report.snapshots).toHaveLength(2);
    }
  });

  test('is different where further evidence of it has another digest', async () => {
    const { ledger, from } = await makeTwo();
    ledger.evidence({ seqno: toSeqno(3), digest: ledger.snapshot(toSeqno(1)).digest });
    await ledger.signature();
    const { report } = await replayMade(ledger, { from });
    expect(resultsOf(report)).toStrictEqual([
      [4, 'identical'],
      [7, 'identical'],
      [9, 'different'],
    ]);
    expect(report.snapshots[2]).toMatchObject({ digest: ledger.vouched[0]?.digest });
  });

  test('is told of when the ledger ends before the evidence', async () => {
    const { ledger, from } = await makeTwo();
    const files = ledgerFiles({ entries: ledger.entries.slice(0, 3) });
    const { report } = await replayMade(ledger, { from, files });
    expect(report.snapshots).toStrictEqual([]);
    expect(report.from).toMatchObject({ evidenceSeqno: 4, isCompared: false });
  });

  test('is left out where another snapshot alone is asked for', async () => {
    const { ledger, from } = await makeTwo();
    const other = await replayMade(ledger, { from, at: toSeqno(6) });
    expect(resultsOf(other.report)).toStrictEqual([[7, 'identical']]);
    expect(other.report.from).toBeUndefined();
    const same = await replayMade(ledger, { from, at: toSeqno(3) });
    expect(resultsOf(same.report)).toStrictEqual([[4, 'identical']]);
    expect(same.report.from).toMatchObject({ isCompared: true });
  });

  test('has evidence of an older one behind it: that one cannot be compared', async () => {
    const ledger = await opened('older evidence');
    const older = await ledger.signature();
    ledger.vouch(await ledger.signature());
    ledger.vouch(older);
    await ledger.signature();
    const { files } = await replayMade(ledger);
    const name = 'snapshot_4_5.committed';
    const from = [name, files.get(name) ?? new Uint8Array()] as const;
    const { report } = await replayMade(ledger, { from });
    expect(resultsOf(report)).toStrictEqual([
      [5, 'identical'],
      [6, 'not-comparable'],
    ]);
    expect(report.snapshots[1]?.reason).toBe('the replay starts after it');
  });
});

describe('progress of the first reading', () => {
  async function progressOf(ledger: MadeLedger, files: Files): Promise<readonly string[]> {
    const told: string[] = [];
    await replayMade(ledger, {
      files,
      onIndexProgress: ({ seqno, last }) => told.push(`index ${seqno} of ${last}`),
      onProgress: ({ seqno, last }) => told.push(`replay ${seqno} of ${last}`),
    });
    return told;
  }

  test.each(['committed', 'complete', 'open'] as const)(
    'is told entry by entry, its end known, where the last chunk is %s',
    async (last) => {
      const ledger = await opened('progress');
      await ledger.signature();
      ledger.transaction(appTables('x'));
      await ledger.signature();
      expect(await progressOf(ledger, ledgerFiles(ledger, { last }))).toStrictEqual([
        ...[1, 2, 3, 4, 5].map((seqno) => `index ${seqno} of 5`),
        ...[1, 2, 3, 4, 5].map((seqno) => `replay ${seqno} of 5`),
      ]);
    },
  );

  test('has the first seqno of a last chunk that is malformed for its end', async () => {
    const ledger = await opened('malformed');
    await ledger.signature();
    const files = ledgerFiles(ledger).set('ledger_4', new Uint8Array(100).fill(255));
    const told = await progressOf(ledger, files);
    expect(told).toContain('index 3 of 4');
  });
});
