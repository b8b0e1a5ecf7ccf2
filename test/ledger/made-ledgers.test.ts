import { describe, expect, test } from 'vitest';
import { MadeLedger, type MadeLedgerOptions } from '../helpers/make-ledger.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change } from '../helpers/make-tables.ts';
import { expectIdentical, replayMade } from '../helpers/replay-made.ts';

// Ledgers written by our own code for what the shared real ones lack.

const members = makeMembers(1);
const opened = (seed: string, options: Partial<MadeLedgerOptions> = {}) =>
  MadeLedger.opened({ seed, members, ...options });

/** A public and a private table, each with one key. */
const appTables = (value: string) => [
  change('public:app', { 'a key': value, [value]: 'once' }),
  change('app', { 'a secret': value }),
];

describe('late maps: tables born between a snapshot and its evidence', () => {
  /** Six entries follow the snapshot's; each but the fourth gives birth to one or two tables. */
  async function makeLateMaps(lateBy: number): Promise<MadeLedger> {
    const ledger = await opened('late maps');
    ledger.transaction(appTables('before'));
    const version = await ledger.signature();
    ledger.transaction([change('public:late 1', { k: 'v' }), change('zz late 1', { k: 'v' })]);
    ledger.transaction([change('late 2', { k: 'v' }), change('public:app', { k: 'v' })]);
    ledger.transaction([change('public:late 3', {}, ['never there'])]);
    ledger.transaction(appTables('no birth'));
    ledger.transaction([change('aa late 5', { k: 'v' }), change('public:aa late 5', { k: 'v' })]);
    ledger.vouch(version, { lateUntil: version + lateBy });
    await ledger.signature();
    return ledger;
  }

  test.each([0, 1, 2, 3, 4, 5])('taken %i entries late: the digest is found', async (lateBy) => {
    const ledger = await makeLateMaps(lateBy);
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    expect(replay.report.snapshots[0]?.profile).toBe('3+');
  });

  test('a table born in a private domain that cannot be late is not assumed', async () => {
    const ledger = await makeLateMaps(5);
    const [vouched] = ledger.vouched;
    expect(vouched?.content.privateMaps.filter(({ version }) => version === 0)).toHaveLength(3);
    expect(vouched?.content.publicMaps.filter(({ version }) => version === 0)).toHaveLength(3);
  });

  test('late maps and a tie, a tombstone and a rekey all at once', async () => {
    const ledger = await opened('late and all');
    ledger.transaction(appTables('x'));
    ledger.transaction([change('app', {}, ['a secret'])]);
    const version = await ledger.signature();
    ledger.rekey();
    ledger.transaction([change('late', { k: 'v' }), change('public:late', { k: 'v' })]);
    ledger.vouch(version, { lateUntil: version + 2, profile: '2' });
    await ledger.signature();
    await expectIdentical(ledger, await replayMade(ledger));
  });
});

