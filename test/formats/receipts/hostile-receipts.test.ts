import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { concatBytes, fromHex, toUtf8 } from '../../../src/core/bytes.ts';
import { receiptBytesMax } from '../../../src/core/limits.ts';
import { CborTagged, type CborValue, encodeCbor } from '../../../src/formats/encoding/cbor.ts';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import { decodeCoseReceipt } from '../../../src/formats/receipts/cose-receipt.ts';
import { verifySnapshotFile } from '../../../src/formats/snapshot/verify-snapshot.ts';
import { projectRoot } from '../../architecture/sources.ts';
import { truncations } from '../../helpers/hostile-bytes.ts';
import { slowTest } from '../../helpers/slow-test.ts';
import { codeOf } from '../expect-code.ts';
import { type MadeSnapshotFile, makeService, makeSnapshotFile } from '../make-snapshot-file.ts';

/** Inputs of reliability's table of bad receipts, each in a snapshot file, with the code that each must be refused with. */
const made = makeService('hostile', 'P-256');
let file: MadeSnapshotFile;

beforeAll(async () => {
  file = await makeSnapshotFile(made, 'cose');
});

const withReceipt = (receipt: Uint8Array) => concatBytes([file.entry, receipt]);
const repeated = (hex: string, times = 200_000) => fromHex(hex.repeat(times));

/** `{1: -7}`, the protected header of a message. */
const header = '43a10126';

/** Where a receipt can go wrong: at once, in its protected header, in its unprotected one, in its proof, at its end. */
const places: Readonly<Record<string, (bad: Uint8Array) => Uint8Array>> = {
  'at its begin': (bad) => concatBytes([fromHex('d2'), bad]),
  'in the unprotected header': (bad) => concatBytes([fromHex(`d284${header}a119018c`), bad]),
  'as payload': (bad) => concatBytes([fromHex(`d284${header}a0`), bad]),
};

const rows = [
  ['33', 'nested arrays', repeated('81'), 'CBOR_DEPTH'],
  ['33', 'nested tags', repeated('c1'), 'CBOR_DEPTH'],
  ['33', 'nested indefinite arrays', repeated('9f'), 'CBOR_DEPTH'],
  ['33', 'nested indefinite maps', repeated('bf'), 'CBOR_DEPTH'],
  ['33', 'nested maps, each the value of a key', repeated('a100'), 'CBOR_DEPTH'],
  ['34', 'arrays that each declare all that is left', chain(), 'CBOR_DEPTH'],
  ['35', 'bytes of 2^32-1', fromHex('5affffffff'), 'CBOR_LENGTH'],
  ['35', 'bytes of 2^63', fromHex('5b8000000000000000'), 'CBOR_LENGTH'],
  ['35', 'bytes of 2^64-1', fromHex('5bffffffffffffffff'), 'CBOR_LENGTH'],
  ['35', 'an array of 2^32-1', fromHex('9affffffff'), 'CBOR_LENGTH'],
  ['35', 'an array of 2^63', fromHex('9b8000000000000000'), 'CBOR_LENGTH'],
  ['35', 'an array of 2^64-1', fromHex('9bffffffffffffffff'), 'CBOR_LENGTH'],
  ['35', 'a map of 2^32-1', fromHex('baffffffff'), 'CBOR_LENGTH'],
  ['35', 'a map of 2^63', fromHex('bb8000000000000000'), 'CBOR_LENGTH'],
  ['35', 'a map of 2^64-1', fromHex('bbffffffffffffffff'), 'CBOR_LENGTH'],
  ['35', 'a text of 2^32-1', fromHex('7affffffff'), 'CBOR_LENGTH'],
  ['36', 'an indefinite array', fromHex('9f'), 'CBOR_INDEFINITE'],
  ['36', 'an indefinite map', fromHex('bf'), 'CBOR_INDEFINITE'],
  ['36', 'indefinite bytes', fromHex('5f'), 'CBOR_INDEFINITE'],
  ['36', 'an indefinite text', fromHex('7f6161ff'), 'CBOR_INDEFINITE'],
  ['36', 'a break alone', fromHex('ff'), 'CBOR_INDEFINITE'],
  ['36', 'reserved 28', fromHex('1c'), 'CBOR_RESERVED'],
  ['36', 'reserved 29 of an array', fromHex('9d'), 'CBOR_RESERVED'],
  ['36', 'many reserved 30 of an array', repeated('9e', 40), 'CBOR_RESERVED'],
  ['36', 'reserved 30 of a simple value', fromHex('fe'), 'CBOR_RESERVED'],
  ['37', 'a long integer', fromHex('1817'), 'CBOR_NON_MINIMAL'],
  ['37', 'a long length', fromHex('580100'), 'CBOR_NON_MINIMAL'],
  ['38', 'a label twice', fromHex('a204000400'), 'CBOR_DUPLICATE_KEY'],
  ['39', 'an overlong text', fromHex('62c080'), 'CBOR_UTF8'],
  ['39', 'a surrogate', fromHex('63eda080'), 'CBOR_UTF8'],
  ['39', 'a stray byte', fromHex('6180'), 'CBOR_UTF8'],
  ['40', 'a float', fromHex('f90000'), 'CBOR_TYPE'],
  ['40', 'NaN', fromHex('fb7ff8000000000000'), 'CBOR_TYPE'],
  ['40', 'undefined', fromHex('f7'), 'CBOR_TYPE'],
  ['40', 'an unknown tag', fromHex('c100'), 'CBOR_TYPE'],
] as const;

