import { createPrivateKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { toBase64, toUtf8 } from '../../src/core/bytes.ts';
import type { Seqno } from '../../src/core/words.ts';
import { type CborMap, CborTagged, encodeCbor } from '../../src/formats/encoding/cbor.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import { keyIdOfSpki, spkiOf } from '../../src/formats/keys/ec-key.ts';
import { MerkleTree } from '../../src/formats/merkle/merkle-tree.ts';
import { mlDsaKey } from '../../src/formats/signatures/ml-dsa.ts';
import { encodeCoseSignatureValue } from '../../src/formats/signatures/root-signature.ts';
import { makeKey } from '../formats/make-keys.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { classicalRow, identityKeys, identityRow } from '../helpers/make-tables.ts';
import { expectIdentical, replayMade } from '../helpers/replay-made.ts';

const members = makeMembers(1);
const algs = { 'ml-dsa-44': -48, 'ml-dsa-65': -49, 'ml-dsa-87': -50 } as const;
type Algorithm = keyof typeof algs;
const last = { 'ml-dsa-44': 17, 'ml-dsa-65': 18, 'ml-dsa-87': 19 } as const;

/** A private key from a random seed, in the PKCS #8 of RFC 9881; `undefined` where this Node.js knows none. */
function makeMlDsaKey(algorithm: Algorithm): KeyObject | undefined {
  const head = `3034020100300b06096086480165030403${last[algorithm].toString(16)}04228020`;
  const key = Buffer.concat([Buffer.from(head, 'hex'), randomBytes(32)]);
  try {
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } catch {
    return undefined;
  }
}

interface Signed {
  readonly key: KeyObject;
  readonly alg: number;
  readonly txid: string;
  readonly root: Uint8Array;
  /** @default that of the key */
  readonly kid?: string;
}

function signed({ key, alg, txid, root, kid = keyIdOfSpki(spkiOf(key)) }: Signed): Uint8Array {
  const header: CborMap = new Map<number | string, number | Uint8Array | CborMap>([
    [1, alg],
    [4, toUtf8(kid)],
    [395, 2],
    ['ccf.v1', new Map([['txid', txid]])],
  ]);
  const protectedBytes = encodeCbor(header);
  const input = encodeCbor(['Signature1', protectedBytes, new Uint8Array(), root]);
  const signature = new Uint8Array(sign(null, input, key));
  return encodeCbor(new CborTagged(18, [protectedBytes, new Map(), null, signature]));
}

function rootBefore(ledger: MadeLedger, seqno: Seqno): Uint8Array {
  const tree = MerkleTree.genesis();
  for (const { leaf } of ledger.entries.slice(0, seqno - 1)) tree.append(leaf);
  return tree.root();
}

const hybrid = (seed: string, key: KeyObject) =>
  MadeLedger.opened({
    seed,
    members,
    signing: {
      signerOf: (i) => makeKey(`hybrid ${i}`, 'P-256'),
      rows: (signer) => [classicalRow(signer), identityRow(identityKeys.pq, spkiOf(key))],
    },
  });

type Change = (message: Uint8Array, parts: Signed) => Uint8Array;

async function signHybrid(ledger: MadeLedger, parts: Pick<Signed, 'key' | 'alg'>, change: Change) {
  const seqno = ledger.next;
  const all = { ...parts, txid: `2.${seqno}`, root: rootBefore(ledger, seqno) };
  const value = encodeCoseSignatureValue(change(signed(all), all));
  await ledger.signature({
    forge: (values) => ({ ...values, others: [{ key: identityKeys.pq, value }] }),
  });
  return seqno;
}

describe.each(['ml-dsa-44', 'ml-dsa-65', 'ml-dsa-87'] as const)('%s', (algorithm) => {
  const key = makeMlDsaKey(algorithm);
  const alg = algs[algorithm];

  test('signatures beside the classical ones are verified', async (context) => {
    if (key === undefined) return context.skip('this Node.js has no ML-DSA: 24 and later do');
    const ledger = await hybrid('verified', key);
    await signHybrid(ledger, { key, alg }, (message) => message);
    ledger.vouch((await signHybrid(ledger, { key, alg }, (message) => message)) as Seqno);
    const record = {
      endorsement: toBase64(attached(key, alg)),
      endorsing_key: toBase64(spkiOf(key)),
      endorsement_epoch_begin: '2.1',
    };
    const value = toUtf8(JSON.stringify(record));
    const writes = [{ key: identityKeys.pq, value }];
    ledger.transaction([{ name: tables.identityEndorsement, writes, removes: [] }]);
    await signHybrid(ledger, { key, alg }, (message) => message);
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    const counts = [{ identity: 'PQ', verified: 4, unverified: 0 }];
    expect(replay.report.otherSignatures).toEqual(counts);
  });

  test.for<[string, Change, string]>([
    ['a flipped bit', (m) => m.with(-1, (m.at(-1) ?? 0) ^ 1), 'SIG_INVALID'],
    ['another root', (_, p) => signed({ ...p, root: new Uint8Array(32) }), 'SIG_INVALID'],
    ['another transaction', (_, p) => signed({ ...p, txid: '2.1' }), 'SEQNO_MISMATCH'],
    ['another kid', (_, p) => signed({ ...p, kid: 'ab'.repeat(32) }), 'KID_MISMATCH'],
    ['a classical alg', (_, p) => signed({ ...p, alg: -35 }), 'ALG_NOT_ALLOWED'],
    ['another alg', (_, p) => signed({ ...p, alg: p.alg === -49 ? -50 : -49 }), 'ALG_NOT_ALLOWED'],
    ['no message', () => Uint8Array.of(0xf6), 'COSE_TAG'],
    ['bytes behind it', (m) => Uint8Array.of(...m, 0), 'TRAILING_BYTES'],
  ])('a signature with %s is a failure with its place', async ([, change, code], context) => {
    if (key === undefined) return context.skip('this Node.js has no ML-DSA: 24 and later do');
    const ledger = await hybrid('refused', key);
    const seqno = await signHybrid(ledger, { key, alg }, change);
    const { report } = await replayMade(ledger);
    const place = { table: tables.coseSignatures, key: '0100000000000000', seqno };
    expect(report.failure).toMatchObject({ code, ...place });
    expect(report.failure?.message).toContain(
      `${tables.coseSignatures}, key 0100000000000000, seqno ${seqno}: `,
    );
  });
});

function attached(key: KeyObject, alg: number): Uint8Array {
  const protectedBytes = encodeCbor(new Map([[1, alg]]));
  const payload = spkiOf(key);
  const input = encodeCbor(['Signature1', protectedBytes, new Uint8Array(), payload]);
  const signature = new Uint8Array(sign(null, input, key));
  return encodeCbor(new CborTagged(18, [protectedBytes, new Map(), payload, signature]));
}

test('mlDsaKey() is no other key, and none that cannot be read', () => {
  expect(mlDsaKey(new Uint8Array(1974))).toBeUndefined();
  expect(mlDsaKey(spkiOf(makeKey('not PQ').publicKey))).toBeUndefined();
});
