import { describe, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import { type Seqno, seqno as toSeqno } from '../../src/core/words.ts';
import { MadeLedger, type MadeLedgerOptions } from '../helpers/make-ledger.ts';
import { flipBit, ledgerFiles, positionOf } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import type { SignatureValues } from '../helpers/make-signatures.ts';
import { change } from '../helpers/make-tables.ts';
import { expectIdentical, keysOf, replayMade } from '../helpers/replay-made.ts';

const members = makeMembers(3);
const strangers = makeMembers(1).map(({ privateKey }) => privateKey);

const appTables = (value: string) => [
  change('public:app', { 'a key': value }),
  change('app', { 'a secret': value }),
];

/** Entry 3 has private data, 5 is evidence of 4, 6 has private data, 7 signs. */
async function makeSigned(options: Partial<MadeLedgerOptions> = {}): Promise<MadeLedger> {
  const one = members.slice(0, 1);
  const ledger = await MadeLedger.opened({ seed: 'signed', members: one, ...options });
  ledger.transaction(appTables('private'));
  ledger.vouch(await ledger.signature());
  ledger.transaction(appTables('more'));
  await ledger.signature();
  return ledger;
}

describe("members' keys that are missing or wrong", () => {
  test.each([
    ['none', {}, []],
    ["a stranger's", {}, strangers],
    ['one of two that are needed', { members, threshold: 2 }, [0]],
    ['one of two old ones that are needed', { members, threshold: 2, shares: 'box' }, [0]],
  ] as const)(
    '%s: the snapshot cannot be compared, and that is no failure',
    async (_, options, keys) => {
      const ledger = await makeSigned(options);
      const memberKeys = keys.flatMap((key) => (key === 0 ? keysOf(ledger).slice(0, 1) : key));
      const { report, files } = await replayMade(ledger, { memberKeys });
      expect(report.failure).toBeUndefined();
      expect(report.snapshots).toMatchObject([
        { result: 'not-comparable', digest: undefined, receipt: 'none', file: undefined },
      ]);
      expect(report.summary).toMatchObject({ verifiedUntil: 7, privateDomains: 0, identical: 0 });
      expect(files.size).toBe(0);
    },
  );

  test.each([
    ['two of three that are needed', { members, threshold: 2 }, 0, 2],
    ['another two', { members, threshold: 2 }, 1, 3],
    ['two old ones', { members, threshold: 2, shares: 'box' }, 1, 3],
    [
      'the recovery owner alone, though two are needed',
      { members, threshold: 2, shares: 'owner' },
      0,
      1,
    ],
    ['two beside the recovery owner', { members, threshold: 2, shares: 'owner' }, 1, 3],
  ] as const)('%s are enough', async (_, options, from, to) => {
    const ledger = await makeSigned(options);
    const memberKeys = [...strangers, ...keysOf(ledger).slice(from, to)];
    await expectIdentical(ledger, await replayMade(ledger, { memberKeys }));
  });

  test('with the snapshot itself the public half is compared', async () => {
    const ledger = await makeSigned();
    const { files: snapshots } = await replayMade(ledger);
    const { report } = await replayMade(ledger, { memberKeys: [], snapshots });
    expect(report.snapshots).toMatchObject([
      { result: 'public-identical', profile: '3+', receipt: 'none', file: undefined },
    ]);
  });

  test.each([
    ['without the keys', []],
    ['with them', undefined],
  ])('a flipped byte in the existing public domain differs %s', async (_, memberKeys) => {
    const ledger = await makeSigned();
    const [[name, bytes] = ['', new Uint8Array()]] = (await replayMade(ledger)).files;
    const flipped = bytes.slice();
    flipped[200] = (flipped[200] ?? 0) ^ 1;
    const options = memberKeys === undefined ? {} : { memberKeys };
    const snapshots = new Map([[name, flipped]]);
    const { report } = await replayMade(ledger, { snapshots, ...options });
    expect(report.snapshots).toMatchObject([{ result: 'different' }]);
  });

  test('a file that is true but of another state differs without the keys', async () => {
    const ledger = await makeSigned();
    const other = ledger.snapshot(toSeqno(4), { profile: '1' });
    const snapshots = new Map([['snapshot_4_5.committed', other.entry]]);
    const { report } = await replayMade(ledger, { memberKeys: [], snapshots });
    expect(report.snapshots).toMatchObject([{ result: 'different' }]);
  });
});

describe('one flipped bit', () => {
  const treeTable = 'public:ccf.internal.tree';
  const places: readonly (readonly [string, Seqno, string | number, Seqno])[] = [
    // What is flipped, in which entry, where, and which entry shows it without the secrets.
    ['a public write', toSeqno(3), 'private', toSeqno(4)],
    ['a private write', toSeqno(3), -1, toSeqno(4)],
    ['the GCM tag', toSeqno(3), 8, toSeqno(4)],
    ['the view', toSeqno(3), 33, toSeqno(4)],
    ['the commit evidence', toSeqno(3), 44 + 9 + 32, toSeqno(4)],
    ['the claims', toSeqno(3), 44 + 9, toSeqno(4)],
    ['max conflict version', toSeqno(3), 44 + 9 + 64, toSeqno(4)],
    ['the version of the evidence', toSeqno(5), '4}', toSeqno(5)],
    ['the claim of the evidence', toSeqno(5), 44 + 9 + 5, toSeqno(5)],
    ['the field of the digest of the evidence', toSeqno(5), '{"hash":"', toSeqno(5)],
    ['the node signature', toSeqno(7), '"sig":"', toSeqno(7)],
    ['the signed root', toSeqno(7), '"root":"', toSeqno(7)],
    ['the COSE signature', toSeqno(7), '"0oR', toSeqno(7)],
    ['the tree', toSeqno(7), treeTable, toSeqno(7)],
  ];
  const skips: Readonly<Record<string, number>> = {
    '{"hash":"': 2,
    '"sig":"': 30,
    '"root":"': 20,
    '"0oR': 200,
    [treeTable]: treeTable.length + 24 + 16 + 8 + 20,
  };

  async function flip(seqno: Seqno, place: string | number) {
    const ledger = await makeSigned();
    const at =
      typeof place === 'number' ? place : positionOf(ledger, seqno, place) + (skips[place] ?? 0);
    return { ledger, files: ledgerFiles(flipBit(ledger, seqno, at)) };
  }

  test.each(places)('in %s: seen at once with the secrets', async (_, seqno, place) => {
    const { ledger, files } = await flip(seqno, place);
    const { report, files: published } = await replayMade(ledger, { files });
    expect(report.failure).toMatchObject({ seqno, name: 'VerificationError' });
    expect(report.failure?.code).toMatch(/^(GCM_TAG|COMMIT_EVIDENCE)_MISMATCH$/);
    expect(report.summary.verifiedUntil).toBe(seqno > 4 ? 4 : 0);
    expect(published.size).toBe(0);
  });

  test.each(places)('in %s: seen at a signature without', async (_, seqno, place, seenAt) => {
    const { ledger, files } = await flip(seqno, place);
    const { report } = await replayMade(ledger, { files, memberKeys: [] });
    expect(report.failure).toMatchObject({ seqno: seenAt });
    expect(report.summary.verifiedUntil).toBe(seenAt > 4 ? 4 : 0);
  });

  test('in the flags of an entry: no tag covers them, the next root does', async () => {
    const { ledger, files } = await flip(toSeqno(3), 1);
    const { report } = await replayMade(ledger, { files });
    expect(report.failure).toMatchObject({ code: 'TREE_MISMATCH', seqno: 4 });
  });

  test('in a seqno or size: the chunk no longer reads, file and offset are named', async () => {
    for (const position of [2, 24]) {
      const { ledger, files } = await flip(toSeqno(3), position);
      const { report } = await replayMade(ledger, { files });
      expect(report.failure).toMatchObject({ file: 'ledger_1-4.committed' });
      expect(report.failure?.offset).toBeTypeOf('number');
      expect(report.summary.verifiedUntil).toBe(0);
    }
  });

  test('after the last signature: only the secrets see it', async () => {
    const ledger = await makeSigned();
    const last = ledger.transaction(appTables('unsigned'));
    const files = ledgerFiles(flipBit(ledger, last, -1));
    const seen = await replayMade(ledger, { files });
    expect(seen.report.failure).toMatchObject({ seqno: last, code: 'GCM_TAG_MISMATCH' });
    expect(seen.report.summary).toMatchObject({ verifiedUntil: 7, identical: 1 });
    expect(seen.files.size).toBe(1);
    const unseen = await replayMade(ledger, { files, memberKeys: [] });
    expect(unseen.report.failure).toBeUndefined();
    expect(unseen.report.summary).toMatchObject({ verifiedUntil: 7, transactions: 8 });
  });
});

describe('a signature transaction that is sealed well and signs badly', () => {
  const replaceText = (value: Uint8Array | undefined, from: RegExp, to: string) =>
    toUtf8(
      Buffer.from(value ?? [])
        .toString()
        .replace(from, to),
    );

  /** What the signature at 7 is made of, and the value of the one at 4. */
  type Forge = (values: SignatureValues, earlier: SignatureValues) => SignatureValues;

  async function makeForged(forge: Forge): Promise<MadeLedger> {
    const ledger = await MadeLedger.opened({ seed: 'forged', members: members.slice(0, 1) });
    const kept: SignatureValues[] = [];
    const keep = (values: SignatureValues) => {
      kept.push(values);
      return values;
    };
    ledger.transaction(appTables('x'));
    ledger.vouch(await ledger.signature({ forge: keep }));
    ledger.transaction(appTables('y'));
    const [earlier] = kept;
    await ledger.signature({ forge: (values) => forge(values, earlier ?? values) });
    await ledger.signature();
    return ledger;
  }

  test.each<[string, string, Forge]>([
    [
      'the root of another tree',
      'MERKLE_ROOT_MISMATCH',
      (values) => ({
        ...values,
        node: replaceText(values.node, /"root":"[0-9a-f]{64}"/, `"root":"${'00'.repeat(32)}"`),
      }),
    ],
    [
      'a seqno that is not its own',
      'SEQNO_MISMATCH',
      (values) => ({
        ...values,
        node: replaceText(values.node, /"seqno":7/, '"seqno":4'),
      }),
    ],
    [
      'a node that nobody introduced',
      'NODE_UNKNOWN',
      (values) => ({
        ...values,
        node: replaceText(values.node, /"node":"[0-9a-f]{64}"/, `"node":"${'ab'.repeat(32)}"`),
      }),
    ],
    [
      'the signature of an earlier root',
      'NODE_SIGNATURE_INVALID',
      (values, earlier) => {
        const sig = /"sig":"([^"]*)"/.exec(Buffer.from(earlier.node ?? []).toString())?.[1];
        return { ...values, node: replaceText(values.node, /"sig":"[^"]*"/, `"sig":"${sig}"`) };
      },
    ],
    [
      'the COSE signature of an earlier root',
      'SEQNO_MISMATCH',
      (values, earlier) => ({
        ...values,
        cose: earlier.cose,
      }),
    ],
    ['no tree', 'TREE_MISMATCH', (values) => ({ ...values, tree: undefined })],
    ['the tree of an earlier root', 'TREE_MISMATCH', (values, { tree }) => ({ ...values, tree })],
    [
      'a tree with a byte too many',
      'BAD_TREE',
      (values) => ({
        ...values,
        tree: Uint8Array.from([...(values.tree ?? []), 0]),
      }),
    ],
  ])('%s is refused at its seqno', async (_, code, forge) => {
    const ledger = await makeForged(forge);
    const { report, files } = await replayMade(ledger);
    expect(report.failure).toMatchObject({ code, seqno: 7 });
    expect(report.summary.verifiedUntil).toBe(4);
    expect(report.snapshots).toMatchObject([{ result: 'identical', receipt: 'none' }]);
    expect(files.size).toBe(0);
  });

  test('evidence whose claim is another digest', async () => {
    const ledger = await MadeLedger.opened({ seed: 'other claim', members: members.slice(0, 1) });
    const snapshot = ledger.snapshot(await ledger.signature());
    const evidence = ledger.evidence(snapshot, { claims: new Uint8Array(32).fill(1) });
    await ledger.signature();
    const { report, files } = await replayMade(ledger);
    expect(report.failure).toMatchObject({ code: 'EVIDENCE_MISMATCH', seqno: evidence });
    expect(files.size).toBe(0);
  });

  test('a tree without any leaf left: the ledger holds, a receipt cannot be proven', async () => {
    const ledger = await makeSigned();
    ledger.vouch(ledger.lastSignature);
    expect(ledger.next).toBe(9);
    ledger.transaction(appTables('x'));
    while (ledger.next < 16) ledger.transaction(appTables('y'));
    await ledger.signature({ flushed: 16 });
    for (const receipt of ['json', 'cose'] as const) {
      const { report, files } = await replayMade(ledger, { receipt });
      expect(report.failure).toBeUndefined();
      expect(report.snapshots).toMatchObject([
        { result: 'identical', outcome: 'committed' },
        { result: 'identical', outcome: 'proof-refused', receipt: 'none', file: undefined },
      ]);
      expect(files.size).toBe(1);
    }
  });
});