/** 40 KB of heads `9a`, each with the number of bytes behind it as its count. */
function chain(): Uint8Array {
  const heads = Array.from({ length: 8000 }, (_, index) => {
    const head = new Uint8Array(5);
    head[0] = 0x9a;
    new DataView(head.buffer).setUint32(1, 40_000 - 5 * (index + 1));
    return head;
  });
  return concatBytes(heads);
}

describe.each(rows)('row %s: a receipt with %s', (_row, _what, bad, code) => {
  test.each(Object.entries(places))(`%s is refused as ${code}`, async (_place, receiptWith) => {
    expect(await codeOf(verifySnapshotFile(withReceipt(receiptWith(bad))))).toBe(code);
  });

  test(`inside of its protected header is refused as ${code}`, async () => {
    const length = new Uint8Array(5);
    length[0] = 0x5a;
    new DataView(length.buffer).setUint32(1, bad.length);
    const isLong = bad.length > 0xffff;
    const head = isLong ? length : fromHex(`59${bad.length.toString(16).padStart(4, '0')}`);
    const shortest = bad.length < 24 ? Uint8Array.of(0x40 | bad.length) : head;
    const own = bad.length >= 24 && bad.length < 256 ? Uint8Array.of(0x58, bad.length) : shortest;
    const receipt = concatBytes([fromHex('d284'), own, bad, fromHex('a0f640')]);
    expect(await codeOf(verifySnapshotFile(withReceipt(receipt)))).toBe(code);
  });
});

test.each([
  ['arrays', 'CBOR_DEPTH', repeated('81')],
  ['tags', 'CBOR_DEPTH', repeated('c1')],
  ['indefinite arrays', 'CBOR_DEPTH', repeated('9f')],
  ['arrays that each declare all that is left', 'CBOR_DEPTH', chain()],
  ['one array of 2^64-1', 'CBOR_LENGTH', fromHex('9bffffffffffffffff')],
  ['one indefinite map', 'CBOR_INDEFINITE', fromHex('bf')],
  ['one reserved array', 'CBOR_RESERVED', fromHex('9c')],
])('a receipt of nothing but %s is refused as %s', async (_what, code, receipt) => {
  expect(await codeOf(verifySnapshotFile(withReceipt(receipt)))).toBe(code);
});

describe('row 41: a receipt', () => {
  const rest = () => file.receipt.subarray(1);
  test.each([
    ['without a tag', ''],
    ['tagged 16', 'd0'],
    ['tagged 17', 'd1'],
    ['tagged 61', 'd83d'],
    ['tagged 98', 'd862'],
    ['tagged twice', 'd2d2'],
    ['tagged 61 and 18', 'd83dd2'],
  ])('%s is refused as COSE_TAG', async (_what, tags) => {
    const receipt = concatBytes([fromHex(tags), rest()]);
    expect(await codeOf(verifySnapshotFile(withReceipt(receipt)))).toBe('COSE_TAG');
  });

  test.each(['ef', 'ff', '00', '5b', '20'])(
    'that begins with %s is of no known form',
    async (hex) => {
      const receipt = concatBytes([fromHex(hex), rest()]);
      expect(await codeOf(verifySnapshotFile(withReceipt(receipt)))).toBe('RECEIPT_FORMAT');
    },
  );
});

