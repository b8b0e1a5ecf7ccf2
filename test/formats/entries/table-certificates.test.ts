import { describe, expect, test } from 'vitest';
import { concatBytes, toUtf8 } from '../../../src/core/bytes.ts';
import {
  decodeEndorsedCertificate,
  decodeNodeInfo,
  decodeServiceInfo,
} from '../../../src/formats/entries/tables.ts';
import {
  pemOf,
  readCertificate,
  readReceiptCertificate,
  readTableCertificate,
  receiptCertificate,
} from '../../../src/formats/keys/certificate.ts';
import {
  decodeJsonReceipt,
  encodeJsonReceipt,
} from '../../../src/formats/receipts/json-receipt.ts';
import { verifySnapshotFile } from '../../../src/formats/snapshot/verify-snapshot.ts';
import { outcomeOf } from '../../helpers/hostile-bytes.ts';
import { makeService, makeSnapshotFile } from '../make-snapshot-file.ts';
import { pemForms } from '../pem-forms.ts';

const made = makeService('table certificates');
const { pem, keyId, der } = made.nodeCertificate;

describe.each(pemForms)('a certificate with %s', (_form, form) => {
  test('is read in every table, by its DER', () => {
    const text = form(pem);
    const info = toUtf8(JSON.stringify({ cert: text, status: 'Open' }));
    const read = [
      decodeEndorsedCertificate(toUtf8(text)),
      decodeNodeInfo(info).certificate,
      decodeServiceInfo(info).certificate,
    ];
    expect(read.map((certificate) => certificate?.keyId)).toStrictEqual([keyId, keyId, keyId]);
    expect(read.map((certificate) => certificate?.pem)).toStrictEqual([pem, pem, pem]);
    expect(outcomeOf(() => readCertificate(text))).toBe('BAD_CERTIFICATE');
  });

  test('gets a text that a receipt may have', () => {
    const text = receiptCertificate(form(pem));
    expect(text).toBe(form(pem) === `${pem}\0` ? `${pem}\0` : pem);
    expect(readReceiptCertificate(text).keyId).toBe(keyId);
  });
});

test('decodeEndorsedCertificate() does not mind the encoding of the text around', () => {
  const bytes = concatBytes([Uint8Array.of(0xff, 0xe9, 0x0a), toUtf8(pem)]);
  expect(decodeEndorsedCertificate(bytes).keyId).toBe(keyId);
});

test('null is no certificate and no first transaction', () => {
  const cert = JSON.stringify(pem);
  expect(decodeNodeInfo(toUtf8('{"cert":null,"status":1}'))).toStrictEqual({});
  const service = decodeServiceInfo(toUtf8(`{"cert":${cert},"current_service_create_txid":null}`));
  expect(service.createTxId).toBeUndefined();
});

describe('readTableCertificate() refuses', () => {
  test.each<[string, string]>([
    ['nothing', ''],
    ['a NUL before it', `\0${pem}`],
    ['a NUL in it', pem.replace('\nM', '\n\0M')],
    ['a beginning alone', pem.slice(0, 200)],
    ['an end alone', pem.slice(200)],
    ['another end', pem.replace('END CERTIFICATE', 'END PUBLIC KEY')],
    ['two beginnings', pem.replace('\nM', '\n-----BEGIN CERTIFICATE-----\nM')],
    ['other characters in the base64', pem.replace('\nM', '\n*M')],
    ['a header', pem.replace('-----\n', '-----\nProc-Type: 4,ENCRYPTED\n\n')],
    ['base64 without its padding', pemOf(der.subarray(0, -1)).replaceAll('=', '')],
    ['bytes behind the certificate', pemOf(Uint8Array.of(...der, 0))],
    ['a cut certificate', pemOf(der.slice(0, -1))],
    ['a text of more than 64 KiB', `${'x'.repeat(64 * 1024 - pem.length + 1)}${pem}`],
    ['a text of 64 MiB', `${pem}${' '.repeat(64 * 1024 * 1024)}`],
  ])('%s', (_what, text) => {
    const before = performance.now();
    expect(outcomeOf(() => readTableCertificate(text))).toBe('BAD_CERTIFICATE');
    expect(performance.now() - before).toBeLessThan(500);
  });

  test('texts of 64 KiB that are nothing but beginnings, ends or base64, in linear time', () => {
    const fill = (part: string) => part.repeat(Math.floor((64 * 1024) / part.length));
    const before = performance.now();
    for (const text of [
      fill('-----BEGIN CERTIFICATE-----'),
      fill('-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n'),
      fill('-----END CERTIFICATE-----'),
      fill('-'),
      fill('-----BEGIN '),
      `-----BEGIN CERTIFICATE-----${fill(' \t\r\n').slice(100)}-----END CERTIFICATE-----`,
      `-----BEGIN CERTIFICATE-----${fill('A').slice(100)}-----END CERTIFICATE-----`,
    ]) {
      for (let i = 0; i < 20; i++) {
        expect(outcomeOf(() => readTableCertificate(text))).toBe('BAD_CERTIFICATE');
      }
    }
    expect(performance.now() - before).toBeLessThan(2000);
  });

  test('a value of a table of 64 MiB, without a look at its end', () => {
    const value = new Uint8Array(64 * 1024 * 1024).fill(0x20);
    value.set(toUtf8(pem), value.length - pem.length);
    expect(outcomeOf(() => decodeEndorsedCertificate(value))).toBe('BAD_CERTIFICATE');
  });
});

describe("a snapshot's JSON receipt", () => {
  const withCertificate = async (form: (text: string) => string) => {
    const { entry, receipt } = await makeSnapshotFile(made, 'json');
    const decoded = decodeJsonReceipt(receipt);
    const changed = { ...decoded, certificate: form(decoded.certificate) };
    return concatBytes([entry, encodeJsonReceipt(changed)]);
  };
  const trustedKeys = [made.serviceCertificate];

  test('may have the NUL that CCF 2.0 copied out of its ledger', async () => {
    const bytes = await withCertificate((text) => `${text}\0`);
    expect(Buffer.from(bytes).toString('latin1')).toContain('-----END CERTIFICATE-----\\n\\u0000"');
    const verified = await verifySnapshotFile(bytes, { trustedKeys });
    expect(verified).toMatchObject({ trusted: true, signerKeyId: keyId });
  });

  test.each(pemForms.slice(1))('is refused with %s', async (_form, form) => {
    const bytes = await withCertificate(form);
    await expect(verifySnapshotFile(bytes, { trustedKeys })).rejects.toMatchObject({
      code: 'BAD_CERTIFICATE',
    });
  });
});
