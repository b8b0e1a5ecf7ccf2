import { describe, expect, test } from 'vitest';
import { seqno as toSeqno } from '../../src/core/words.ts';
import { MadeLedger, type MadeLedgerOptions } from '../helpers/make-ledger.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change } from '../helpers/make-tables.ts';
import { expectIdentical, replayMade } from '../helpers/replay-made.ts';

const members = makeMembers(1);
const opened = (seed: string, options: Partial<MadeLedgerOptions> = {}) =>
  MadeLedger.opened({ seed, members, ...options });

describe('tombstones', () => {
  const both = (writes: Readonly<Record<string, string>>, removes: readonly string[] = []) => [
    change('public:app', writes, removes),
    change('app', writes, removes),
  ];

  /** Every way to remove: live, twice, rewritten, never there, and with writes in one transaction. */
  async function makeRemovals(): Promise<MadeLedger> {
    const ledger = await opened('removals');
    ledger.transaction(both({ live: '1', twice: '1', rewritten: '1', stays: '1' }));
    ledger.transaction(both({}, ['live', 'twice', 'rewritten']));
    ledger.transaction(both({}, ['twice']));
    ledger.transaction(both({ rewritten: '2', a: '1' }, ['z never there']));
    ledger.transaction([...both({}, ['never there']), change('public:never', {}, ['nothing'])]);
    ledger.transaction([change('public:emptied', { only: '1' }), change('emptied', { only: '1' })]);
    ledger.transaction([change('public:emptied', {}, ['only']), change('emptied', {}, ['only'])]);
    ledger.transaction([change('never', {}, ['nothing'])]);
    return ledger;
  }

  test.each(['1', '2', '3+'] as const)('profile %s: removals of every kind', async (profile) => {
    const ledger = await makeRemovals();
    ledger.vouch(await ledger.signature(), { profile });
    await ledger.signature();
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    expect(replay.report.snapshots).toMatchObject([{ profile, receipt: 'cose' }]);
  });

  test('the oracle itself: versions of maps, keys and tombstones are as CCF has them', async () => {
    const ledger = await makeRemovals();
    const version = await ledger.signature();
    const describeMap = (name: string, profile: '2' | '3+') => {
      const { publicMaps, privateMaps } = ledger.snapshot(version, { profile }).content;
      const map = [...publicMaps, ...privateMaps].find((candidate) => candidate.name === name);
      const records = map?.records.map(({ key, version: at }) => [String(Buffer.from(key)), at]);
      return [map?.version, Object.fromEntries(records ?? [])];
    };
    const live = { a: 6, rewritten: 6, stays: 3 };
    expect(describeMap('app', '3+')).toStrictEqual([6, live]);
    expect(describeMap('app', '2')).toStrictEqual([6, { ...live, live: -4, twice: -4 }]);
    expect(describeMap('emptied', '3+')).toStrictEqual([9, {}]);
    expect(describeMap('public:emptied', '2')).toStrictEqual([9, { only: -9 }]);
    expect(describeMap('public:never', '2')).toStrictEqual([0, {}]);
    expect(describeMap('never', '3+')).toStrictEqual([0, {}]);
  });

  test('a service upgraded from 1.x over 2.x to 3.x keeps tombstones, then drops them', async () => {
    const ledger = await makeRemovals();
    ledger.vouch(await ledger.signature(), { profile: '1' });
    ledger.transaction(both({}, ['stays']));
    ledger.vouch(await ledger.signature(), { profile: '2' });
    ledger.transaction(both({ live: 'again' }, ['rewritten']));
    ledger.vouch(await ledger.signature(), { profile: '3+' });
    await ledger.signature();
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    expect(replay.report.snapshots.map(({ profile }) => profile)).toStrictEqual(['1', '2', '3+']);
  });

  test('without removed keys 2.x and 3.x write the same bytes: the newer is reported', async () => {
    const ledger = await opened('no removals');
    ledger.transaction(both({ a: '1' }));
    ledger.vouch(await ledger.signature(), { profile: '2' });
    await ledger.signature();
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    expect(replay.report.snapshots).toMatchObject([{ profile: '3+' }]);
  });

  test('late maps beside tombstones, in 1.x', async () => {
    const ledger = await makeRemovals();
    const version = await ledger.signature();
    ledger.transaction([change('public:late', { k: 'v' })]);
    ledger.transaction([change('later', { k: 'v' })]);
    ledger.vouch(version, { profile: '1', lateUntil: version + 1 });
    await ledger.signature();
    await expectIdentical(ledger, await replayMade(ledger));
  });
});

describe('the end of the ledger', () => {
  async function makeUnsigned(): Promise<MadeLedger> {
    const ledger = await opened('unsigned evidence');
    ledger.transaction([change('app', { k: 'v' })]);
    ledger.vouch(await ledger.signature());
    ledger.transaction([change('app', { k: 'w' })]);
    return ledger;
  }

  test.each([undefined, 'json', 'cose'] as const)(
    'evidence that no signature follows: identical, no receipt of form %s, no file',
    async (receipt) => {
      const ledger = await makeUnsigned();
      const replay = await replayMade(ledger, { receipt });
      await expectIdentical(ledger, replay);
      expect(replay.report.snapshots).toMatchObject([{ receipt: 'none', file: undefined }]);
      expect(replay.report.summary).toMatchObject({ transactions: 6, verifiedUntil: 4 });
      expect(replay.files.size).toBe(0);
    },
  );

  test('evidence of CCF 1.x that no signature follows has no file name either', async () => {
    const ledger = await opened('unsigned 1.x', { isOldRelease: true });
    ledger.vouch(await ledger.signature());
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    expect(replay.files.size).toBe(0);
  });

  test('a ledger of one transaction, and one that ends with its first signature', async () => {
    const ledger = new MadeLedger({ seed: 'short', members });
    const short = await replayMade(ledger);
    expect(short.report).toMatchObject({
      snapshots: [],
      summary: { transactions: 0, verifiedUntil: 0 },
      unsigned: { seqno: 1, table: 'public:ccf.gov.members.encryption_public_keys' },
    });
    await ledger.signature();
    const signed = await replayMade(ledger);
    expect(signed.report).toMatchObject({ snapshots: [], summary: { verifiedUntil: 2 } });
    expect([short.report.failure, signed.report.failure]).toStrictEqual([undefined, undefined]);
  });
});

