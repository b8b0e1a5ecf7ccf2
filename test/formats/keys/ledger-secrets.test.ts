import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fromUtf8, toUtf8 } from '../../../src/core/bytes.ts';
import { type Seqno, seqno } from '../../../src/core/words.ts';
import {
  decodeHistoricalSecret,
  encodeHistoricalSecret,
  type HistoricalSecret,
  LedgerSecrets,
  recoverLedgerSecrets,
} from '../../../src/formats/keys/ledger-secrets.ts';
import {
  decodeRecoveryShares,
  encodeRecoveryShares,
  makeRecoveryShares,
  openRecoveryShares,
  type RecoveryShares,
  sealSecret,
} from '../../../src/formats/keys/recovery-shares.ts';
import { encodeLimbShare, splitLimbs } from '../../../src/formats/keys/shamir.ts';
import { outcomeOf } from '../../helpers/hostile-bytes.ts';
import { encryptForMember, makeOldRecoveryShares } from '../make-old-shares.ts';

const keys = ['a', 'b', 'c'].map((id) => ({
  id,
  ...generateKeyPairSync('rsa', { modulusLength: 2048 }),
}));
const privateKeys = keys.map(({ privateKey }) => privateKey);
const secretOf = (fill: number) => new Uint8Array(32).fill(fill);
const random = (threshold: number) => Uint8Array.from({ length: 80 * threshold }, (_, i) => i * 13);

const newShares = (secret: Uint8Array, threshold: number): RecoveryShares =>
  makeRecoveryShares({ secret, members: keys, threshold, random: random(threshold) });
const oldShares = (secret: Uint8Array, threshold: number): RecoveryShares =>
  makeOldRecoveryShares({
    secret,
    members: keys,
    coefficients: random(1).subarray(0, 32 * (threshold - 1)),
  });

describe.each([
  ['new', newShares],
  ['old', oldShares],
])('openRecoveryShares() with shares of the %s form', (_form, make) => {
  const open = (memberKeys: readonly KeyObject[], threshold: number, made = threshold) =>
    openRecoveryShares(make(secretOf(1), made), { memberKeys, threshold });

  test.each([1, 2, 3])('opens with %i keys of that threshold, in any order', (threshold) => {
    expect(open(privateKeys.slice(0, threshold), threshold)).toStrictEqual(secretOf(1));
    expect(open(privateKeys.toReversed().slice(0, threshold), threshold)).toStrictEqual(
      secretOf(1),
    );
    expect(open(privateKeys, threshold)).toStrictEqual(secretOf(1));
  });

  test('opens nothing with too few keys, with a wrong threshold, or with foreign keys', () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expect(open(privateKeys.slice(0, 1), 2)).toBeUndefined();
    expect(open(privateKeys, 1, 2)).toBeUndefined();
    expect(open([privateKey], 1)).toBeUndefined();
    expect(open([], 1)).toBeUndefined();
  });

  test('opens nothing at a threshold of 0', () => {
    expect(open(privateKeys, 0, 1)).toBeUndefined();
  });
});

