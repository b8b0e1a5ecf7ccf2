import { describe, expect, test } from 'vitest';
import { toHex, toUtf8 } from '../../src/core/bytes.ts';
import { CborTagged, encodeCbor } from '../../src/formats/encoding/cbor.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import { entryLeafOf } from '../../src/formats/entries/write-set.ts';
import { keyIdOf } from '../../src/formats/keys/ec-key.ts';
import { commitEvidenceDigest } from '../../src/formats/merkle/commit-evidence.ts';
import { MerkleTree } from '../../src/formats/merkle/merkle-tree.ts';
import { encodeInclusionProof } from '../../src/formats/receipts/inclusion-proof.ts';
import { readTrustAnchors, verifyReceipt } from '../../src/receipts/entry.ts';
import { codeOf } from '../formats/expect-code.ts';
import { makeKey } from '../formats/make-keys.ts';
import { makeCoseReceipt } from '../formats/make-snapshot-file.ts';
import {
  claims,
  claimsDigest,
  made,
  madeP384,
  makeReceipt,
  map,
  ownProof,
  proofBytes,
  services,
  stranger,
} from './make-receipts.ts';

const { keyId } = made.serviceCertificate;
const verify = (receipt: Uint8Array) => verifyReceipt(receipt, { services });

describe('a COSE receipt', () => {
  test('of our own encoder is verified', async () => {
    const receipt = await makeCoseReceipt(made, claimsDigest);
    expect(await verifyReceipt(receipt, { services, claims })).toStrictEqual({
      form: 'cose',
      tree: 'CCF_LEDGER_SHA256',
      trusted: true,
      serviceKeyId: keyId,
      signerKeyId: keyId,
      root: toHex(ownProof.root),
      claimsDigest: toHex(claimsDigest),
      txId: '2.12',
      signatureTxId: '2.15',
      issuer: 'service.example.com',
      subject: 'ledger.signature',
      issuedAt: 1_600_000_000,
      inclusions: [
        {
          leaf: toHex(
            entryLeafOf({
              type: 4,
              ...ownProof.proof,
              commitEvidenceDigest: commitEvidenceDigest(ownProof.proof.commitEvidence),
            }),
          ),
          claimsDigest: toHex(claimsDigest),
          writeSetDigest: toHex(ownProof.proof.writeSetDigest),
          commitEvidence: ownProof.proof.commitEvidence,
          txId: '2.12',
        },
      ],
      consistencies: [],
      ignored: [],
      remarks: [],
    });
  });

  test('with other labels outside the signed header is verified, and they are named', async () => {
    const labels = [[33, Uint8Array.of(1)] as const, ['note', map([1, 2])] as const];
    const receipt = makeReceipt({ labels: labels.map(([label, value]) => [label, value]) });
    expect(await verify(receipt)).toMatchObject({ trusted: true, ignored: [33, 'note'] });
  });

  test('with evidence of another form proves its claims, and no transaction', async () => {
    const proof = { ...ownProof.proof, commitEvidence: 'ce:2.1' };
    const leaf = entryLeafOf({
      type: 4,
      ...proof,
      commitEvidenceDigest: commitEvidenceDigest('ce:2.1'),
    });
    const tree = treeWith(leaf);
    const proofs = [encodeInclusionProof({ ...proof, path: tree.path(12) })];
    const result = await verify(makeReceipt({ proofs, root: tree.root(), header: [[395, 2]] }));
    expect(result).toMatchObject({ trusted: true, txId: undefined, signatureTxId: undefined });
    expect(result).toMatchObject({ remarks: ['EVIDENCE_NOT_PLACED'] });
  });

  test('whose path begins at another leaf than its evidence names proves no transaction', async () => {
    const header = [[395, 2] as const, ['ccf.v1', map(['txid', '2.99'])] as const];
    const receipt = makeReceipt({ header: header.map(([label, value]) => [label, value]) });
    expect(await verify(receipt)).toMatchObject({ txId: undefined, signatureTxId: '2.99' });
  });

  test.each(['2.12', '2.3', '1.15'])(
    'is refused when it is signed before it, at %s',
    async (txid) => {
      const receipt = makeReceipt({
        header: [
          [395, 2],
          ['ccf.v1', map(['txid', txid])],
        ],
      });
      expect(await codeOf(verify(receipt))).toBe('EVIDENCE_MISMATCH');
    },
  );
});

