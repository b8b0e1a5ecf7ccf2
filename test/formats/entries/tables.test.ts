import { describe, expect, test } from 'vitest';
import { fromUtf8, toUtf8 } from '../../../src/core/bytes.ts';
import { digest, seqno } from '../../../src/core/words.ts';
import {
  decodeEndorsedCertificate,
  decodeNodeInfo,
  decodePreviousServiceRoot,
  decodeRecoveryThreshold,
  decodeServiceInfo,
  decodeSnapshotEvidence,
  decodeSnapshotStatus,
  encodeServiceInfo,
  encodeSnapshotEvidence,
} from '../../../src/formats/entries/tables.ts';
import { outcomeOf } from '../../helpers/hostile-bytes.ts';
import { makeService } from '../make-snapshot-file.ts';

const { serviceCertificate, nodeCertificate } = makeService('tables');
const pem = JSON.stringify(serviceCertificate.pem);
const hash = digest('ab'.repeat(32));

test('encodeServiceInfo() writes what decodeServiceInfo() reads', () => {
  const more = { current_service_create_txid: '4.36', recovery_count: 1 };
  const bytes = encodeServiceInfo({ certificate: serviceCertificate.pem, status: 'Open', more });
  expect(fromUtf8(bytes)).toMatch(
    /^\{"cert":.*,"current_service_create_txid":"4.36","recovery_count":1,"status":"Open"\}$/,
  );
  const { certificate, ...rest } = decodeServiceInfo(bytes);
  expect(certificate.keyId).toBe(serviceCertificate.keyId);
  expect(rest).toStrictEqual({ status: 'Open', createTxId: { view: 4, seqno: 36 } });
});

test("decodeServiceInfo() ignores the operator's own data, whatever numbers it holds", () => {
  const text = `{"cert":${pem},"service_data":{"x":[1.0,1e400,12345678901234567890]},"status":"Open"}`;
  expect(decodeServiceInfo(toUtf8(text)).status).toBe('Open');
});

test('decodeNodeInfo() reads the certificate of CCF 1.x and none of later releases', () => {
  expect(decodeNodeInfo(toUtf8('{"status":"Trusted"}'))).toStrictEqual({ status: 'Trusted' });
  const old = decodeNodeInfo(toUtf8(`{"cert":${pem},"status":"Retired"}`));
  expect(old.certificate?.keyId).toBe(serviceCertificate.keyId);
});

test('decodeEndorsedCertificate() reads PEM that is not JSON', () => {
  expect(decodeEndorsedCertificate(toUtf8(nodeCertificate.pem)).keyId).toBe(nodeCertificate.keyId);
});

test("encodeSnapshotEvidence() writes CCF's bytes and decodeSnapshotEvidence() reads them", () => {
  const bytes = encodeSnapshotEvidence({ hash, version: seqno(11) });
  expect(fromUtf8(bytes)).toBe(`{"hash":"${hash}","version":11}`);
  expect(decodeSnapshotEvidence(bytes)).toStrictEqual({ hash, version: 11 });
});

test('decodeRecoveryThreshold() and decodePreviousServiceRoot() read one value', () => {
  expect(decodeRecoveryThreshold(toUtf8('{"recovery_threshold":3}'))).toBe(3);
  expect(decodePreviousServiceRoot(toUtf8(`"${hash}"`))).toHaveLength(32);
});

describe('refused', () => {
  test.each<[string, (value: Uint8Array) => unknown, string, string]>([
    ['service.info without certificate', decodeServiceInfo, '{"status":"Open"}', 'BAD_JSON'],
    [
      'service.info with a bad certificate',
      decodeServiceInfo,
      '{"cert":"x","status":"Open"}',
      'BAD_CERTIFICATE',
    ],
    [
      'service.info with a bad txid',
      decodeServiceInfo,
      `{"cert":${pem},"status":"Open","current_service_create_txid":"1"}`,
      'BAD_JSON',
    ],
    ['nodes.info that is no object', decodeNodeInfo, '[]', 'BAD_JSON'],
    ['an endorsed certificate in JSON', decodeEndorsedCertificate, pem, 'BAD_CERTIFICATE'],
    ['evidence without hash', decodeSnapshotEvidence, '{"version":1}', 'BAD_JSON'],
    ['evidence with a short hash', decodeSnapshotEvidence, '{"hash":"ab","version":1}', 'BAD_HEX'],
    [
      'evidence with a version of 2^53',
      decodeSnapshotEvidence,
      `{"hash":"${hash}","version":9007199254740993}`,
      'NUMBER_TOO_LARGE',
    ],
    [
      'evidence with a version twice',
      decodeSnapshotEvidence,
      `{"hash":"${hash}","version":1,"version":2}`,
      'BAD_JSON',
    ],
    ['a negative threshold', decodeRecoveryThreshold, '{"recovery_threshold":-1}', 'BAD_JSON'],
    ['a root of 31 bytes', decodePreviousServiceRoot, `"${hash.slice(2)}"`, 'BAD_HEX'],
  ])('%s', (_what, decode, text, code) => {
    expect(outcomeOf(() => decode(toUtf8(text)))).toBe(code);
  });
});

test.each([
  ['1758700000123456789', 1_758_700_000_123],
  ['999999', 0],
  ['9007199254740991', 9_007_199_254],
])('decodeSnapshotStatus() reads %s nanoseconds as %i milliseconds', (timestamp, timestampMs) => {
  const bytes = toUtf8(`{"timestamp":${timestamp},"version":12}`);
  expect(decodeSnapshotStatus(bytes)).toStrictEqual({ version: 12, timestampMs });
});

test.each(['-1', '1.5', '1e9', '"1"', 'null', '123456789012345678901'])(
  'decodeSnapshotStatus() refuses the timestamp %s',
  (timestamp) => {
    const bytes = toUtf8(`{"timestamp":${timestamp},"version":12}`);
    expect(outcomeOf(() => decodeSnapshotStatus(bytes))).toBe('BAD_JSON');
  },
);

test('decodeSnapshotStatus() refuses a status without its fields', () => {
  expect(outcomeOf(() => decodeSnapshotStatus(toUtf8('{"version":12}')))).toBe('BAD_JSON');
  expect(outcomeOf(() => decodeSnapshotStatus(toUtf8('{"timestamp":1}')))).toBe('BAD_JSON');
});