describe('openRecoveryShares()', () => {
  const [first, second] = keys;
  const replaceShare = (shares: RecoveryShares, share: Uint8Array): RecoveryShares => ({
    ...shares,
    encryptedShares: new Map([
      ...shares.encryptedShares,
      ['a', encryptForMember(first?.publicKey ?? fail(), share)],
    ]),
  });
  const fail = (): never => {
    throw new Error('three members were made');
  };

  test("takes a share with x 0, a recovery owner's, as the whole secret", () => {
    const { secret } = splitLimbs(random(3), { threshold: 3, count: 3 });
    const shares = replaceShare(
      newShares(secretOf(2), 3),
      encodeLimbShare({ x: 0, limbs: secret }),
    );
    const memberKeys = [first?.privateKey ?? fail()];
    expect(openRecoveryShares(shares, { memberKeys, threshold: 3 })).toStrictEqual(secretOf(2));
  });

  test('counts one share that two members hold once', () => {
    const { shares } = splitLimbs(random(2), { threshold: 2, count: 3 });
    const doubled = replaceShare(newShares(secretOf(2), 2), encodeLimbShare(shares[1] ?? fail()));
    const memberKeys = [first?.privateKey ?? fail(), second?.privateKey ?? fail()];
    expect(openRecoveryShares(doubled, { memberKeys, threshold: 2 })).toBeUndefined();
  });

  test.each([0, 43, 45, 112, 114])(
    'refuses a share of %i bytes when no others open the secret',
    (size) => {
      const shares = replaceShare(newShares(secretOf(2), 1), new Uint8Array(size));
      const memberKeys = [first?.privateKey ?? fail()];
      const open = () => openRecoveryShares(shares, { memberKeys, threshold: 1 });
      expect(outcomeOf(open)).toBe('BAD_SHARE');
    },
  );
});

