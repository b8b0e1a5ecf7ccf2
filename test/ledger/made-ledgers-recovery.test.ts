import { describe, expect, test } from 'vitest';
import { assert } from '../../src/core/errors.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import { mapWrites, singletonValue } from '../../src/formats/entries/write-set.ts';
import { verifyEndorsementChain } from '../../src/formats/signatures/identity-endorsement.ts';
import { verifySnapshotFile } from '../../src/formats/snapshot/verify-snapshot.ts';
import { MadeLedger, type MadeLedgerOptions } from '../helpers/make-ledger.ts';
import { type Files, ledgerFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change } from '../helpers/make-tables.ts';
import { expectIdentical, keysOf, replayMade } from '../helpers/replay-made.ts';

const members = makeMembers(3);
const opened = (seed: string, options: Partial<MadeLedgerOptions> = {}) =>
  MadeLedger.opened({ seed, members: members.slice(0, 1), ...options });

const appTables = (value: string) => [
  change('public:app', { 'a key': value, [value]: 'once' }),
  change('app', { 'a secret': value }),
];

/** Two disasters: three identities, three secrets, and evidence before, between and after. */
async function makeRecovered(options: Partial<MadeLedgerOptions> = {}): Promise<MadeLedger> {
  const ledger = await opened('recovered', options);
  for (const age of ['first', 'second', 'third']) {
    if (age !== 'first') {
      ledger.recover();
      ledger.vouch(await ledger.signature());
      await ledger.open();
    }
    ledger.transaction(appTables(age));
    ledger.vouch(await ledger.signature());
    ledger.transaction(appTables(`${age} again`));
    await ledger.signature();
    ledger.transaction(appTables('lost in the next disaster'));
  }
  await ledger.signature();
  return ledger;
}

describe('disaster recovery', () => {
  test.each([
    ['shares of 44 bytes', { shares: 'limbs' }],
    ['shares of 113 bytes', { shares: 'box' }],
    ['a recovery owner, whose share has x = 0', { shares: 'owner' }],
    ['two of three members', { shares: 'limbs', threshold: 2, members }],
    ['three of three old shares', { shares: 'box', threshold: 3, members }],
    ['P-384', { curve: 'P-384' }],
  ] as const)('three identities, three secrets: %s', async (_, options) => {
    const ledger = await makeRecovered(options);
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    expect(replay.report.snapshots).toHaveLength(5);
    expect(replay.report.summary).toMatchObject({ privateDomains: 7, verifiedUntil: 27 });
    expect(replay.files.size).toBe(5);
  });

  test('a rekey in each age', async () => {
    const ledger = await opened('rekeys and recovery');
    ledger.transaction(appTables('1'));
    ledger.rekey();
    ledger.transaction(appTables('2'));
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    ledger.recover();
    await ledger.signature();
    await ledger.open();
    ledger.rekey({ withNextVersion: true });
    ledger.transaction(appTables('3'));
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    expect(ledger.secrets.all).toHaveLength(4);
    await expectIdentical(ledger, await replayMade(ledger));
  });

  test('evidence that the disaster took away is not in the ledger, its snapshot is not missed', async () => {
    const ledger = await opened('evidence lost');
    ledger.vouch(await ledger.signature());
    ledger.recover();
    ledger.vouch(await ledger.signature());
    await ledger.open();
    await ledger.signature();
    expect(ledger.vouched).toHaveLength(1);
    await expectIdentical(ledger, await replayMade(ledger));
  });

  test('the threshold changes with new shares of the same secret in one transaction', async () => {
    const ledger = await opened('threshold', { members, threshold: 3 });
    ledger.transaction(appTables('x'));
    ledger.changeThreshold(1);
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    const oneKey = keysOf(ledger).slice(1, 2);
    await expectIdentical(ledger, await replayMade(ledger, { memberKeys: oneKey }));
  });

  test('each snapshot verifies under the newest identity through the endorsements', async () => {
    const ledger = await makeRecovered();
    const { files } = await replayMade(ledger, { receipt: 'cose' });
    const records = ledger.entries.flatMap(({ seqno, maps }) => {
      const writes = mapWrites({ maps }, tables.identityEndorsement);
      const value = writes && singletonValue(writes);
      return value ? [{ seqno, value }] : [];
    });
    const trustedKeys = [ledger.identity.service.publicKey];
    const [oldest] = ledger.vouched;
    const fileName = `snapshot_${oldest?.seqno}_${oldest?.evidenceSeqno}.committed`;
    const bytes = files.get(fileName) ?? new Uint8Array();
    const chain = await verifyEndorsementChain(records, {
      trustedKeys,
      seqno: oldest?.seqno ?? ledger.next,
      serviceStart: ledger.identity.createTxId,
    });
    const options = { fileName, trustedKeys, endorsed: chain };
    const verified = await verifySnapshotFile(bytes, options);
    expect(chain).toHaveLength(2);
    expect(verified).toMatchObject({ seqno: oldest?.seqno, trusted: true });
    await expect(verifySnapshotFile(bytes, { trustedKeys })).rejects.toThrow(
      /not among the pinned/,
    );
  });
});