test('row 55: a receipt whose leaf has no claims digest is refused as CLAIMS_DIGEST_MISSING', async () => {
  const [protectedBytes, , , signature] = itemsOf(file.receipt);
  const { proof } = decodeCoseReceipt(file.receipt);
  const leaf = [proof.writeSetDigest, proof.commitEvidence];
  const path = proof.path.map(({ left, hash }) => [left, hash]);
  const bytes = encodeCbor(
    new Map<number, CborValue>([
      [1, leaf],
      [2, path],
    ]),
  );
  const unprotected = new Map([[396, new Map([[-1, [bytes]]])]]);
  const receipt = encodeCbor(new CborTagged(18, [protectedBytes, unprotected, null, signature]));
  expect(await codeOf(verifySnapshotFile(withReceipt(receipt)))).toBe('CLAIMS_DIGEST_MISSING');
});

/** The four items of a COSE message. */
function itemsOf(receipt: Uint8Array) {
  const {
    signature: { message },
  } = decodeCoseReceipt(receipt);
  return [message.protectedBytes, message.unprotectedHeader, null, message.signature] as const;
}

describe('row 5: a receipt that is cut', () => {
  test('is called so wherever it was cut', async () => {
    const cuts = truncations(file.receipt).slice(1);
    const codes = await Promise.all(
      cuts.map((cut) => codeOf(verifySnapshotFile(withReceipt(cut)))),
    );
    expect([...new Set(codes)]).toEqual(['RECEIPT_TRUNCATED']);
  });

  test('may lack as many bytes as a receipt can have, and not one more', async () => {
    const lacking = (size: number) => {
      const head = fromHex('d2845a00000000');
      new DataView(head.buffer).setUint32(3, size);
      return codeOf(verifySnapshotFile(withReceipt(head)));
    };
    expect(await lacking(receiptBytesMax - 7)).toBe('RECEIPT_TRUNCATED');
    expect(await lacking(receiptBytesMax - 6)).toBe('CBOR_LENGTH');
  });

  test('is not one whose proof is cut within itself, all else being there', async () => {
    const { receipt } = file;
    // The receipt's last byte string but the signature: {1: leaf, 2: path}, whose first byte is a2.
    const at = receipt.findIndex(
      (byte, index) => byte === 0xa2 && receipt[index + 1] === 1 && receipt[index + 2] === 0x83,
    );
    const cut = receipt.slice();
    // A leaf of two digests and a text more than there is.
    cut[at + 2] = 0x97;
    expect(await codeOf(verifySnapshotFile(withReceipt(cut)))).not.toBe('RECEIPT_TRUNCATED');
    expect(decodeCoseReceipt(receipt).proof.claimsDigest).toEqual(sha256(file.entry));
  });

  test('is called so in JSON too, and a nest there is not', async () => {
    const json = (text: string) => codeOf(verifySnapshotFile(withReceipt(toUtf8(text))));
    expect(await json('{"cert": "-----BEGIN')).toBe('RECEIPT_TRUNCATED');
    expect(await json(`{"a":${'['.repeat(200_000)}`)).toBe('BAD_JSON');
  });
});

slowTest('row 34: a chain of arrays that each declare all that is left takes no memory', () => {
  const program = `
    const { verifySnapshotFile } = await import('./dist/src/formats/snapshot/verify-snapshot.js');
    const [entry, chain] = process.argv.slice(1).map((text) => Buffer.from(text, 'base64'));
    const refuse = (bytes) => verifySnapshotFile(bytes).then(() => 'accepted', ({ code }) => code);
    const bytes = new Uint8Array(Buffer.concat([entry, Buffer.from([0xd2]), chain]));
    await refuse(bytes.subarray(0, entry.length + 3));
    const before = process.resourceUsage().maxRSS;
    const code = await refuse(bytes);
    console.log(code, process.resourceUsage().maxRSS - before);
  `;
  const parts = [file.entry, chain()].map((bytes) => Buffer.from(bytes).toString('base64'));
  const options = { cwd: join(projectRoot), encoding: 'utf8' } as const;
  const args = ['--input-type=module', '-e', program, '--', ...parts];
  const [code, kibibytes] = execFileSync(process.execPath, args, options).trim().split(' ');
  expect(code).toBe('CBOR_DEPTH');
  expect(Number(kibibytes)).toBeLessThan(8 * 1024);
});
