import { createHash, createPublicKey, type KeyObject, verify, X509Certificate } from 'node:crypto';
import { decode, encode, type Tag } from 'cbor2';

/** What an independent verifier, which shares no code with the library, reads in a receipt. */
export interface IndependentVerdict {
  readonly root: string;
  readonly claimsDigest: string;
  readonly commitEvidence: string;
}

const sha256 = (...parts: readonly Uint8Array[]) =>
  createHash('sha256').update(Buffer.concat(parts)).digest();

type Step = { readonly left: boolean; readonly hash: Uint8Array };

/** The last two hashes side by side, whose hash is the root. */
function foldToPreimage(leafPreimage: Buffer, path: readonly Step[]): Buffer {
  let preimage = leafPreimage;
  for (const { left, hash } of path) {
    const below = sha256(preimage);
    preimage = Buffer.concat(left ? [hash, below] : [below, hash]);
  }
  return preimage;
}

/** Verifies CCF's COSE receipt by cbor2 and OpenSSL; throws when it does not hold. */
export function verifyCoseIndependently(bytes: Uint8Array, key: KeyObject): IndependentVerdict {
  const { contents } = decode<Tag>(Uint8Array.from(bytes));
  const [phdr, uhdr, , signature] = contents as [
    Uint8Array,
    Map<number, Map<number, [Uint8Array]>>,
    unknown,
    Uint8Array,
  ];
  const [proof] = uhdr.get(396)?.get(-1) ?? [];
  const parts = decode<Map<1 | 2, unknown>>(proof ?? new Uint8Array());
  const [writeSet, commitEvidence, claims] = parts.get(1) as [Uint8Array, string, Uint8Array];
  const steps = parts.get(2) as readonly [boolean, Uint8Array][];
  const path = steps.map(([left, hash]) => ({ left, hash }));
  const leaf = Buffer.concat([writeSet, sha256(Buffer.from(commitEvidence)), claims]);
  const root = sha256(foldToPreimage(leaf, path));
  const signed = encode(['Signature1', phdr, new Uint8Array(), new Uint8Array(root)]);
  const isValid = verify('sha384', signed, { key, dsaEncoding: 'ieee-p1363' }, signature);
  if (!isValid) throw new Error('the signature does not verify');
  return {
    root: root.toString('hex'),
    claimsDigest: Buffer.from(claims).toString('hex'),
    commitEvidence,
  };
}

interface JsonReceipt {
  readonly cert: string;
  readonly node_id: string;
  readonly signature: string;
  readonly proof: readonly { readonly left?: string; readonly right?: string }[];
  readonly leaf_components: {
    readonly write_set_digest: string;
    readonly commit_evidence?: string;
    readonly claims_digest?: string;
  };
}

/** Verifies CCF's JSON receipt by JSON.parse and OpenSSL; throws when it does not hold. */
export function verifyJsonIndependently(bytes: Uint8Array, service: KeyObject): IndependentVerdict {
  const receipt = JSON.parse(Buffer.from(bytes).toString()) as JsonReceipt;
  const { write_set_digest, commit_evidence = '', claims_digest = '' } = receipt.leaf_components;
  const evidence = commit_evidence === '' ? Buffer.alloc(0) : sha256(Buffer.from(commit_evidence));
  const parts = [Buffer.from(write_set_digest, 'hex'), evidence, Buffer.from(claims_digest, 'hex')];
  const path: Step[] = receipt.proof.map((step) => ({
    left: step.left !== undefined,
    hash: Buffer.from(step.left ?? step.right ?? '', 'hex'),
  }));
  const isOld = commit_evidence === '';
  const leaf = Buffer.concat(parts);
  const preimage = isOld ? foldHashed(leaf, path) : foldToPreimage(leaf, path);
  const certificate = new X509Certificate(receipt.cert);
  const signature = Buffer.from(receipt.signature, 'base64');
  if (!verify('sha256', preimage, certificate.publicKey, signature)) {
    throw new Error('the signature does not verify');
  }
  const spki = createPublicKey(receipt.cert).export({ type: 'spki', format: 'der' });
  if (sha256(spki).toString('hex') !== receipt.node_id) throw new Error('another node');
  if (!certificate.verify(service)) throw new Error('not endorsed');
  return {
    root: sha256(preimage).toString('hex'),
    claimsDigest: claims_digest,
    commitEvidence: commit_evidence,
  };
}

/** A leaf of CCF 1.x is the digest of its entry itself. */
function foldHashed(leaf: Buffer, [first, ...rest]: readonly Step[]): Buffer {
  if (first === undefined) throw new Error('no path');
  const above = Buffer.concat(first.left ? [first.hash, leaf] : [leaf, first.hash]);
  return foldToPreimage(above, rest);
}
