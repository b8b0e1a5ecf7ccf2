import { sign } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { concatBytes, fromUtf8, toBase64, toHex, toUtf8 } from '../../src/core/bytes.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import { createCertificate } from '../../src/formats/keys/certificate.ts';
import { commitEvidenceDigest } from '../../src/formats/merkle/commit-evidence.ts';
import { MerkleTree } from '../../src/formats/merkle/merkle-tree.ts';
import { signRoot } from '../../src/formats/signatures/node-signature.ts';
import { readTrustAnchors, verifyReceipt } from '../../src/receipts/entry.ts';
import { codeOf } from '../formats/expect-code.ts';
import { type MadeKey, makeKey } from '../formats/make-keys.ts';
import { makeJsonReceipt } from '../formats/make-snapshot-file.ts';
import { claims, claimsDigest, made, madeP384, ownProof, services } from './make-receipts.ts';

const bytes = await makeJsonReceipt(made, claimsDigest);
const receipt = JSON.parse(fromUtf8(bytes)) as Readonly<Record<string, unknown>>;
const verify = (form: object | Uint8Array | string) => verifyReceipt(form, { services });
const without = (name: string) =>
  Object.fromEntries(Object.entries(receipt).filter(([field]) => field !== name));
const { writeSetDigest, commitEvidence } = ownProof.proof;

/** Signs the root that a leaf at 12 leads to, as a node does. */
async function signedAt(leaf: Uint8Array, form: object) {
  const tree = MerkleTree.genesis();
  for (let i = 1; i < 15; i++) tree.append(i === 12 ? leaf : sha256(Uint8Array.of(i)));
  const proof = tree.path(12).map(({ left, hash }) => ({ [left ? 'left' : 'right']: toHex(hash) }));
  const signature = toBase64(await signRoot(tree.rootPreimage(), made.node.privateKey));
  return { ...without('leaf_components'), ...form, proof, signature };
}

