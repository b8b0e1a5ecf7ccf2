import { describe, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import { type Seqno, seqno as toSeqno } from '../../src/core/words.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import { verifySnapshotFile } from '../../src/formats/snapshot/verify-snapshot.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { flipBit, ledgerFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change, singleton } from '../helpers/make-tables.ts';
import { replayMade, resultsOf } from '../helpers/replay-made.ts';

const members = makeMembers(1);
const opened = (seed: string) => MadeLedger.opened({ seed, members });

const appTables = (value: string) => [
  change('public:app', { 'a key': value }),
  change('app', { 'a secret': value }),
];

/** Evidence of a digest that no state at the version has. */
function vouchWrongly(ledger: MadeLedger, version: Seqno, of: Seqno = toSeqno(1)): Seqno {
  return ledger.evidence({ seqno: version, digest: ledger.snapshot(of).digest });
}

describe('several evidences of one seqno', () => {
  test('a false one, a signature, and then the true one: that has the file', async () => {
    const ledger = await opened('false, then true');
    const version = await ledger.signature();
    vouchWrongly(ledger, version);
    await ledger.signature();
    const { digest } = ledger.vouch(version);
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    const { report, files } = await replayMade(ledger);
    expect(resultsOf(report)).toStrictEqual([
      [4, 'different'],
      [6, 'identical'],
      [8, 'identical'],
    ]);
    expect(report.snapshots[0]).toMatchObject({ digest, receipt: 'none', file: undefined });
    expect(report.snapshots[1]).toMatchObject({ outcome: 'committed', receipt: 'cose' });
    const file = 'snapshot_3_6.committed';
    expect([...files.keys()]).toStrictEqual([file, 'snapshot_7_8.committed']);
    const verified = await verifySnapshotFile(files.get(file) ?? new Uint8Array(), {
      fileName: file,
    });
    expect(verified).toMatchObject({ seqno: 3, evidenceSeqno: 6, digest });
  });

  test('two true ones of different digests: both are identical, the first has the file', async () => {
    const ledger = await opened('two true ones');
    const version = await ledger.signature();
    ledger.transaction([change('born late', { k: 'v' })]);
    const first = ledger.vouch(version);
    const second = ledger.vouch(version, { lateUntil: version + 1 });
    expect(second.digest).not.toBe(first.digest);
    await ledger.signature();
    const { report, files } = await replayMade(ledger);
    expect(report.snapshots).toMatchObject([
      { evidenceSeqno: 5, digest: first.digest, result: 'identical', outcome: 'committed' },
      { evidenceSeqno: 6, digest: second.digest, result: 'identical', file: undefined },
    ]);
    expect(report.snapshots[1]?.reason).toContain('seqno 5');
    expect([...files.keys()]).toStrictEqual(['snapshot_3_5.committed']);
  });

  test('of three only the last is true', async () => {
    const ledger = await opened('the last is true');
    const version = await ledger.signature();
    vouchWrongly(ledger, version);
    vouchWrongly(ledger, version, toSeqno(2));
    ledger.vouch(version);
    await ledger.signature();
    const { report, files } = await replayMade(ledger);
    expect(resultsOf(report)).toStrictEqual([
      [4, 'different'],
      [5, 'different'],
      [6, 'identical'],
    ]);
    expect([...files.keys()]).toStrictEqual(['snapshot_3_6.committed']);
  });

  test('none is true: each is different, and has what came out instead', async () => {
    const ledger = await opened('none is true');
    const version = await ledger.signature();
    const { digest } = ledger.snapshot(version);
    vouchWrongly(ledger, version);
    vouchWrongly(ledger, version, toSeqno(2));
    await ledger.signature();
    const { report, files } = await replayMade(ledger);
    expect(report.failure).toBeUndefined();
    expect(report.snapshots).toMatchObject([
      { evidenceSeqno: 4, digest, result: 'different', outcome: 'serialise-failed' },
      { evidenceSeqno: 5, digest, result: 'different', outcome: undefined },
    ]);
    expect(files.size).toBe(0);
  });

  test('the true one has another form of receipt than the false one before: no file, and why', async () => {
    const ledger = await opened('forms of receipt');
    const version = await ledger.signature();
    vouchWrongly(ledger, version);
    await ledger.signature({ cose: false });
    ledger.vouch(version);
    await ledger.signature({ node: false });
    const { report, files } = await replayMade(ledger);
    expect(resultsOf(report)).toStrictEqual([
      [4, 'different'],
      [6, 'identical'],
    ]);
    expect(report.snapshots[1]).toMatchObject({ outcome: 'cancelled', receipt: 'none' });
    expect(report.snapshots[1]?.reason).toContain('another form of receipt');
    expect(files.size).toBe(0);
  });

  test('a ledger that breaks off before the true one: the false one is told, and nothing waits', async () => {
    const ledger = await opened('breaks off');
    const version = await ledger.signature();
    vouchWrongly(ledger, version);
    await ledger.signature();
    const broken = ledger.transaction(appTables('x'));
    ledger.vouch(version);
    await ledger.signature();
    const files = ledgerFiles(flipBit(ledger, broken, -1));
    const { report, files: published } = await replayMade(ledger, { files });
    expect(report.failure).toMatchObject({ seqno: broken });
    expect(resultsOf(report)).toStrictEqual([[4, 'different']]);
    expect(published.size).toBe(0);
  });

  test('an existing file of the second evidence is compared, with the secrets and without', async () => {
    const ledger = await opened('existing file');
    const version = await ledger.signature();
    vouchWrongly(ledger, version);
    ledger.vouch(version);
    await ledger.signature();
    const { files: snapshots } = await replayMade(ledger);
    const closed = await replayMade(ledger, { memberKeys: [], snapshots });
    expect(resultsOf(closed.report)).toStrictEqual([
      [4, 'not-comparable'],
      [5, 'public-identical'],
    ]);
    const other = new Map([['snapshot_3_4.committed', toUtf8('no snapshot at all')]]);
    const { report } = await replayMade(ledger, { snapshots: other });
    expect(report.snapshots).toMatchObject([
      { result: 'different', reason: 'the existing snapshot_3_4.committed is another' },
      { result: 'identical' },
    ]);
  });
});

describe('what is written as evidence and is none, though it is signed', () => {
  test.each([
    ['no JSON', 'evidence', 'BAD_JSON'],
    ['of a digest that is none', `{"hash":"${'xy'.repeat(32)}","version":3}`, 'BAD_HEX'],
    ['of a snapshot that comes after it', `{"hash":"${'ab'.repeat(32)}","version":4}`, undefined],
  ])('%s: the ledger ends there, whichever snapshot is asked for', async (_, value, code) => {
    const ledger = await opened('no evidence');
    const version = await ledger.signature();
    const evidence = ledger.transaction([singleton(tables.snapshotEvidence, value)]);
    await ledger.signature();
    for (const at of [undefined, version]) {
      const { report } = await replayMade(ledger, at === undefined ? {} : { at });
      const expected = code ?? 'EVIDENCE_NOT_AFTER_SNAPSHOT';
      expect(report.failure).toMatchObject({ code: expected, seqno: evidence });
      expect(report.failure?.message).toContain(`seqno ${evidence}: `);
      expect(report.summary.verifiedUntil).toBe(version);
    }
  });

  test('a claim of another digest, of a snapshot that is not asked for', async () => {
    const ledger = await opened('not asked for');
    const version = await ledger.signature();
    const claims = new Uint8Array(32).fill(1);
    const evidence = ledger.evidence(ledger.snapshot(version), { claims });
    await ledger.signature();
    const { report } = await replayMade(ledger, { at: toSeqno(5) });
    expect(report.failure).toMatchObject({ code: 'EVIDENCE_MISMATCH', seqno: evidence });
  });
});