describe('entry types', () => {
  test('CCF 1.x: type 0 everywhere, tombstones, no receipt, the commit in the file name', async () => {
    const ledger = await opened('1.x', { isOldRelease: true, shares: 'box' });
    ledger.transaction(appTables('one'), { maxConflictVersion: 1 });
    ledger.transaction([change('app', {}, ['a secret']), change('public:app', {}, ['one'])]);
    const version = await ledger.signature();
    ledger.vouch(version, { profile: '1' });
    ledger.transaction(appTables('two'), { maxConflictVersion: 3 });
    await ledger.signature();
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    expect(replay.report.snapshots).toMatchObject([
      { profile: '1', receipt: 'none', outcome: 'committed', file: 'snapshot_5_6.committed_8' },
    ]);
    expect(replay.report.summary).toMatchObject({ nodeSignatures: 2, coseSignatures: 0 });
  });

  test.each([2, 3] as const)(
    'type %i can have no receipt: identical, but no file',
    async (type) => {
      const ledger = await opened(`type ${type}`);
      ledger.transaction(appTables('x'), { type });
      const version = await ledger.signature();
      ledger.vouch(version, { type });
      await ledger.signature();
      const replay = await replayMade(ledger);
      await expectIdentical(ledger, replay);
      expect(replay.report.snapshots).toMatchObject([{ receipt: 'none', file: undefined }]);
      expect(replay.files.size).toBe(0);
    },
  );

  test('all four types in one ledger, as after upgrades', async () => {
    const ledger = await opened('all types');
    for (const type of [0, 2, 3, 4] as const) ledger.transaction(appTables(`t${type}`), { type });
    const version = await ledger.signature();
    for (const type of [0, 3, 4] as const) {
      ledger.vouch(type === 0 ? version : await ledger.signature(), { type });
    }
    await ledger.signature();
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    expect(replay.report.snapshots.map(({ receipt, file }) => [receipt, file])).toStrictEqual([
      ['none', 'snapshot_7_8.committed_9'],
      ['none', undefined],
      ['cose', 'snapshot_11_12.committed'],
    ]);
  });
});

describe('a live rekey', () => {
  test.each([
    ['without', false],
    ['with', true],
  ])(
    '%s next_version: the secret at the snapshot is not that at its evidence',
    async (_, withNextVersion) => {
      const ledger = await opened('rekey');
      ledger.transaction(appTables('old secret'));
      const version = await ledger.signature();
      ledger.rekey({ withNextVersion });
      ledger.transaction(appTables('new secret'));
      ledger.vouch(version);
      ledger.vouch(await ledger.signature());
      await ledger.signature();
      const replay = await replayMade(ledger);
      await expectIdentical(ledger, replay);
      expect(replay.report.snapshots.map(({ receipt }) => receipt)).toStrictEqual(['cose', 'cose']);
      expect(replay.report.summary.privateDomains).toBe(2);
    },
  );

  test('three in a row, one right after another, each opened through the next', async () => {
    const ledger = await opened('three rekeys');
    const version = await ledger.signature();
    ledger.rekey();
    ledger.rekey({ withNextVersion: true });
    ledger.transaction(appTables('x'));
    ledger.rekey();
    ledger.vouch(version);
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    expect(ledger.secrets.all).toHaveLength(4);
    await expectIdentical(ledger, await replayMade(ledger));
  });

  test('a snapshot right at the last seqno of a secret, and at the first of the next', async () => {
    const ledger = await opened('rekey edges');
    ledger.transaction(appTables('x'));
    ledger.rekey();
    const first = await ledger.signature();
    ledger.vouch(first);
    await ledger.signature();
    await expectIdentical(ledger, await replayMade(ledger));
    expect(ledger.secrets.newest.from).toBe(first);
  });
});