/** Leaves 0 … 14, of which 12 is given. */
function treeWith(leaf: Uint8Array): MerkleTree {
  const tree = MerkleTree.genesis();
  for (let i = 1; i < 15; i++) tree.append(i === 12 ? leaf : sha256(Uint8Array.of(i)));
  return tree;
}

describe('the key of a COSE receipt', () => {
  test.each([
    ['-7 with P-256', -7, 'P-256', 'sha256'],
    ['-35 with P-384', -35, 'P-384', 'sha384'],
    ['-36 with P-521', -36, 'P-521', 'sha512'],
  ] as const)('may have alg %s', async (_what, alg, curve, hash) => {
    const { privateKey, publicKey } = makeKey('receipts', curve);
    const receipt = makeReceipt({ key: privateKey, alg, hash });
    const spki = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    const result = await verifyReceipt(receipt, { services: readTrustAnchors(spki) });
    expect(result).toMatchObject({ trusted: true, serviceKeyId: keyIdOf(publicKey) });
  });

  test('is found among several by kid', async () => {
    const all = [stranger, madeP384, made].flatMap(({ serviceCertificate }) =>
      readTrustAnchors(serviceCertificate.pem),
    );
    const result = await verifyReceipt(makeReceipt(), { services: all });
    expect(result).toMatchObject({ serviceKeyId: keyId });
  });

  test('is found without kid by trying', async () => {
    const all = [stranger, madeP384, made].flatMap(({ serviceCertificate }) =>
      readTrustAnchors(serviceCertificate.pem),
    );
    const receipt = makeReceipt({ withoutKid: true });
    expect(await verifyReceipt(receipt, { services: all })).toMatchObject({ serviceKeyId: keyId });
    expect(await codeOf(verifyReceipt(receipt, { services: all.slice(0, 2) }))).toBe('SIG_INVALID');
  });

  test('that the receipt names must be trusted, even if it signed', async () => {
    const header: [number, Uint8Array | number][] = [
      [4, toUtf8('another')],
      [395, 2],
    ];
    const receipt = makeReceipt({ withoutKid: true, header });
    expect(await codeOf(verify(receipt))).toBe('KID_MISMATCH');
    const strange = readTrustAnchors(stranger.serviceCertificate.pem);
    expect(await codeOf(verifyReceipt(makeReceipt(), { services: strange }))).toBe('KID_MISMATCH');
  });

  test('that it names and that did not sign refuses it', async () => {
    const header: [number, Uint8Array | number][] = [
      [4, toUtf8(keyId)],
      [395, 2],
    ];
    const key = stranger.service.privateKey;
    expect(await codeOf(verify(makeReceipt({ withoutKid: true, header, key })))).toBe(
      'SIG_INVALID',
    );
  });

  test.each([
    ['P-384 where alg is ES256', makeReceipt({ key: madeP384.service.privateKey, hash: 'sha256' })],
    ['P-384 where alg is ES512', makeReceipt({ key: madeP384.service.privateKey, alg: -36 })],
  ])('must be on the curve of alg: %s', async (_what, receipt) => {
    const anchors = readTrustAnchors(madeP384.serviceCertificate.pem);
    const code = await codeOf(verifyReceipt(receipt, { services: anchors }));
    expect(['ALG_KEY_MISMATCH', 'SIG_LENGTH']).toContain(code);
  });

  test('on P-256 where alg is ES384 is refused for its curve', async () => {
    const header = encodeCbor(map([1, -35], [4, toUtf8(keyId)], [395, 2]));
    const receipt = encodeCbor(
      new CborTagged(18, [
        header,
        map([396, map([-1, [proofBytes]])]),
        null,
        new Uint8Array(96).fill(1),
      ]),
    );
    expect(await codeOf(verify(receipt))).toBe('ALG_KEY_MISMATCH');
  });

  test('that nobody gave is unknown, unless the receipt brings it: then it is verified, not trusted', async () => {
    expect(await codeOf(verifyReceipt(makeReceipt()))).toBe('SERVICE_UNKNOWN');
    const der = made.serviceCertificate.der;
    for (const chain of [der, [der, der]]) {
      const receipt = makeReceipt({ labels: [[33, chain]] });
      const result = await verifyReceipt(receipt);
      expect(result).toMatchObject({ trusted: false, serviceKeyId: undefined, signerKeyId: keyId });
      expect(result).toMatchObject({ remarks: ['NO_TRUST_ANCHOR'] });
    }
    const strange = makeReceipt({ labels: [[33, stranger.serviceCertificate.der]] });
    expect(await codeOf(verifyReceipt(strange))).toBe('SIG_INVALID');
  });
});

