import { describe, expect, test } from 'vitest';
import { fromUtf8, toUtf8 } from '../../../src/core/bytes.ts';
import { seqno, view } from '../../../src/core/words.ts';
import {
  decodeNodeSignature,
  encodeNodeSignature,
  type NodeSignature,
  signRoot,
  verifyNodeSignature,
} from '../../../src/formats/signatures/node-signature.ts';
import { bitFlips, outcomeOf } from '../../helpers/hostile-bytes.ts';
import { codeOf, refusals } from '../expect-code.ts';
import { makeKey } from '../make-keys.ts';

const node = makeKey('node signature', 'P-256');
const preimage = new Uint8Array(64).fill(4);
const value: NodeSignature = {
  certificate: 'PEM\n',
  commitSeqno: seqno(0),
  commitView: view(0),
  hashedNonce: new Uint8Array(32),
  node: 'ab'.repeat(32),
  root: new Uint8Array(32).fill(255),
  seqno: seqno(9),
  signature: Uint8Array.of(1, 2, 3),
  view: view(2),
};

test('encodeNodeSignature() writes sorted keys and no spaces', () => {
  expect(fromUtf8(encodeNodeSignature(value))).toBe(
    `{"cert":"PEM\\n","commit_seqno":0,"commit_view":0,"hashed_nonce":"${'00'.repeat(32)}",` +
      `"node":"${'ab'.repeat(32)}","root":"${'ff'.repeat(32)}","seqno":9,"sig":"AQID","view":2}`,
  );
});

test('decodeNodeSignature() is the inverse of encodeNodeSignature(), with and without certificate', () => {
  const { certificate, ...without } = value;
  expect(certificate).toBeDefined();
  expect(decodeNodeSignature(encodeNodeSignature(value))).toStrictEqual(value);
  expect(decodeNodeSignature(encodeNodeSignature(without))).toStrictEqual(without);
});

test.each([
  ['an unknown field', (text: string) => text.replace('"view":2', '"view":2,"x":[1e400,null]')],
  ['other white space', (text: string) => text.replaceAll(',', ',\n  ')],
  ['another order', (text: string) => text.replace('{', '{"view":2,').replace(',"view":2}', '}')],
  ['no commit', (text: string) => text.replace(/"commit_[a-z]+":0,/g, '')],
  ['a commit of null', (text: string) => text.replace('"commit_view":0', '"commit_view":null')],
  ['no nonce', (text: string) => text.replace(/"hashed_nonce":"0+",/, '')],
])('decodeNodeSignature() reads what it needs beside %s', (_what, change) => {
  const text = fromUtf8(encodeNodeSignature(value));
  const changed = change(text);
  expect(changed).not.toBe(text);
  expect(decodeNodeSignature(toUtf8(changed))).toStrictEqual(value);
});

describe('decodeNodeSignature() refuses', () => {
  const text = fromUtf8(encodeNodeSignature(value));
  test.each([
    ['a missing field', text.replace(',"view":2', ''), 'BAD_JSON'],
    ['a seqno of 2^53', text.replace('"seqno":9', '"seqno":9007199254740992'), 'NUMBER_TOO_LARGE'],
    ['a seqno that is a text', text.replace('"seqno":9', '"seqno":"9"'), 'BAD_JSON'],
    ['a root of 31 bytes', text.replace('ffff', 'ff'), 'BAD_HEX'],
    ['a root in upper case', text.replace('ffff', 'FFFF'), 'BAD_HEX'],
    ['a signature in loose base64', text.replace('AQID', 'AQI'), 'BAD_BASE64'],
    ['no object', '[]', 'BAD_JSON'],
  ])('%s', (_what, changed, code) => {
    expect(outcomeOf(() => decodeNodeSignature(toUtf8(changed)))).toBe(code);
  });
});

test.each(['P-256', 'P-384'] as const)(
  'verifyNodeSignature() accepts what signRoot() signs, %s',
  async (curve) => {
    const key = makeKey('node', curve);
    const signature = await signRoot(preimage, key.privateKey);
    await verifyNodeSignature({ signature, preimage, key: key.publicKey });
  },
);

describe('verifyNodeSignature() refuses', () => {
  test('another key, another root, a key of another kind, an empty signature', async () => {
    const signature = await signRoot(preimage, node.privateKey);
    const proof = { signature, preimage, key: node.publicKey };
    const codes = await Promise.all([
      codeOf(verifyNodeSignature({ ...proof, key: makeKey('x', 'P-256').publicKey })),
      codeOf(verifyNodeSignature({ ...proof, preimage: new Uint8Array(64) })),
      codeOf(verifyNodeSignature({ ...proof, signature: new Uint8Array() })),
      codeOf(verifyNodeSignature({ ...proof, key: makeKey('x', 'P-521').publicKey })),
    ]);
    expect(codes).toStrictEqual([
      'NODE_SIGNATURE_INVALID',
      'NODE_SIGNATURE_INVALID',
      'NODE_SIGNATURE_INVALID',
      'ALG_KEY_MISMATCH',
    ]);
  });

  test('any flipped bit of the signature', async () => {
    const signature = await signRoot(preimage, node.privateKey);
    await refusals(bitFlips(signature), (flipped) =>
      verifyNodeSignature({ signature: flipped, preimage, key: node.publicKey }),
    );
  });
});
