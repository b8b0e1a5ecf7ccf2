import { type KeyObject, sign, verify } from 'node:crypto';
import { fromBase64, fromHex, toBase64, toHex } from '../../core/bytes.ts';
import { FormatError, VerificationError } from '../../core/errors.ts';
import { type Seqno, seqno as toSeqno, view as toView, type View } from '../../core/words.ts';
import {
  encodeJsonFields,
  type JsonObject,
  jsonField,
  jsonObject,
  jsonSeqno,
  jsonText,
  jsonView,
  parseJson,
} from '../encoding/json.ts';
import { profileOfKey } from '../keys/ec-key.ts';

/** A node's signature over a Merkle root: the value of `public:ccf.internal.signatures`. */
export interface NodeSignature {
  /** PEM; absent in CCF 1.x. Compare it by key: CCF may renew it with another text. */
  readonly certificate?: string;
  readonly commitSeqno: Seqno;
  readonly commitView: View;
  /** 32 bytes, zero since CCF 2. */
  readonly hashedNonce: Uint8Array;
  /** The node's id: hex SHA-256 of its SubjectPublicKeyInfo. */
  readonly node: string;
  /** 32 bytes, over the leaves 0 … seqno-1. */
  readonly root: Uint8Array;
  readonly seqno: Seqno;
  /** ECDSA in DER over the root taken as a digest. */
  readonly signature: Uint8Array;
  readonly view: View;
}

/**
 * Decodes a node signature. What it is verified by must be there in its one form; fields that other releases add are
 * ignored, and those that only CCF 1.x gave a meaning may be missing.
 * @throws FormatError `BAD_JSON`, `BAD_TEXT`, `BAD_HEX`, `BAD_BASE64`, `NUMBER_TOO_LARGE`, `TOO_LARGE`
 */
export function decodeNodeSignature(value: Uint8Array): NodeSignature {
  const object = jsonObject(parseJson(value), 'the node signature');
  const has = (name: string) => jsonField(object, name) !== undefined;
  const decoded = {
    commitSeqno: has('commit_seqno')
      ? jsonSeqno(object.get('commit_seqno'), 'commit_seqno')
      : toSeqno(0),
    commitView: has('commit_view') ? jsonView(object.get('commit_view'), 'commit_view') : toView(0),
    hashedNonce: has('hashed_nonce') ? digestField(object, 'hashed_nonce') : new Uint8Array(32),
    node: toHex(digestField(object, 'node')),
    root: digestField(object, 'root'),
    seqno: jsonSeqno(object.get('seqno'), 'seqno'),
    signature: fromBase64(jsonText(object.get('sig'), 'sig')),
    view: jsonView(object.get('view'), 'view'),
  };
  if (!has('cert')) return decoded;
  return { certificate: jsonText(object.get('cert'), 'cert'), ...decoded };
}

function digestField(object: JsonObject, name: string): Uint8Array {
  const bytes = fromHex(jsonText(object.get(name), name));
  if (bytes.length === 32) return bytes;
  throw new FormatError('BAD_HEX', `${name} has ${bytes.length} bytes, not 32`);
}

/**
 * Encodes a node signature to CCF's bytes: keys sorted, no spaces.
 * @see CCF src/service/tables/signatures.h
 */
export function encodeNodeSignature(signature: NodeSignature): Uint8Array {
  return encodeJsonFields({
    cert: signature.certificate,
    commit_seqno: signature.commitSeqno,
    commit_view: signature.commitView,
    hashed_nonce: toHex(signature.hashedNonce),
    node: signature.node,
    root: toHex(signature.root),
    seqno: signature.seqno,
    sig: toBase64(signature.signature),
    view: signature.view,
  });
}

/** What {@link verifyNodeSignature} needs. */
export interface NodeSignatureProof {
  /** ECDSA signature in DER. */
  readonly signature: Uint8Array;
  /** The 64 bytes whose SHA-256 is the root: its two children. */
  readonly preimage: Uint8Array;
  readonly key: KeyObject;
}

/**
 * Verifies a node's signature over a root, on the thread pool. The root is signed as if it were already
 * the digest; node:crypto cannot be given a digest, so it hashes the root's preimage to the root itself.
 * @throws VerificationError `NODE_SIGNATURE_INVALID`, `ALG_KEY_MISMATCH`
 */
export async function verifyNodeSignature(proof: NodeSignatureProof): Promise<void> {
  const { key, preimage, signature } = proof;
  profileOfKey(key);
  const valid = await new Promise<boolean>((resolve, reject) => {
    verify('sha256', preimage, { key, dsaEncoding: 'der' }, signature, (error, result) =>
      error === null ? resolve(result) : reject(error),
    );
  }).catch(() => false);
  if (!valid) {
    throw new VerificationError('NODE_SIGNATURE_INVALID', 'the node signature does not verify');
  }
}

/**
 * Signs a root as a CCF node does: ECDSA in DER over SHA-256 of the root's preimage.
 * @param preimage the 64 bytes whose SHA-256 is the root
 * @throws VerificationError `ALG_KEY_MISMATCH` for a key that is neither P-256 nor P-384
 */
export async function signRoot(preimage: Uint8Array, nodeKey: KeyObject): Promise<Uint8Array> {
  profileOfKey(nodeKey);
  return new Promise((resolve, reject) => {
    sign('sha256', preimage, { key: nodeKey, dsaEncoding: 'der' }, (error, signature) =>
      error === null ? resolve(new Uint8Array(signature)) : reject(error),
    );
  });
}