describe('several inclusion proofs', () => {
  const second = (path: typeof ownProof.proof.path) =>
    encodeInclusionProof({ ...ownProof.proof, path });
  const wrong = second(ownProof.proof.path.map((step) => ({ ...step, left: !step.left })));

  test('that all hold are verified', async () => {
    const result = await verify(makeReceipt({ proofs: [proofBytes, proofBytes] }));
    expect(result).toMatchObject({ inclusions: [{ txId: '2.12' }, { txId: '2.12' }] });
  });

  test.each([
    ['the second', [proofBytes, wrong]],
    ['the first', [wrong, proofBytes]],
    ['the last of many', [...Array.from({ length: 63 }, () => proofBytes), wrong]],
  ])('of which %s does not hold are refused', async (_what, proofs) => {
    expect(await codeOf(verify(makeReceipt({ proofs })))).toBe('MERKLE_ROOT_MISMATCH');
  });

  test('of other claims than expected are refused, whichever of them', async () => {
    const other = encodeInclusionProof({
      ...ownProof.proof,
      claimsDigest: sha256(toUtf8('other')),
    });
    for (const proofs of [
      [proofBytes, other],
      [other, proofBytes],
    ]) {
      const code = await codeOf(verifyReceipt(makeReceipt({ proofs }), { services, claims }));
      expect(code).toBe('CLAIMS_DIGEST_MISMATCH');
    }
  });
});

describe('what a receipt must claim', () => {
  test.each([
    ['its digest', { claimsDigest }],
    ['its digest in hex', { claimsDigest: toHex(claimsDigest) }],
    ['its digest in capitals', { claimsDigest: toHex(claimsDigest).toUpperCase() }],
    ['the claims', { claims }],
    ['both', { claims, claimsDigest }],
  ])('is compared: %s', async (_what, expected) => {
    expect(await verifyReceipt(makeReceipt(), { services, ...expected })).toMatchObject({
      claimsDigest: toHex(claimsDigest),
    });
  });

  test('is refused when it is something else', async () => {
    const options = { services, claims: toUtf8('something else') };
    expect(await codeOf(verifyReceipt(makeReceipt(), options))).toBe('CLAIMS_DIGEST_MISMATCH');
    const both = { services, claims, claimsDigest: 'ab'.repeat(32) };
    expect(await codeOf(verifyReceipt(makeReceipt(), both))).toBe('CLAIMS_DIGEST_MISMATCH');
  });

  test('cannot be of another length', async () => {
    const options = { services, claimsDigest: 'abcd' };
    await expect(verifyReceipt(makeReceipt(), options)).rejects.toThrow(TypeError);
  });
});
