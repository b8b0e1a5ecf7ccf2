import { constants, type KeyObject, publicEncrypt } from 'node:crypto';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { concatBytes } from '../../src/core/bytes.ts';
import { type RecoveryShares, sealSecret } from '../../src/formats/keys/recovery-shares.ts';
import { type ByteShare, multiplyBytes } from '../../src/formats/keys/shamir.ts';

/** Splits bytes as CCF did before 4.0.9; one coefficient row of the secret's length for each power of x. */
export function splitBytes(
  secret: Uint8Array,
  coefficients: Uint8Array,
  count: number,
): ByteShare[] {
  return Array.from({ length: count }, (_, i) => {
    const x = i + 1;
    const bytes = secret.map((byte, at) => {
      let sum = 0;
      for (let row = coefficients.length - secret.length; row >= 0; row -= secret.length) {
        sum = multiplyBytes(sum ^ (coefficients[row + at] ?? 0), x);
      }
      return sum ^ byte;
    });
    return { x, bytes };
  });
}

export interface OldSharePlan {
  readonly secret: Uint8Array;
  readonly members: readonly { readonly id: string; readonly publicKey: KeyObject }[];
  /** 32 × (threshold - 1) bytes. */
  readonly coefficients: Uint8Array;
}

/** Recovery shares in the old form of 113 bytes, with garbage behind the wrapping key as 1.x left it. */
export function makeOldRecoveryShares({
  secret,
  members,
  coefficients,
}: OldSharePlan): RecoveryShares {
  const boxKey = new Uint8Array(32).fill(0x21);
  const wrappingKey = new Uint8Array(32).fill(0x42);
  const box = xsalsa20poly1305(boxKey, new Uint8Array(24)).encrypt(
    concatBytes([wrappingKey, new Uint8Array(32).fill(0xee)]),
  );
  const shares = splitBytes(boxKey, coefficients, members.length);
  const encrypted = members.map(({ id, publicKey }, i) => {
    const share = concatBytes([Uint8Array.of(i + 1), shares[i]?.bytes ?? new Uint8Array(), box]);
    return [id, encryptForMember(publicKey, share)] as const;
  });
  return {
    wrappedLedgerSecret: sealSecret(wrappingKey, secret, new Uint8Array(12)),
    encryptedShares: new Map(encrypted),
  };
}

/** RSA-OAEP as CCF encrypts shares for members. */
export function encryptForMember(key: KeyObject, share: Uint8Array): Uint8Array {
  const options = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  return new Uint8Array(publicEncrypt(options, share));
}
