import { type KeyObject, sign } from 'node:crypto';
import { toUtf8 } from '../../src/core/bytes.ts';
import {
  type CborKey,
  type CborMap,
  CborTagged,
  type CborValue,
  decodeCbor,
  encodeCbor,
} from '../../src/formats/encoding/cbor.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import { keyIdOf } from '../../src/formats/keys/ec-key.ts';
import { encodeInclusionProof } from '../../src/formats/receipts/inclusion-proof.ts';
import { readTrustAnchors } from '../../src/receipts/entry.ts';
import { makeProof, makeService } from '../formats/make-snapshot-file.ts';

/** The service that signs what is made here, on P-256 where much is verified, and another one. */
export const made = makeService('receipts', 'P-256');
export const madeP384 = makeService('receipts');
export const stranger = makeService('stranger', 'P-256');

export const services = readTrustAnchors(made.serviceCertificate.pem);

export const claims = toUtf8('what is claimed');
export const claimsDigest = sha256(claims);

export const map = (...entries: [CborKey, CborValue][]): CborMap => new Map(entries);

/** What a receipt is made of; all of it has a default that is right. */
export interface ReceiptDraft {
  /** The signed header, in which alg and kid are put unless given. */
  readonly header?: readonly [CborKey, CborValue][];
  readonly withoutKid?: boolean;
  readonly proofs?: CborValue;
  readonly vdp?: CborValue;
  /** More labels outside the signed header. */
  readonly labels?: readonly [CborKey, CborValue][];
  readonly root?: Uint8Array;
  readonly payload?: CborValue;
  readonly key?: KeyObject;
  readonly alg?: number;
  readonly hash?: string;
}

/** The proof that a receipt has by default, and its root. */
export const ownProof = makeProof(claimsDigest);
export const proofBytes = encodeInclusionProof(ownProof.proof);

/** A receipt, right but for what its draft says; it is signed all the same. */
export function makeReceipt(draft: ReceiptDraft = {}): Uint8Array {
  const { key = made.service.privateKey, alg = -7, hash = 'sha256' } = draft;
  const kid: [CborKey, CborValue][] = draft.withoutKid === true ? [] : [[4, toUtf8(keyIdOf(key))]];
  const own = draft.header ?? [
    [395, 2],
    ['ccf.v1', map(['txid', '2.15'])],
  ];
  const protectedBytes = encodeCbor(new Map([[1, alg], ...kid, ...own]));
  const root = draft.root ?? ownProof.root;
  const input = encodeCbor(['Signature1', protectedBytes, new Uint8Array(), root]);
  const signature = new Uint8Array(sign(hash, input, { key, dsaEncoding: 'ieee-p1363' }));
  const vdp = draft.vdp ?? map([-1, draft.proofs ?? [proofBytes]]);
  const unprotected = new Map([[396, vdp], ...(draft.labels ?? [])]);
  return encodeCbor(
    new CborTagged(18, [protectedBytes, unprotected, draft.payload ?? null, signature]),
  );
}

/** A statement of some issuer, whose signature is of no concern here. */
export function makeStatement(text = 'a statement', labels: CborMap = new Map()): CborTagged {
  const header = encodeCbor(map([1, -37], [3, 'text/plain'], [33, [Uint8Array.of(48, 0)]]));
  return new CborTagged(18, [header, labels, toUtf8(text), new Uint8Array(256).fill(7)]);
}

/** What a receipt of a statement claims: the digest of the statement that has none. */
export function statementDigest(statement: CborTagged): Uint8Array {
  const items = statement.value as readonly CborValue[];
  const [header = null, , payload = null, signature = null] = items;
  return sha256(encodeCbor(new CborTagged(18, [header, new Map(), payload, signature])));
}

/** A receipt of a claims digest. */
export function receiptOf(digest: Uint8Array, draft: ReceiptDraft = {}): Uint8Array {
  const { proof, root } = makeProof(digest);
  return makeReceipt({ proofs: [encodeInclusionProof(proof)], root, ...draft });
}

/** A statement with receipts in its unprotected header. */
export function transparent(statement: CborTagged, receipts: CborValue): Uint8Array {
  const items = statement.value as readonly CborValue[];
  const [header = null, labels = null, payload = null, signature = null] = items;
  const unprotected = new Map([...(labels as CborMap), [394, receipts]]);
  return encodeCbor(new CborTagged(18, [header, unprotected, payload, signature]));
}

/** The four items of a message. */
export function itemsOf(bytes: Uint8Array): readonly CborValue[] {
  const value = decodeCbor(bytes, { tags: [18] });
  if (!(value instanceof CborTagged)) throw new Error('not tagged');
  return value.value as readonly CborValue[];
}
