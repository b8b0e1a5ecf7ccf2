import type { KeyObject } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { fromUtf8, toBase64, toUtf8 } from '../../../src/core/bytes.ts';
import { type Seqno, seqno, type TxId, view } from '../../../src/core/words.ts';
import { keyIdOf, spkiOf } from '../../../src/formats/keys/ec-key.ts';
import {
  decodeIdentityEndorsement,
  encodeIdentityEndorsement,
  signIdentityEndorsement,
  verifyEndorsementChain,
  verifyIdentityEndorsement,
  type WrittenEndorsement,
} from '../../../src/formats/signatures/identity-endorsement.ts';
import { outcomeOf } from '../../helpers/hostile-bytes.ts';
import { codeOf } from '../expect-code.ts';
import { makeKey } from '../make-keys.ts';

const keys = Array.from({ length: 70 }, (_, i) => makeKey(`identity ${i}`, 'P-256'));
const keyAt = (i: number) => keys[i] ?? makeKey('none', 'P-256');
const root = 'ab'.repeat(32);

/** Identity i is in force from 10·i + 1 to 10·i + 10, in view 2·i + 2. */
const begin = (i: number): TxId => ({ view: view(2 * i + 2), seqno: seqno(10 * i + 1) });
const end = (i: number): TxId => ({ view: view(2 * i + 2), seqno: seqno(10 * i + 10) });

async function endorse(
  i: number,
  changes: { from?: TxId; to?: TxId; by?: KeyObject } = {},
): Promise<WrittenEndorsement> {
  const { from = begin(i), to = end(i), by = keyAt(i + 1).privateKey } = changes;
  const draft = { endorsedKey: keyAt(i).publicKey, iat: 1, from, end: { txId: to, root } };
  return { seqno: seqno(10 * i + 15), value: await signIdentityEndorsement(draft, by) };
}

async function endorseItself(i: number, at: Seqno): Promise<WrittenEndorsement> {
  const draft = { endorsedKey: keyAt(i).publicKey, iat: 1, from: begin(i) };
  return { seqno: at, value: await signIdentityEndorsement(draft, keyAt(i).privateKey) };
}

test('signIdentityEndorsement() makes what verifyIdentityEndorsement() proves', async () => {
  const { value } = await endorse(0);
  const link = await verifyIdentityEndorsement(decodeIdentityEndorsement(value));
  expect(link).toMatchObject({
    endorsedKeyId: keyIdOf(keyAt(0).publicKey),
    endorsingKeyId: keyIdOf(keyAt(1).publicKey),
    from: begin(0),
    to: end(0),
    endRoot: root,
  });
});

test("a service's endorsement of itself verifies as a record", async () => {
  const { value } = await endorseItself(0, seqno(5));
  const link = await verifyIdentityEndorsement(decodeIdentityEndorsement(value));
  expect(link.endorsedKeyId).toBe(link.endorsingKeyId);
  expect(link.to).toBeUndefined();
});

test('encodeIdentityEndorsement() is the inverse of decodeIdentityEndorsement()', async () => {
  const decoded = {
    ...decodeIdentityEndorsement((await endorse(0)).value),
    previousVersion: seqno(4),
  };
  const bytes = encodeIdentityEndorsement(decoded);
  expect(decodeIdentityEndorsement(bytes)).toStrictEqual(decoded);
  expect(fromUtf8(bytes)).toMatch(/"previous_version":4\}$/);
});

describe('verifyIdentityEndorsement() refuses', () => {
  let text: string;
  beforeAll(async () => {
    text = fromUtf8((await endorse(0)).value);
  });
  const other = toBase64(spkiOf(makeKey('other', 'P-256').publicKey));
  const field = (name: string, value: string) => () =>
    text.replace(new RegExp(`"${name}":"[^"]*"`), `"${name}":"${value}"`);

  test.each<[string, () => string, string]>([
    ['a foreign endorsing key', field('endorsing_key', other), 'SIG_INVALID'],
    [
      'a key of another algorithm',
      field('endorsing_key', toBase64(spkiOf(makeKey('x').publicKey))),
      'ALG_KEY_MISMATCH',
    ],
    ['an endorsing key that is none', field('endorsing_key', 'AQID'), 'BAD_CERTIFICATE'],
    [
      'an epoch that is not the signed one',
      field('endorsement_epoch_begin', '2.2'),
      'CHAIN_BROKEN',
    ],
    ['an end that is not the signed one', field('endorsement_epoch_end', '2.11'), 'CHAIN_BROKEN'],
    ['an endorsement that is no message', field('endorsement', 'AQID'), 'COSE_TAG'],
  ])('%s', async (_what, change, code) => {
    const verifying = (async () =>
      verifyIdentityEndorsement(decodeIdentityEndorsement(toUtf8(change()))))();
    expect(await codeOf(verifying)).toBe(code);
  });

  test.each<[string, () => string, string]>([
    ['a malformed epoch', field('endorsement_epoch_begin', '2'), 'BAD_JSON'],
    ['a seqno of 2^53', field('endorsement_epoch_begin', '2.9007199254740992'), 'NUMBER_TOO_LARGE'],
    ['loose base64', field('endorsing_key', 'AQI'), 'BAD_BASE64'],
    ['no object', () => '"x"', 'BAD_JSON'],
  ])('%s, when decoding', (_what, change, code) => {
    expect(outcomeOf(() => decodeIdentityEndorsement(toUtf8(change())))).toBe(code);
  });
});

