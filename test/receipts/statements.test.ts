import { describe, expect, test } from 'vitest';
import { toHex, toUtf8 } from '../../src/core/bytes.ts';
import { CborTagged, type CborValue, encodeCbor } from '../../src/formats/encoding/cbor.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import { readTrustAnchors, verifyReceipt } from '../../src/receipts/entry.ts';
import { codeOf } from '../formats/expect-code.ts';
import {
  itemsOf,
  made,
  makeReceipt,
  makeStatement,
  map,
  receiptOf,
  services,
  statementDigest,
  stranger,
  transparent,
} from './make-receipts.ts';

const statement = makeStatement();
const digest = statementDigest(statement);
const receipt = receiptOf(digest);
const whole = transparent(statement, [receipt]);
const verify = (bytes: Uint8Array) => verifyReceipt(bytes, { services });

describe('a transparent statement', () => {
  test('is verified by its receipt, and its issuer’s signature is said not to be', async () => {
    expect(await verify(whole)).toMatchObject({
      form: 'statement',
      trusted: true,
      claimsDigest: toHex(digest),
      receipts: [{ receipt: { trusted: true, txId: '2.12', claimsDigest: toHex(digest) } }],
      issuerSignature: 'not-verified',
      ignored: [],
    });
  });

  test('is verified without a tag, and with other labels', async () => {
    expect(await verify(encodeCbor(itemsOf(whole)))).toMatchObject({ claimsDigest: toHex(digest) });
    const labelled = makeStatement('a statement', map([270, toUtf8('time')], ['x', 1]));
    const result = await verify(transparent(labelled, [receipt]));
    expect(result).toMatchObject({ trusted: true, ignored: [270, 'x'] });
  });

  test('with an empty or detached payload is another statement', async () => {
    const [header = null, labels = null, , signature = null] = itemsOf(whole);
    const detached = encodeCbor(new CborTagged(18, [header, labels, null, signature]));
    expect(await codeOf(verify(detached))).toBe('CLAIMS_DIGEST_MISMATCH');
    const own = new CborTagged(18, [header, new Map(), null, signature]);
    const receipts = [receiptOf(statementDigest(own))];
    expect(await verify(transparent(own, receipts))).toMatchObject({ trusted: true });
  });

  test('is compared with what is expected of it', async () => {
    const options = { services, claimsDigest: digest };
    expect(await verifyReceipt(whole, options)).toMatchObject({ trusted: true });
    const other = { services, claimsDigest: sha256(toUtf8('other')) };
    expect(await codeOf(verifyReceipt(whole, other))).toBe('CLAIMS_DIGEST_MISMATCH');
  });

  test('with several receipts names each, also those of services that are not known', async () => {
    const strange = receiptOf(digest, { key: stranger.service.privateKey });
    const result = await verify(transparent(statement, [strange, receipt, receipt]));
    expect(result).toMatchObject({
      trusted: true,
      receipts: [
        { unknownService: { code: 'KID_MISMATCH' } },
        { receipt: { trusted: true } },
        { receipt: { trusted: true } },
      ],
    });
    expect(await codeOf(verify(transparent(statement, [strange])))).toBe('KID_MISMATCH');
  });

  test('is not trusted without a key, though its receipt brings one', async () => {
    const own = receiptOf(digest, { labels: [[33, made.serviceCertificate.der]] });
    const result = await verifyReceipt(transparent(statement, [own]));
    expect(result).toMatchObject({ form: 'statement', trusted: false });
    expect(await codeOf(verifyReceipt(whole))).toBe('SERVICE_UNKNOWN');
  });
});