test('encodeRecoveryShares() writes members in byte order, and decodeRecoveryShares() reads them back', () => {
  const shares = { ...newShares(secretOf(3), 2), previousSecretStoredVersion: seqno(5) };
  const reordered = {
    ...shares,
    encryptedShares: new Map([...shares.encryptedShares].toReversed()),
  };
  const bytes = encodeRecoveryShares(reordered);
  expect(fromUtf8(bytes)).toMatch(
    /^\{"encrypted_shares":\{"a":".*"b":".*"c":".*"previous_secret_stored_version":5,/,
  );
  expect(decodeRecoveryShares(bytes)).toStrictEqual(shares);
});

test.each([
  ['no shares', '{"wrapped_latest_ledger_secret":""}', 'BAD_JSON'],
  [
    'a wrapped secret of no bytes',
    '{"encrypted_shares":{},"wrapped_latest_ledger_secret":""}',
    'BAD_SHARE',
  ],
  [
    'a share that is no base64',
    '{"encrypted_shares":{"a":"?"},"wrapped_latest_ledger_secret":""}',
    'BAD_BASE64',
  ],
])('decodeRecoveryShares() refuses %s', (_what, text, code) => {
  expect(outcomeOf(() => decodeRecoveryShares(toUtf8(text)))).toBe(code);
});

const previous = (newer: number, secret: number, version: number) => ({
  sealed: sealSecret(secretOf(newer), secretOf(secret), new Uint8Array(12).fill(secret)),
  version: seqno(version),
});

test("encodeHistoricalSecret() writes CCF's fields, and decodeHistoricalSecret() reads them back", () => {
  const record = {
    nextVersion: seqno(9),
    previous: { ...previous(2, 1, 1), storedVersion: seqno(3) },
  };
  const bytes = encodeHistoricalSecret(record);
  expect(fromUtf8(bytes)).toMatch(
    /^\{"next_version":9,"previous_ledger_secret":\{"encrypted_data":"[^"]{80}","previous_secret_stored_version":3,"version":1\}\}$/,
  );
  expect(decodeHistoricalSecret(bytes)).toStrictEqual(record);
  expect(decodeHistoricalSecret(encodeHistoricalSecret({}))).toStrictEqual({});
});

test.each([
  ['an array', '[]', 'BAD_JSON'],
  ['a version of 2^53', '{"next_version":9007199254740992}', 'NUMBER_TOO_LARGE'],
  [
    'a sealed secret of no bytes',
    '{"previous_ledger_secret":{"encrypted_data":"","version":1}}',
    'BAD_SHARE',
  ],
])('decodeHistoricalSecret() refuses %s', (_what, text, code) => {
  expect(outcomeOf(() => decodeHistoricalSecret(toUtf8(text)))).toBe(code);
});

describe('recoverLedgerSecrets()', () => {
  const at = (position: number, value: HistoricalSecret) => ({ seqno: seqno(position), value });
  const shared = (position: number, secret: number, threshold = 1) => ({
    seqno: seqno(position),
    value: newShares(secretOf(secret), threshold),
    threshold,
  });
  const starts = (secrets: LedgerSecrets) =>
    secrets.ranges.map(({ from, secret }) => [from, secret?.[0]]);
  const history = [
    at(3, { nextVersion: seqno(1) }),
    at(20, { nextVersion: seqno(15), previous: previous(2, 1, 1) }),
    at(30, { previous: previous(3, 2, 15) }),
  ];

  test('walks back from the latest shares, over a rekey without next_version', () => {
    const secrets = recoverLedgerSecrets({
      shareRecords: [shared(30, 3)],
      historicalRecords: history,
      memberKeys: privateKeys,
    });
    expect(starts(secrets)).toStrictEqual([
      [1, 1],
      [15, 2],
      [31, 3],
    ]);
    expect([1, 14, 15, 30, 31, 1000].map((s) => secrets.secretAt(seqno(s))?.[0])).toStrictEqual([
      1, 1, 2, 2, 3, 3,
    ]);
  });

  test('keeps the secret in hand at a record that repeats the one before', () => {
    const repeated = [
      ...history.slice(0, 2),
      at(22, { nextVersion: seqno(15), previous: previous(2, 1, 1) }),
    ];
    const secrets = recoverLedgerSecrets({
      shareRecords: [shared(22, 2)],
      historicalRecords: repeated,
      memberKeys: privateKeys,
    });
    expect(starts(secrets)).toStrictEqual([
      [1, 1],
      [15, 2],
    ]);
  });

  test('uses older shares where the latest do not open, and knows what is missing', () => {
    const memberKeys = privateKeys.slice(0, 1);
    const shareRecords = [shared(20, 2), shared(30, 3, 2)];
    const secrets = recoverLedgerSecrets({ shareRecords, historicalRecords: history, memberKeys });
    expect(starts(secrets)).toStrictEqual([
      [1, 1],
      [15, 2],
      [31, undefined],
    ]);
    expect(secrets.secretAt(seqno(31))).toBeUndefined();
  });

  test('knows that a recovered service has a secret of its own before it is shared', () => {
    const secrets = recoverLedgerSecrets({
      shareRecords: [shared(3, 1)],
      historicalRecords: history.slice(0, 1),
      memberKeys: privateKeys,
      serviceStarts: [seqno(1), seqno(15)],
    });
    expect(starts(secrets)).toStrictEqual([
      [1, 1],
      [15, undefined],
    ]);
  });

  test('stops at a secret that does not open', () => {
    const broken = [history[0], at(20, { nextVersion: seqno(15), previous: previous(9, 1, 1) })];
    const secrets = recoverLedgerSecrets({
      shareRecords: [shared(20, 2)],
      historicalRecords: broken.filter((record) => record !== undefined),
      memberKeys: privateKeys,
    });
    expect(starts(secrets)).toStrictEqual([
      [1, undefined],
      [15, 2],
    ]);
  });

  test('gives no secrets for wrong keys, and for no records', () => {
    const memberKeys: KeyObject[] = [];
    const none = recoverLedgerSecrets({
      shareRecords: [shared(30, 3)],
      historicalRecords: history,
      memberKeys,
    });
    expect(none.ranges.every(({ secret }) => secret === undefined)).toBe(true);
    const empty = recoverLedgerSecrets({ shareRecords: [], historicalRecords: [], memberKeys });
    expect(empty.secretAt(seqno(1))).toBeUndefined();
  });
});

test('LedgerSecrets.secretAt() knows nothing before the first range', () => {
  const from: Seqno = seqno(5);
  const secrets = new LedgerSecrets([{ from, secret: secretOf(1) }]);
  expect(secrets.secretAt(seqno(4))).toBeUndefined();
  expect(secrets.secretAt(from)).toStrictEqual(secretOf(1));
});