describe('a JSON receipt', () => {
  test('of our own encoder is verified', async () => {
    expect(await verifyReceipt(bytes, { services, claims })).toStrictEqual({
      form: 'json',
      tree: 'CCF_LEDGER_SHA256',
      trusted: true,
      serviceKeyId: made.serviceCertificate.keyId,
      signerKeyId: made.nodeCertificate.keyId,
      root: toHex(ownProof.root),
      claimsDigest: toHex(claimsDigest),
      txId: '2.12',
      signatureTxId: undefined,
      issuer: undefined,
      subject: undefined,
      issuedAt: undefined,
      inclusions: [expect.objectContaining({ commitEvidence, txId: '2.12' })],
      consistencies: [],
      ignored: [],
      remarks: [],
    });
  });

  test('of a service and node on P-384 is verified', async () => {
    const own = readTrustAnchors(madeP384.serviceCertificate.pem);
    const other = await makeJsonReceipt(madeP384, claimsDigest);
    expect(await verifyReceipt(other, { services: own })).toMatchObject({ trusted: true });
  });

  const reversed = Object.fromEntries(Object.entries(receipt).reverse());
  test.each<[string, object | string]>([
    ['in another order', reversed],
    ['with white space', `\n ${JSON.stringify(receipt, undefined, '\t')}\r\n`],
    ['with more fields', { ...receipt, root: 'x', extra: { a: [1.5] } }],
    ['without node_id', without('node_id')],
    ['with null for what it lacks', { ...receipt, node_id: null, service_endorsements: null }],
    ['in camelCase', { ...without('node_id'), nodeId: receipt['node_id'] }],
    ['with no endorsements', { ...receipt, service_endorsements: [] }],
    [
      'that says it is of no signature transaction',
      { ...receipt, is_signature_transaction: false },
    ],
    ['in an answer', { receipt, state: 'Ready', transactionId: '2.12' }],
    [
      'with a certificate in CRLF',
      { ...receipt, cert: made.nodeCertificate.pem.replaceAll('\n', '\r\n') },
    ],
  ])('%s is verified', async (_what, form) => {
    expect(await verify(form)).toMatchObject({ trusted: true, txId: '2.12' });
  });

  test('names the fields that it did not look at', async () => {
    expect(await verify({ ...receipt, extra: 1 })).toMatchObject({ ignored: ['extra'] });
  });

  test.each<[string, object, string]>([
    ['with a field one letter off', { ...without('node_id'), node_ie: 'ab' }, 'RECEIPT_FORMAT'],
    ['with a field in two spellings', { ...receipt, nodeId: receipt['node_id'] }, 'DUPLICATE_KEY'],
    ['without a leaf', without('leaf_components'), 'RECEIPT_FORMAT'],
    ['with two leaves', { ...receipt, leaf: '00'.repeat(32) }, 'RECEIPT_FORMAT'],
    [
      'of a signature transaction with parts',
      { ...receipt, is_signature_transaction: true },
      'RECEIPT_FORMAT',
    ],
    ['without a proof', without('proof'), 'RECEIPT_FORMAT'],
    ['without a signature', without('signature'), 'RECEIPT_FORMAT'],
    ['with an empty signature', { ...receipt, signature: '' }, 'RECEIPT_FORMAT'],
    ['of another node', { ...receipt, node_id: '00'.repeat(32) }, 'KID_MISMATCH'],
    ['without the node’s certificate', without('cert'), 'NODE_UNKNOWN'],
    [
      'with two certificates',
      { ...receipt, cert: `${receipt['cert']}${receipt['cert']}` },
      'BAD_CERTIFICATE',
    ],
    [
      'with text before its certificate',
      { ...receipt, cert: ` ${receipt['cert']}` },
      'BAD_CERTIFICATE',
    ],
    ['with a certificate of 1 MiB', { ...receipt, cert: bigPem(900_000) }, 'TOO_LARGE'],
    ['with a certificate of 100 KiB', { ...receipt, cert: bigPem(75_000) }, 'BAD_CERTIFICATE'],
    [
      'with a service as node',
      { ...without('node_id'), cert: made.serviceCertificate.pem },
      'NODE_SIGNATURE_INVALID',
    ],
    [
      'with 54 steps',
      { ...receipt, proof: Array.from({ length: 54 }, () => ({ left: '00'.repeat(32) })) },
      'MERKLE_PATH',
    ],
    [
      'with a step of two sides',
      { ...receipt, proof: [{ left: '00'.repeat(32), right: '00'.repeat(32) }] },
      'RECEIPT_FORMAT',
    ],
    [
      'with 65 endorsements',
      { ...receipt, service_endorsements: Array.from({ length: 65 }, () => '') },
      'TOO_LARGE',
    ],
    [
      'with hex in capitals',
      { ...receipt, node_id: String(receipt['node_id']).toUpperCase() },
      'KID_MISMATCH',
    ],
  ])('%s is refused', async (_what, form, code) => {
    expect(await codeOf(verify(form))).toBe(code);
  });

  test('takes the node’s certificate from the caller where it has none', async () => {
    const options = { services, nodeCertificate: made.nodeCertificate.pem };
    expect(await verifyReceipt(without('cert'), options)).toMatchObject({ trusted: true });
  });
});

function bigPem(size: number): string {
  return `-----BEGIN CERTIFICATE-----\n${toBase64(new Uint8Array(size))}\n-----END CERTIFICATE-----\n`;
}

describe('the leaf of a JSON receipt', () => {
  test('may be the write set alone, as of CCF 1.x', async () => {
    const parts = { write_set_digest: toHex(writeSetDigest) };
    for (const form of [{ leaf_components: parts }, { leaf: toHex(writeSetDigest) }]) {
      const result = await verify(await signedAt(writeSetDigest, form));
      expect(result).toMatchObject({ trusted: true, claimsDigest: undefined, txId: undefined });
    }
  });

  test('with claims and no commit evidence is refused: an inner node of the tree has that form', async () => {
    const parts = { write_set_digest: toHex(writeSetDigest), claims_digest: toHex(claimsDigest) };
    const form = { ...receipt, leaf_components: parts };
    expect(await codeOf(verify(form))).toBe('RECEIPT_FORMAT');
  });

  test('may lack claims, as of CCF 2', async () => {
    const leaf = sha256(concatBytes([writeSetDigest, commitEvidenceDigest(commitEvidence)]));
    const parts = { write_set_digest: toHex(writeSetDigest), commit_evidence: commitEvidence };
    const form = await signedAt(leaf, { leaf_components: parts });
    expect(await verify(form)).toMatchObject({ claimsDigest: undefined, txId: '2.12' });
    const code = await codeOf(verifyReceipt(form, { services, claims }));
    expect(code).toBe('CLAIMS_DIGEST_MISSING');
  });

  test('that is given as it is proves no claims, and says so', async () => {
    const form = await signedAt(sha256(toUtf8('a leaf')), {
      leaf: toHex(sha256(toUtf8('a leaf'))),
    });
    expect(await verify(form)).toMatchObject({
      remarks: ['LEAF_NOT_REBUILT'],
    });
    expect(await codeOf(verifyReceipt(form, { services, claimsDigest }))).toBe(
      'CLAIMS_DIGEST_MISSING',
    );
  });
});