describe('generations that live at once', () => {
  test('two evidences wait for one signature', async () => {
    const ledger = await opened('two evidences');
    const first = await ledger.signature();
    ledger.transaction([change('app', { k: 'v' })]);
    const second = await ledger.signature();
    ledger.vouch(first);
    ledger.vouch(second);
    await ledger.signature();
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    expect(replay.files.size).toBe(2);
  });

  test('evidence of the newer snapshot comes first', async () => {
    const ledger = await opened('crossed evidences');
    const first = await ledger.signature();
    ledger.transaction([change('app', { k: 'v' })]);
    const second = await ledger.signature();
    ledger.vouch(second);
    await ledger.signature();
    ledger.vouch(first);
    await ledger.signature();
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    expect(replay.files.size).toBe(2);
  });

  test('twelve snapshots whose evidence comes only after the last of them', async () => {
    const ledger = await opened('twelve');
    const versions = [];
    for (let i = 0; i < 12; i++) {
      ledger.transaction([change(`table ${i}`, { k: 'v' })]);
      versions.push(await ledger.signature({ node: false }));
    }
    for (const version of versions) ledger.vouch(version);
    await ledger.signature({ node: false });
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    expect(replay.files.size).toBe(12);
  });

  test('onSnapshot is told in the order of the evidence', async () => {
    const ledger = await opened('told in order');
    const first = await ledger.signature();
    ledger.vouch(await ledger.signature());
    ledger.vouch(first);
    await ledger.signature();
    const told: number[] = [];
    await replayMade(ledger, { onSnapshot: ({ evidenceSeqno }) => told.push(evidenceSeqno) });
    expect(told).toStrictEqual([5, 6]);
  });

  test('only the snapshot that is asked for is taken, the whole ledger is verified', async () => {
    const ledger = await opened('at');
    ledger.vouch(await ledger.signature());
    const asked = await ledger.signature();
    ledger.vouch(asked);
    await ledger.signature();
    const replay = await replayMade(ledger, { at: asked });
    expect(replay.report.snapshots).toMatchObject([{ seqno: asked, result: 'identical' }]);
    expect(replay.report.summary.verifiedUntil).toBe(7);
  });
});

describe('evidence that is odd', () => {
  test('of a digest that no state has: different, and no file', async () => {
    const ledger = await opened('wrong digest');
    const version = await ledger.signature();
    const { digest } = ledger.snapshot(toSeqno(1));
    ledger.evidence({ seqno: version, digest });
    await ledger.signature();
    const { report, files } = await replayMade(ledger);
    expect(report.failure).toBeUndefined();
    expect(report.snapshots).toMatchObject([{ result: 'different', outcome: 'serialise-failed' }]);
    expect(files.size).toBe(0);
  });

  test('twice for one snapshot: the first makes the file, both are compared', async () => {
    const ledger = await opened('twice');
    const version = await ledger.signature();
    ledger.vouch(version);
    ledger.vouch(version);
    await ledger.signature();
    const { report, files } = await replayMade(ledger);
    expect(report.snapshots.map(({ result }) => result)).toStrictEqual(['identical', 'identical']);
    expect([...files.keys()]).toStrictEqual(['snapshot_3_4.committed']);
  });

  test('twice for one snapshot, the first time of a wrong digest: the second makes the file', async () => {
    const ledger = await opened('twice, once wrong');
    const version = await ledger.signature();
    ledger.evidence({ seqno: version, digest: ledger.snapshot(toSeqno(1)).digest });
    ledger.vouch(version);
    await ledger.signature();
    const { report, files } = await replayMade(ledger);
    expect(report.snapshots.map(({ result }) => result)).toStrictEqual(['different', 'identical']);
    expect([...files.keys()]).toStrictEqual(['snapshot_3_5.committed']);
  });

  test('twice for one snapshot, the second time of a wrong digest', async () => {
    const ledger = await opened('twice, then wrong');
    const version = await ledger.signature();
    ledger.vouch(version);
    ledger.evidence({ seqno: version, digest: ledger.snapshot(toSeqno(1)).digest });
    await ledger.signature();
    const { report, files } = await replayMade(ledger);
    expect(report.snapshots.map(({ result }) => result)).toStrictEqual(['identical', 'different']);
    expect([...files.keys()]).toStrictEqual(['snapshot_3_4.committed']);
  });

  test('of a seqno that is no signature transaction: not comparable, as CCF takes none there', async () => {
    const ledger = await opened('no signature');
    const version = ledger.transaction([change('app', { k: 'v' })]);
    ledger.vouch(version);
    await ledger.signature();
    const { report } = await replayMade(ledger);
    expect(report.failure).toBeUndefined();
    expect(report.snapshots).toMatchObject([{ result: 'not-comparable', file: undefined }]);
  });
});
