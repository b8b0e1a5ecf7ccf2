import { type KeyObject, sign } from 'node:crypto';
import {
  type CborMap,
  CborTagged,
  type CborValue,
  encodeCbor,
} from '../../src/formats/encoding/cbor.ts';
import { makeKey } from './make-keys.ts';

/** The keys and the payload of what is made here. */
export const p384 = makeKey('cose');
export const p256 = makeKey('cose', 'P-256');
export const payload = new Uint8Array(32).fill(5);

/** Signs any protected bytes at all, as an honest signer with a lax encoder would. */
export function signAnything(
  protectedBytes: Uint8Array,
  key: KeyObject,
  hash = 'sha384',
): Uint8Array {
  const input = encodeCbor(['Signature1', protectedBytes, new Uint8Array(), payload]);
  return new Uint8Array(sign(hash, input, { key, dsaEncoding: 'ieee-p1363' }));
}

export interface Draft {
  readonly header?: CborMap;
  readonly protectedBytes?: Uint8Array;
  readonly unprotectedHeader?: CborMap;
  readonly payload?: CborValue;
  readonly signature?: Uint8Array;
  readonly key?: KeyObject;
}

/** A message that is right but for what the draft says. */
export function makeCoseSign1(draft: Draft = {}): Uint8Array {
  const protectedBytes = draft.protectedBytes ?? encodeCbor(draft.header ?? new Map([[1, -35]]));
  const signature = draft.signature ?? signAnything(protectedBytes, draft.key ?? p384.privateKey);
  const detached = draft.payload === undefined ? null : draft.payload;
  const items = [protectedBytes, draft.unprotectedHeader ?? new Map(), detached, signature];
  return encodeCbor(new CborTagged(18, items));
}

/** A header of these labels. */
export const header = (...entries: [number | string, CborValue][]) => new Map(entries);
/** The form of what CCF writes. */
export const detached = { payload: 'detached' } as const;