describe('a receipt without a path', () => {
  const leafPreimage = concatBytes([
    writeSetDigest,
    commitEvidenceDigest(commitEvidence),
    claimsDigest,
  ]);

  test('of a leaf with its parts is signed over the leaf', async () => {
    const signature = toBase64(await signRoot(leafPreimage, made.node.privateKey));
    const form = { ...receipt, proof: [], signature };
    expect(await verify(form)).toMatchObject({ root: toHex(sha256(leafPreimage)) });
    expect(await verify(form)).toMatchObject({ remarks: ['EMPTY_PATH', 'EVIDENCE_NOT_PLACED'] });
    expect(await codeOf(verify({ ...receipt, proof: [] }))).toBe('NODE_SIGNATURE_INVALID');
  });

  /** The root that a signature transaction signs, without the children that it is the hash of. */
  test.each([
    ['leaf', 'P-256', { proof: [] }],
    ['leaf', 'P-384', { proof: [] }],
    ['signed_root', 'P-384', {}],
  ] as const)(
    'of a signature transaction is signed over its %s, on %s',
    async (name, curve, more) => {
      const node = makeKey('signer', curve);
      const { root, preimage } = ownProof;
      const signature = toBase64(
        new Uint8Array(sign('sha256', preimage, { key: node.privateKey, dsaEncoding: 'der' })),
      );
      const form = {
        cert: certificateOf(node),
        [name]: toHex(root),
        signature,
        is_signature_transaction: true,
        ...more,
      };
      expect(await verify(form)).toMatchObject({ trusted: true, root: toHex(root) });
      const other = { ...form, [name]: toHex(sha256(root)) };
      expect(await codeOf(verify(other))).toBe('NODE_SIGNATURE_INVALID');
    },
  );
});

const validity = { notBeforeMs: 0, notAfterMs: 1 };
const serial = new Uint8Array(16).fill(1);

function certificateOf(node: MadeKey, issuer = made.service, ca = false): string {
  const subject = 'CCF Node';
  return createCertificate(
    { ...validity, serial, subject, publicKey: node.publicKey, ca },
    { subject: 'CCF Network', key: issuer.privateKey },
  ).pem;
}

describe('endorsements', () => {
  const [middle, newest, other] = ['middle', 'newest', 'other'].map((name) =>
    makeKey(name, 'P-256'),
  );
  if (!middle || !newest || !other) throw new Error('three keys');
  const spkiOf = ({ publicKey }: MadeKey) =>
    readTrustAnchors(publicKey.export({ type: 'spki', format: 'pem' }).toString());
  const old = certificateOf(made.service, middle, true);
  const next = certificateOf(middle, newest, true);
  const chained = (...service_endorsements: string[]) => ({ ...receipt, service_endorsements });

  test.each([
    ['the newest service', chained(old, next), newest],
    ['one in between', chained(old, next), middle],
    ['the one that signed the node', chained(old, next), made.service],
    ['one behind a single endorsement', chained(old), middle],
  ])('lead from the node to %s', async (_what, form, key) => {
    const anchors = spkiOf(key);
    const result = await verifyReceipt(form, { services: anchors });
    expect(result).toMatchObject({ trusted: true, serviceKeyId: anchors[0]?.keyId });
  });

  test.each([
    ['in another order', chained(next, old), newest],
    ['with a gap', chained(next), newest],
    ['that lead elsewhere', chained(old, next), other],
    ['of which one is of another key', chained(old, certificateOf(other, newest, true)), newest],
    ['of which one is no CA', chained(certificateOf(made.service, middle, false), next), newest],
    [
      'that go on wrongly behind a trusted one',
      chained(old, certificateOf(other, newest, true)),
      made.service,
    ],
  ])('are refused %s', async (_what, form, key) => {
    const code = await codeOf(verifyReceipt(form, { services: spkiOf(key) }));
    expect(code).toBe('NODE_CERT_NOT_ENDORSED');
  });

  test('of a node that is a CA are refused', async () => {
    const cert = certificateOf(made.node, made.service, true);
    expect(await codeOf(verify({ ...receipt, cert }))).toBe('NODE_CERT_NOT_ENDORSED');
  });
});