describe('verifyEndorsementChain()', () => {
  let records: readonly WrittenEndorsement[];
  beforeAll(async () => {
    records = await Promise.all([endorse(0), endorse(1), endorse(2)]);
  });
  const trusted = (i: number) => [keyAt(i).publicKey];
  const chain = (at: number, list = records, trustedKeys = trusted(3)) =>
    verifyEndorsementChain(list, { trustedKeys, seqno: seqno(at) });

  test.each([
    [30, 1, 2],
    [21, 1, 2],
    [20, 2, 1],
    [1, 3, 0],
  ])('leads to the identity in force at %i over %i links', async (at, count, identity) => {
    const links = await chain(at);
    expect(links).toHaveLength(count);
    expect(links.at(-1)?.endorsedKeyId).toBe(keyIdOf(keyAt(identity).publicKey));
  });

  test('CON-23 passes over ill-formed records, self-endorsements and bad signatures', async () => {
    const forged = await endorse(2, { by: keyAt(3).privateKey });
    const value = toUtf8(
      fromUtf8(forged.value).replace(/"endorsement":"0oR/, '"endorsement":"0oQ'),
    );
    const noise: WrittenEndorsement[] = [
      { seqno: seqno(90), value: toUtf8('{') },
      { seqno: seqno(91), value },
      await endorseItself(3, seqno(92)),
      { ...(await endorse(3, { by: keyAt(3).privateKey })), seqno: seqno(93) },
      { ...(await endorse(2, { from: { view: view(8), seqno: seqno(31) } })), seqno: seqno(94) },
    ];
    expect(await chain(1, [...records, ...noise])).toHaveLength(3);
  });

  test('takes the first link only where it ends right before the trusted service', async () => {
    const options = { trustedKeys: trusted(3), seqno: seqno(1) };
    expect(
      await verifyEndorsementChain(records, { ...options, serviceStart: begin(3) }),
    ).toHaveLength(3);
    const serviceStart = { view: view(8), seqno: seqno(33) };
    expect(await codeOf(verifyEndorsementChain(records, { ...options, serviceStart }))).toBe(
      'CHAIN_BROKEN',
    );
  });

  test.each<[string, () => Promise<WrittenEndorsement[]>, number]>([
    ['a missing link', async () => [await endorse(0), await endorse(2)], 1],
    [
      'a gap between epochs',
      async () => [await endorse(1, { to: { view: view(4), seqno: seqno(19) } }), await endorse(2)],
      11,
    ],
    [
      'overlapping epochs',
      async () => [await endorse(1, { to: { view: view(4), seqno: seqno(21) } }), await endorse(2)],
      11,
    ],
    [
      'an end one view before the next beginning',
      async () => [await endorse(1, { to: { view: view(5), seqno: seqno(20) } }), await endorse(2)],
      11,
    ],
    [
      'an end three views before it',
      async () => [
        await endorse(1, {
          from: { view: view(3), seqno: seqno(11) },
          to: { view: view(3), seqno: seqno(20) },
        }),
        await endorse(2),
      ],
      11,
    ],
    [
      'an end in the same view',
      async () => [await endorse(1, { to: { view: view(6), seqno: seqno(20) } }), await endorse(2)],
      11,
    ],
    ['a seqno after the newest epoch', async () => [await endorse(2)], 31],
    ['a loop', async () => [await endorse(3, { by: keyAt(2).privateKey }), await endorse(2)], 5],
    ['no records', async () => [], 5],
  ])('refuses %s', async (_what, make, at) => {
    expect(await codeOf(chain(at, await make()))).toBe('CHAIN_BROKEN');
  });

  test.each([5, 7, 9])('refuses a service that began in view %i, two above none', async (at) => {
    const options = { trustedKeys: trusted(3), seqno: seqno(25) };
    const start = (began: number) => ({ view: view(began), seqno: seqno(31) });
    const chainFrom = (began: number) =>
      verifyEndorsementChain(records, { ...options, serviceStart: start(began) });
    expect(await codeOf(chainFrom(at))).toBe('CHAIN_BROKEN');
    expect(await chainFrom(8)).toHaveLength(1);
  });

  test('refuses a chain that no pinned identity begins', async () => {
    expect(await codeOf(chain(1, records, trusted(9)))).toBe('CHAIN_BROKEN');
    expect(await codeOf(chain(1, records, []))).toBe('CHAIN_BROKEN');
  });

  test('tries each pinned identity', async () => {
    const broken = [await endorse(0), await endorse(2)];
    const pinned = [keyAt(3).publicKey, keyAt(2).publicKey, keyAt(1).publicKey];
    expect(await chain(1, broken, pinned)).toHaveLength(1);
  });

  test('CON-23 accepts 64 links and refuses 65', async () => {
    const long = await Promise.all(Array.from({ length: 66 }, (_, i) => endorse(i)));
    expect(await chain(21, long, trusted(66))).toHaveLength(64);
    expect(await codeOf(chain(20, long, trusted(66)))).toBe('CHAIN_TOO_LONG');
  });
});
