import { generateKeyPairSync, type KeyObject, type KeyPairKeyObjectResult } from 'node:crypto';
import { toUtf8 } from '../../src/core/bytes.ts';
import { LedgerSnapshotterError } from '../../src/core/errors.ts';
import type { CborValue } from '../../src/formats/encoding/cbor.ts';
import { type Certificate, createCertificate } from '../../src/formats/keys/certificate.ts';
import { keyIdOf } from '../../src/formats/keys/ec-key.ts';
import { readTrustAnchors } from '../../src/formats/keys/trust-anchor.ts';

export const keyOf = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve });
export const p384 = keyOf('P-384').publicKey;
export const p256 = keyOf('P-256').publicKey;
export const other = keyOf('P-384').publicKey;

const bytesOf = (text = '') => new Uint8Array(Buffer.from(text, 'base64url'));

export function coordinatesOf(key: KeyObject): { readonly x: Uint8Array; readonly y: Uint8Array } {
  const { x, y } = key.export({ format: 'jwk' });
  return { x: bytesOf(x), y: bytesOf(y) };
}

type Labels = readonly (readonly [number, CborValue])[];

/** A COSE_Key. */
export function coseKey(key: KeyObject, more: Labels = []): Map<number, CborValue> {
  const { x, y } = coordinatesOf(key);
  const curve = x.length === 32 ? 1 : 2;
  return new Map<number, CborValue>([[1, 2], [-1, curve], [-2, x], [-3, y], ...more]);
}

/** A JWK. */
export const jwk = (key: KeyObject, more: object = {}) => ({
  ...key.export({ format: 'jwk' }),
  ...more,
});

export const json = (value: unknown) => toUtf8(JSON.stringify(value));
export const spkiPem = (key: KeyObject) => String(key.export({ type: 'spki', format: 'pem' }));

/** The ids of the keys that a file's bytes are read as. */
export const idsOf = (bytes: Uint8Array) =>
  readTrustAnchors(bytes).services.map((service) =>
    'x509' in service ? service.keyId : keyIdOf(service),
  );

/** Why they are refused. */
export function refusalOf(bytes: Uint8Array): LedgerSnapshotterError {
  try {
    readTrustAnchors(bytes);
  } catch (error) {
    if (error instanceof LedgerSnapshotterError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

/** A service's own certificate. */
export function makeCertificate(
  { publicKey, privateKey }: KeyPairKeyObjectResult,
  subject: string,
): Certificate {
  const serial = new Uint8Array(16).fill(7);
  const notBeforeMs = Date.UTC(2026, 0, 1);
  const profile = { subject, publicKey, serial, notBeforeMs, ca: true };
  const issuer = { subject, key: privateKey };
  return createCertificate({ ...profile, notAfterMs: Date.UTC(2027, 0, 1) }, issuer);
}
