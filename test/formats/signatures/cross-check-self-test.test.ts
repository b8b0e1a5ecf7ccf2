import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { fromHex } from '../../../src/core/bytes.ts';
import { publicKeyOfSpki } from '../../../src/formats/keys/ec-key.ts';
import {
  type CoseJs,
  loadCoseJs,
  selfTestCoseJs,
} from '../../../src/formats/signatures/cose-cross-check.ts';
import { decodeCoseSign1, verifyCoseSign1 } from '../../../src/formats/signatures/cose-sign1.ts';
import { signedRoot, signedVectors } from '../../../src/formats/signatures/cross-check-vectors.ts';

test.each(signedVectors)('node:crypto accepts the $curve vector', async ({ spki, message }) => {
  const decoded = decodeCoseSign1(fromHex(message), { payload: 'detached' });
  const key = publicKeyOfSpki(fromHex(spki), 'BAD_CERTIFICATE');
  await verifyCoseSign1(decoded, key, signedRoot);
});

test('selfTestCoseJs() passes cose-js as it is pinned', async () => {
  await selfTestCoseJs(await loadCoseJs());
});

type Verify = CoseJs['sign']['verifySync'];

describe('selfTestCoseJs() finds an implementation', () => {
  const tried = async (change: (verify: Verify) => Verify) => {
    const coseJs = await loadCoseJs();
    const verifySync = change(coseJs.sign.verifySync);
    return selfTestCoseJs({ ...coseJs, sign: { ...coseJs.sign, verifySync } });
  };
  const refuse = () => {
    throw new Error('Signature missmatch');
  };
  const isP256 = ({ key }: Parameters<Verify>[1]) => key.x?.length === 32;
  const payload = Buffer.from(signedRoot);

  test.each<[string, (verify: Verify) => Verify, RegExp]>([
    ['that refuses everything', () => refuse, /refuses a good P-384 signature/],
    ['that accepts everything', () => () => payload, /accepts a changed P-384 signature/],
    [
      'that reads another payload',
      (verify) => (message, key) => Buffer.concat([verify(message, key), payload]),
      /refuses a good P-384 signature/,
    ],
    [
      'that knows one curve only',
      (verify) => (message, verifier) => (isP256(verifier) ? refuse() : verify(message, verifier)),
      /refuses a good P-256 signature/,
    ],
    [
      'that is lenient with one curve only',
      (verify) => (message, verifier) => (isP256(verifier) ? payload : verify(message, verifier)),
      /accepts a changed P-256 signature/,
    ],
    [
      'that does not look at the payload',
      (verify) => (message, verifier) => {
        const isGoodSignature = message.at(-1) === lastByteOf(isP256(verifier) ? 'P-256' : 'P-384');
        return isGoodSignature ? payload : verify(message, verifier);
      },
      /accepts a P-384 signature of another payload/,
    ],
  ])('%s', async (_what, change, words) => {
    await expect(tried(change)).rejects.toMatchObject({
      code: 'CROSS_CHECK_UNAVAILABLE',
      message: expect.stringMatching(words),
    });
  });
});

function lastByteOf(curve: string): number | undefined {
  const vector = signedVectors.find((candidate) => candidate.curve === curve);
  return vector && fromHex(vector.message).at(-1);
}

/** Runs a module in a process whose streams may have been changed before cose-js is loaded; what it printed. */
function runAlone(script: string): string {
  const built = new URL(
    '../../../dist/src/formats/signatures/cose-cross-check.js',
    import.meta.url,
  );
  const prelude = `import { Readable } from 'node:stream';
    import { createRequire } from 'node:module';
    const require = createRequire('${built}');`;
  const main = `const { prepareCrossCheck } = await import('${built}');
    console.log(await prepareCrossCheck().then(() => 'passed', ({ code }) => code));`;
  const args = ['--input-type=module', '-e', prelude + script + main];
  const { stdout, stderr } = spawnSync(process.execPath, args, { timeout: 60_000 });
  return stdout.toString() + stderr.toString();
}

/** What `read()` does from Node 26 on: without a size it gives the first piece. */
const firstPieceOnly = `const { read } = Readable.prototype;
  Readable.prototype.read = function (size) {
    const { buffer } = this._readableState;
    const first = this._readableState.objectMode ? undefined : (buffer.head?.data ?? buffer[this._readableState.bufferIndex ?? 0]);
    return read.call(this, size === undefined && first ? first.length : size);
  };
  console.log(require('cbor').encode(['a', 1, 2]).toString('hex'));`;

test('prepareCrossCheck() corrects a codec whose streams give one piece at a time, as those of Node 26', () => {
  expect(runAlone(firstPieceOnly)).toBe('83\npassed\n');
}, 60_000);

test.each([
  ['a cbor that encodes nothing', `require('cbor').encode = () => Buffer.alloc(0);`],
  ['a cbor that throws', `require('cbor').encode = () => { throw new Error('broken'); };`],
  [
    'an elliptic that accepts everything',
    `require('elliptic').ec.prototype.keyFromPublic = () => ({ verify: () => true });`,
  ],
  ['a cose-js without a verification', `delete require('cose-js').sign.verifySync;`],
  [
    'a nofilter of another shape',
    `require('nofilter'); require.cache[require.resolve('nofilter')].exports = {};`,
  ],
])(
  'prepareCrossCheck() says that %s is unavailable',
  (_what, script) => {
    expect(runAlone(script)).toBe('CROSS_CHECK_UNAVAILABLE\n');
  },
  60_000,
);
