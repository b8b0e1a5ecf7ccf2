import { createHash, createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  applicationClaimsDigest,
  readTrustAnchors,
  verifyReceipt,
} from '../../src/receipts/entry.ts';
import { codeOf } from '../formats/expect-code.ts';
import {
  digestClaim,
  entryClaim,
  firstReceipt,
  secondReceipt,
  serviceOfFirst,
  serviceOfSecond,
} from './azure-samples.ts';

const first = { services: readTrustAnchors(serviceOfFirst) };
const second = { services: readTrustAnchors(serviceOfSecond) };

describe('receipts of production ledgers', () => {
  test('in snake_case are verified', async () => {
    expect(await verifyReceipt(firstReceipt, first)).toMatchObject({
      form: 'json',
      trusted: true,
      serviceKeyId: first.services[0]?.keyId,
      signerKeyId: firstReceipt.node_id,
      txId: '2.35',
      claimsDigest: '0'.repeat(64),
      ignored: [],
      remarks: [],
    });
  });

  test('in camelCase are verified', async () => {
    const result = await verifyReceipt(JSON.stringify(secondReceipt, undefined, 2), second);
    expect(result).toMatchObject({ trusted: true, txId: '16.7415' });
  });

  test('are not trusted without a service, and say so', async () => {
    const result = await verifyReceipt(firstReceipt);
    expect(result).toMatchObject({ trusted: false, serviceKeyId: undefined });
    expect(result).toMatchObject({ remarks: ['NO_TRUST_ANCHOR'] });
  });

  test('are refused under another service', async () => {
    expect(await codeOf(verifyReceipt(firstReceipt, second))).toBe('NODE_CERT_NOT_ENDORSED');
    expect(await codeOf(verifyReceipt(secondReceipt, first))).toBe('NODE_CERT_NOT_ENDORSED');
  });

  test('with other claims than expected are refused', async () => {
    const applicationClaims = [entryClaim];
    expect(await codeOf(verifyReceipt(firstReceipt, { ...first, applicationClaims }))).toBe(
      'CLAIMS_DIGEST_MISMATCH',
    );
  });
});

describe('the answer around a receipt', () => {
  const answer = { receipt: firstReceipt, state: 'Ready', transactionId: '2.35' };

  test('is taken, and its transaction compared', async () => {
    expect(await verifyReceipt(answer, first)).toMatchObject({ trusted: true, txId: '2.35' });
    const other = { ...answer, transactionId: '2.36' };
    expect(await codeOf(verifyReceipt(other, first))).toBe('EVIDENCE_MISMATCH');
  });

  test('that is not ready yet is no receipt', async () => {
    const early = { state: 'Loading', transactionId: '2.35' };
    expect(await codeOf(verifyReceipt(early, first))).toBe('RECEIPT_MISSING');
  });

  test('with application claims that the receipt is not of is refused', async () => {
    const withClaims = { ...answer, applicationClaims: [entryClaim] };
    expect(await codeOf(verifyReceipt(withClaims, first))).toBe('CLAIMS_DIGEST_MISMATCH');
  });
});

/** The digest of one claim's protocol and value, and of a list, written a second time and with node:crypto. */
const sha = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const listOf = (...claims: Uint8Array[]) =>
  sha(Uint8Array.of(claims.length, 0, 0, 0), ...claims).toString('hex');

describe('applicationClaimsDigest()', () => {
  const key = Buffer.from(entryClaim.ledgerEntry.secretKey, 'base64');
  const mac = (text: string) => createHmac('sha256', key).update(text).digest();
  const entry = sha('LedgerEntryV1', sha(mac('subledger:0'), mac('Hello world')));
  const digest = sha('LedgerEntryV1', Buffer.from(digestClaim.digest.value, 'hex'));

  test('is that of an entry, of a digest, and of both in order', () => {
    expect(applicationClaimsDigest([entryClaim])).toBe(listOf(entry));
    expect(applicationClaimsDigest([digestClaim])).toBe(listOf(digest));
    expect(applicationClaimsDigest([digestClaim, entryClaim])).toBe(listOf(digest, entry));
  });

  test.each<[string, unknown]>([
    ['no claims', []],
    ['another kind', [{ kind: 'Other' }]],
    ['a missing kind', [{ digest: {} }]],
    ['a missing entry', [{ kind: 'LedgerEntry' }]],
    [
      'an unknown protocol',
      [{ kind: 'LedgerEntry', ledgerEntry: { ...entryClaim.ledgerEntry, protocol: 'V9' } }],
    ],
    ['no list', { kind: 'LedgerEntry' }],
    ['more claims than any answer has', Array.from({ length: 1025 }, () => digestClaim)],
  ])('refuses %s', async (_what, claims) => {
    const options = { ...first, applicationClaims: claims as [] };
    expect(await codeOf(verifyReceipt(firstReceipt, options))).toBe('RECEIPT_FORMAT');
  });

  test('refuses a secret key that is no base64', async () => {
    const ledgerEntry = { ...entryClaim.ledgerEntry, secretKey: 'invalid_key' };
    const applicationClaims = [{ kind: 'LedgerEntry' as const, ledgerEntry }];
    expect(await codeOf(verifyReceipt(firstReceipt, { applicationClaims }))).toBe('BAD_BASE64');
  });
});
