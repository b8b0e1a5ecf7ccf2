import { describe, expect, test } from 'vitest';
import {
  type Collected,
  commitPassedSignature,
  coseSignatureVerified,
  digestAgrees,
  evidenceMatches,
  nodeSignatureVerified,
  signatureCoversEvidence,
  treeOfSignature,
  treeProvesEvidence,
  wordsOf,
} from '../../machines/guards.ts';
import { InclusionProof, SignatureProof } from '../../src/core/proofs.ts';
import { digest, type ReceiptForm, seqno } from '../../src/core/words.ts';

const ours = digest('d'.repeat(64));
const other = digest('e'.repeat(64));
const root = digest('a'.repeat(64));

const collected: Collected = {
  seqno: seqno(10),
  receipt: 'cose',
  digest: ours,
  evidenceSeqno: seqno(12),
  signatureSeqno: seqno(14),
};
const nothing: Collected = { ...collected, evidenceSeqno: undefined, signatureSeqno: undefined };

const evidence = (of: number, snapshotSeqno: number, hex = ours) => ({
  seqno: seqno(of),
  snapshotSeqno: seqno(snapshotSeqno),
  digest: hex,
});

test.each([
  ['of this snapshot and digest', evidence(12, 10), true],
  ['right after the snapshot', evidence(11, 10), true],
  ['at the snapshot itself', evidence(10, 10), false],
  ['before the snapshot', evidence(9, 10), false],
  ['of another snapshot', evidence(12, 11), false],
  ['of another digest', evidence(12, 10, other), false],
])('evidenceMatches() for evidence %s', (_, fact, expected) => {
  expect(evidenceMatches(collected, fact)).toBe(expected);
});

test.each([
  ['the same', ours, ours, true],
  ['another', ours, other, false],
  ['any before the first', undefined, ours, false],
])('digestAgrees() for %s digest', (_, first, again, expected) => {
  expect(digestAgrees({ ...collected, digest: first }, again)).toBe(expected);
});

test('evidenceMatches() refuses all evidence before the digest is known', () => {
  expect(evidenceMatches({ ...collected, digest: undefined }, evidence(12, 10))).toBe(false);
});

test.each([
  [13, true],
  [12, false],
  [11, false],
])('signatureCoversEvidence() for a signature at %i over evidence at 12', (at, expected) => {
  expect(signatureCoversEvidence(collected, seqno(at))).toBe(expected);
  expect(signatureCoversEvidence(nothing, seqno(at))).toBe(false);
});

test.each([
  [13, false],
  [14, true],
  [15, false],
])('treeOfSignature() for a tree of %i and the signature of 14', (at, expected) => {
  expect(treeOfSignature(collected, seqno(at))).toBe(expected);
  expect(treeOfSignature(nothing, seqno(at))).toBe(false);
});

test.each([
  [13, false],
  [14, true],
  [15, true],
])('commitPassedSignature() for a commit of %i and the signature of 14', (at, expected) => {
  expect(commitPassedSignature(collected, seqno(at))).toBe(expected);
  expect(commitPassedSignature(nothing, seqno(at))).toBe(false);
});

const proof = (form: 'cose' | 'node', at = 14) => new SignatureProof(form, seqno(at), root);

describe('coseSignatureVerified() and nodeSignatureVerified()', () => {
  test.each<[ReceiptForm, 'cose' | 'node', boolean, boolean]>([
    ['cose', 'cose', true, false],
    ['cose', 'node', false, false],
    ['json', 'node', false, true],
    ['json', 'cose', false, false],
    ['none', 'node', false, true],
    ['none', 'cose', false, false],
  ])('with a %s receipt and a %s proof', (receipt, form, cose, node) => {
    const of = { ...collected, receipt };
    expect(coseSignatureVerified(of, proof(form))).toBe(cose);
    expect(nodeSignatureVerified(of, proof(form))).toBe(node);
  });

  test.each([
    ['a proof of another signature', proof('cose', 15)],
    ['a plain object', { ...proof('cose') }],
    [
      'an object of its class',
      Object.assign(Object.create(SignatureProof.prototype), proof('cose')),
    ],
    ['a proxy of a proof', new Proxy(proof('cose'), {})],
    ['a flag', true],
    ['nothing', undefined],
    ['null', null],
  ])('refuse %s', (_, forged) => {
    expect(coseSignatureVerified(collected, forged)).toBe(false);
    expect(nodeSignatureVerified({ ...collected, receipt: 'json' }, forged)).toBe(false);
  });

  test('refuse a proof while no signature is recorded', () => {
    expect(coseSignatureVerified(nothing, proof('cose'))).toBe(false);
  });
});

const inclusion = (evidenceSeqno: number, signatureSeqno: number) =>
  new InclusionProof(seqno(evidenceSeqno), seqno(signatureSeqno), root);

test.each([
  ['this evidence in this tree', inclusion(12, 14), true],
  ['other evidence', inclusion(13, 14), false],
  ['another tree', inclusion(12, 15), false],
  ['a plain object', { ...inclusion(12, 14) }, false],
  [
    'an object of its class',
    Object.assign(Object.create(InclusionProof.prototype), inclusion(12, 14)),
    false,
  ],
  ["a signature's proof", proof('cose'), false],
  ['a flag', true, false],
  ['nothing', undefined, false],
])('treeProvesEvidence() for %s', (_, found, expected) => {
  expect(treeProvesEvidence(collected, found)).toBe(expected);
});

test.each([
  ['an error', new TypeError('broken'), 'broken'],
  ['a string', 'broken', 'broken'],
  ['nothing', undefined, 'undefined'],
])('wordsOf() %s', (_, thrown, expected) => {
  expect(wordsOf(thrown)).toBe(expected);
});