describe('signatures come and go', () => {
  async function makeCoseOnly(): Promise<MadeLedger> {
    const ledger = await opened('COSE only');
    ledger.transaction(appTables('x'));
    ledger.vouch(await ledger.signature({ node: false }));
    ledger.vouch(await ledger.signature({ node: false }));
    await ledger.signature({ node: false });
    return ledger;
  }

  test('COSE only: receipts are COSE by default', async () => {
    const ledger = await makeCoseOnly();
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    expect(replay.report.snapshots.map(({ receipt }) => receipt)).toStrictEqual(['cose', 'cose']);
    expect(replay.report.summary).toMatchObject({ nodeSignatures: 0, coseSignatures: 3 });
  });

  test('COSE only: a JSON receipt cannot be, the digest is compared all the same', async () => {
    const ledger = await makeCoseOnly();
    const replay = await replayMade(ledger, { receipt: 'json' });
    await expectIdentical(ledger, replay);
    expect(replay.report.snapshots.map(({ receipt }) => receipt)).toStrictEqual(['none', 'none']);
    expect(replay.files.size).toBe(0);
  });

  test('node signatures only: JSON by default, and no COSE receipt', async () => {
    const ledger = await opened('node only');
    ledger.transaction(appTables('x'));
    ledger.vouch(await ledger.signature({ cose: false }));
    await ledger.signature({ cose: false });
    const json = await replayMade(ledger);
    await expectIdentical(ledger, json);
    expect(json.report.snapshots).toMatchObject([{ receipt: 'json', outcome: 'committed' }]);
    const cose = await replayMade(ledger, { receipt: 'cose' });
    await expectIdentical(ledger, cose);
    expect(cose.report.snapshots).toMatchObject([{ receipt: 'none', file: undefined }]);
  });

  test.each([
    ['node', { node: false }, 'cose'],
    ['COSE', { cose: false }, 'json'],
  ] as const)(
    'a stale %s signature in the state is not taken for the new one',
    async (_, without, form) => {
      const ledger = await opened('stale');
      ledger.transaction(appTables('x'));
      await ledger.signature();
      ledger.transaction(appTables('y'));
      ledger.vouch(await ledger.signature(without));
      ledger.transaction(appTables('z'));
      await ledger.signature(without);
      await ledger.signature();
      const replay = await replayMade(ledger);
      await expectIdentical(ledger, replay);
      expect(replay.report.snapshots).toMatchObject([{ receipt: form }]);
      const other = await replayMade(ledger, { receipt: form === 'cose' ? 'json' : 'cose' });
      await expectIdentical(ledger, other);
      expect(other.files.size).toBe(0);
    },
  );

  test('a service that flips: each receipt is of the form of its own next signature', async () => {
    const ledger = await opened('flips');
    ledger.transaction(appTables('x'));
    ledger.vouch(await ledger.signature());
    ledger.vouch(await ledger.signature({ cose: false }));
    ledger.vouch(await ledger.signature({ node: false }));
    await ledger.signature();
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    const forms = replay.report.snapshots.map(({ receipt }) => receipt);
    expect(forms).toStrictEqual(['json', 'cose', 'cose']);
  });

  test.each(['P-256', 'P-384'] as const)('a %s service: receipts of both forms', async (curve) => {
    const ledger = await opened(`curve ${curve}`, { curve });
    ledger.transaction(appTables('x'));
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    for (const receipt of ['json', 'cose'] as const) {
      const replay = await replayMade(ledger, { receipt });
      await expectIdentical(ledger, replay);
      expect(replay.report.snapshots).toMatchObject([{ receipt, outcome: 'committed' }]);
    }
  });

  test.each([0, 1, 3, 5, 6])('a tree whose leaves before %i are flushed', async (flushed) => {
    const ledger = await opened('flushed');
    ledger.transaction(appTables('x'));
    ledger.transaction(appTables('y'));
    const version = await ledger.signature({ flushed: Math.min(flushed, 5) });
    ledger.vouch(version);
    await ledger.signature({ flushed });
    for (const receipt of ['json', 'cose'] as const) {
      await expectIdentical(ledger, await replayMade(ledger, { receipt }));
    }
  });
});

describe('views', () => {
  test('views are skipped, several lie between a snapshot and its evidence', async () => {
    const ledger = await opened('views');
    ledger.changeView(5);
    ledger.transaction(appTables('x'));
    const version = await ledger.signature();
    ledger.changeView(6);
    ledger.transaction(appTables('y'));
    ledger.changeView(9);
    await ledger.signature();
    ledger.changeView(10);
    ledger.vouch(version, { lateUntil: version + 1 });
    ledger.changeView(2 ** 31 - 1 - 2 ** 31 + 40);
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    await expectIdentical(ledger, await replayMade(ledger));
    expect(ledger.vouched.map(({ content }) => content.viewHistory.slice(0, 11))).toStrictEqual([
      [1, 1, 3, 3, 3],
      [1, 1, 3, 3, 3, 5, 6, 6, 6, 7, 8],
    ]);
  });
});