describe('a receipt that was grafted on is refused', () => {
  const grafted = receiptOf(statementDigest(makeStatement('another statement')));

  test.each<[string, CborValue]>([
    ['alone', [grafted]],
    ['behind a right one', [receipt, grafted]],
    ['before a right one', [grafted, receipt]],
    ['of no statement at all', [makeReceipt()]],
    ['of the statement with its receipts', [receiptOf(sha256(whole))]],
    ['of the payload alone', [receiptOf(sha256(toUtf8('a statement')))]],
  ])('%s', async (_what, receipts) => {
    expect(await codeOf(verify(transparent(statement, receipts)))).toBe('CLAIMS_DIGEST_MISMATCH');
  });

  test('whoever signed it, known or not', async () => {
    const other = statementDigest(makeStatement('another statement'));
    const strange = receiptOf(other, { key: stranger.service.privateKey });
    const bytes = transparent(statement, [strange, receipt]);
    expect(await codeOf(verify(bytes))).toBe('CLAIMS_DIGEST_MISMATCH');
  });

  test('on a statement with another header, payload or signature', async () => {
    const items = itemsOf(whole);
    for (const index of [0, 2, 3]) {
      const changed = items.map((item, at) =>
        at === index && item instanceof Uint8Array ? item.map((byte) => byte ^ 1) : item,
      );
      const bytes = encodeCbor(new CborTagged(18, changed));
      expect(await codeOf(verify(bytes))).toBe('CLAIMS_DIGEST_MISMATCH');
    }
  });
});

describe('a statement that nobody wrote is refused', () => {
  const nested = (depth: number): Uint8Array =>
    depth === 0 ? whole : transparent(statement, [nested(depth - 1)]);

  test.each<[string, Uint8Array, string]>([
    ['without receipts', encodeCbor(statement), 'RECEIPT_MISSING'],
    ['with an empty list of them', transparent(statement, []), 'RECEIPT_MISSING'],
    ['with receipts that are no list', transparent(statement, receipt), 'COSE_STRUCTURE'],
    ['with receipts that are no bytes', transparent(statement, [1]), 'COSE_STRUCTURE'],
    [
      'with 65 receipts',
      transparent(
        statement,
        Array.from({ length: 65 }, () => receipt),
      ),
      'TOO_LARGE',
    ],
    [
      'with thousands of receipts',
      transparent(
        statement,
        Array.from({ length: 5000 }, () => receipt),
      ),
      'TOO_LARGE',
    ],
    ['that is a receipt as well', makeReceipt({ labels: [[394, [receipt]]] }), 'RECEIPT_FORMAT'],
    ['with a statement for a receipt', nested(1), 'ALG_NOT_ALLOWED'],
    ['nested ten deep', nested(10), 'ALG_NOT_ALLOWED'],
    ['of 17 MiB', transparent(makeStatement('x'.repeat(17 * 1024 * 1024)), [receipt]), 'TOO_LARGE'],
    ['tagged twice', Uint8Array.of(0xd2, ...whole), 'COSE_TAG'],
    ['of another tag', Uint8Array.of(0xd1, ...whole.subarray(1)), 'CBOR_TYPE'],
    [
      'of three items',
      encodeCbor(new CborTagged(18, itemsOf(whole).slice(0, 3))),
      'COSE_STRUCTURE',
    ],
    [
      'whose receipt has no tag',
      transparent(statement, [encodeCbor(itemsOf(receipt))]),
      'COSE_TAG',
    ],
  ])('%s', async (_what, bytes, code) => {
    const before = performance.now();
    expect(await codeOf(verify(bytes))).toBe(code);
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  test('one of 2 MiB is still taken', async () => {
    const large = makeStatement('x'.repeat(2 * 1024 * 1024));
    const bytes = transparent(large, [receiptOf(statementDigest(large))]);
    expect(await verify(bytes)).toMatchObject({ trusted: true });
  });
});

test('keys of two services verify receipts of both', async () => {
  const both = [...services, ...readTrustAnchors(stranger.serviceCertificate.pem)];
  const strange = receiptOf(digest, { key: stranger.service.privateKey });
  const result = await verifyReceipt(transparent(statement, [strange, receipt]), {
    services: both,
  });
  expect(result).toMatchObject({ receipts: [{ receipt: {} }, { receipt: {} }] });
});