describe('a ledger cut after a recovery, before the new secret was shared', () => {
  async function makeCut(options: Partial<MadeLedgerOptions> = {}): Promise<MadeLedger> {
    const ledger = await opened('cut', options);
    ledger.transaction(appTables('x'));
    ledger.vouch(await ledger.signature());
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    ledger.recover();
    return ledger;
  }

  test.each([
    ['a newer release says where the service was created', {}],
    ['CCF 1.x does not', { isOldRelease: true, shares: 'box' }],
  ] as const)(
    'old snapshots are identical, the tail is read without its secret: %s',
    async (_, options) => {
      const ledger = await makeCut(options);
      await ledger.signature();
      ledger.transaction([change('public:app', { tail: 'x' })]);
      await ledger.signature();
      const replay = await replayMade(ledger);
      await expectIdentical(ledger, replay);
      expect(replay.files.size).toBe(2);
      expect(replay.report.summary.verifiedUntil).toBe(ledger.lastSignature);
    },
  );

  test('a snapshot of the tail cannot be compared', async () => {
    const ledger = await makeCut();
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    const { report, files } = await replayMade(ledger);
    expect(report.failure).toBeUndefined();
    const results = report.snapshots.map(({ result }) => result);
    expect(results).toStrictEqual(['identical', 'identical', 'not-comparable']);
    expect(files.size).toBe(2);
  });

  test('evidence under the unknown secret: identical, but no receipt can be made', async () => {
    const ledger = await makeCut();
    ledger.vouch(ledger.vouched[0]?.seqno ?? ledger.next);
    await ledger.signature();
    const [, late] = ledger.vouched.splice(1, 1);
    const replay = await replayMade(ledger);
    expect(late).toBeUndefined();
    expect(replay.report.failure).toBeUndefined();
    expect(replay.report.snapshots.at(-1)).toMatchObject({ result: 'identical', receipt: 'none' });
  });
});

describe('a start from a snapshot, with the chunks before it gone', () => {
  /** Later snapshots of a ledger and what a replay from each earlier one needs. */
  async function startFrom(ledger: MadeLedger, index: number, files: Files) {
    const start = ledger.vouched[index];
    assert(start !== undefined, 'the ledger has that snapshot');
    const from = [...files].find(([name]) => name.startsWith(`snapshot_${start.seqno}_`));
    const chunks = [...ledgerFiles(ledger)].filter(
      ([name]) => Number(/(\d+)(\.committed)?$/.exec(name)?.[1]) > start.seqno,
    );
    ledger.vouched.splice(0, index);
    const replay = await replayMade(ledger, { files: new Map(chunks), ...(from && { from }) });
    await expectIdentical(ledger, replay);
    return replay.report;
  }

  test.each([0, 1, 2, 3])('from snapshot %i of a service that recovered twice', async (index) => {
    const ledger = await makeRecovered();
    const { files } = await replayMade(ledger);
    const report = await startFrom(ledger, index, files);
    expect(report.snapshots).toHaveLength(5 - index);
  });

  test.each(['json', 'cose'] as const)(
    'from a file with a %s receipt, rekeyed since',
    async (receipt) => {
      const ledger = await opened('rekeyed since');
      ledger.transaction(appTables('old'));
      ledger.vouch(await ledger.signature());
      ledger.rekey();
      ledger.transaction(appTables('new'));
      ledger.vouch(await ledger.signature());
      await ledger.signature();
      const { files } = await replayMade(ledger, { receipt });
      await startFrom(ledger, 0, files);
    },
  );

  test('from a snapshot just after a rekey, whose shares are in its state', async () => {
    const ledger = await opened('rekeyed before');
    ledger.transaction(appTables('old'));
    ledger.rekey();
    ledger.transaction(appTables('new'));
    ledger.vouch(await ledger.signature());
    ledger.transaction(appTables('newer'));
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    const { files } = await replayMade(ledger);
    await startFrom(ledger, 0, files);
  });

  test('from a 2.x snapshot with tombstones, kept by 2.x and dropped by 3.x', async () => {
    const ledger = await opened('tombstones since');
    ledger.transaction(appTables('x'));
    ledger.transaction([change('public:app', {}, ['x']), change('app', {}, ['a secret'])]);
    ledger.vouch(await ledger.signature(), { profile: '2' });
    ledger.vouch(await ledger.signature(), { profile: '2' });
    ledger.vouch(await ledger.signature(), { profile: '3+' });
    await ledger.signature();
    const { files } = await replayMade(ledger);
    const report = await startFrom(ledger, 0, files);
    expect(report.snapshots.map(({ profile }) => profile)).toStrictEqual([undefined, '2', '3+']);
  });

  test('from a snapshot with late maps, and views since', async () => {
    const ledger = await opened('late since');
    ledger.changeView(7);
    const version = await ledger.signature();
    ledger.changeView(9);
    ledger.transaction(appTables('born late'));
    ledger.vouch(version, { lateUntil: version + 1 });
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    const { files } = await replayMade(ledger);
    await startFrom(ledger, 0, files);
  });

  test('without the older chunks and without a snapshot the ledger is refused', async () => {
    const ledger = await makeRecovered();
    const files = new Map([...ledgerFiles(ledger)].slice(1));
    await expect(replayMade(ledger, { files })).rejects.toMatchObject({ code: 'CHUNK_GAP' });
  });

  test('a snapshot of another service does not fit the ledger, with the secrets or without', async () => {
    const ledger = await makeRecovered();
    const other = await opened('another service');
    for (const value of ['1', '2']) {
      other.transaction(appTables(value));
      other.vouch(await other.signature());
    }
    await other.signature();
    const [from] = (await replayMade(other)).files;
    assert(from !== undefined, 'the other service has a snapshot');
    await expect(replayMade(ledger, { from })).rejects.toMatchObject({ code: 'GCM_TAG_MISMATCH' });
    const { report } = await replayMade(ledger, { from, memberKeys: [] });
    expect(report.failure).toMatchObject({ code: 'TREE_MISMATCH', seqno: 7 });
    expect(report.summary.identical).toBe(0);
  });
});
