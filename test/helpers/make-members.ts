import { createHash, generateKeyPairSync, hkdfSync, type KeyObject } from 'node:crypto';
import { toHex } from '../../src/core/bytes.ts';
import type { Randomness } from '../../src/core/randomness.ts';
import type { Seqno } from '../../src/core/words.ts';
import { type RecoveryShares, sealSecret } from '../../src/formats/keys/recovery-shares.ts';
import { encodeLimbShare, encodeLimbs, splitLimbs } from '../../src/formats/keys/shamir.ts';
import { encryptForMember, makeOldRecoveryShares } from '../formats/make-old-shares.ts';

/** A member of a made service, who holds a share of its ledger secret. */
export interface MadeMember {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Members with fresh RSA keys: OpenSSL takes no seed. */
export function makeMembers(count: number): readonly MadeMember[] {
  return Array.from({ length: count }, () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    return { id: toHex(createHash('sha256').update(spki).digest()), privateKey, publicKey };
  });
}

/**
 * How shares are made: 44 bytes each (`limbs`), the same with the first member as recovery owner, whose
 * share has x = 0 (`owner`), or 113 bytes as before CCF 4.0.9 (`box`).
 */
export type ShareForm = 'limbs' | 'owner' | 'box';

export interface SharesOptions {
  readonly form: ShareForm;
  /** The ledger secret, 32 bytes. */
  readonly secret: Uint8Array;
  /** Whose public keys alone are needed. */
  readonly members: readonly Pick<MadeMember, 'id' | 'publicKey'>[];
  readonly threshold: number;
  readonly randomness: Randomness;
  readonly storedVersion?: Seqno | undefined;
}

/** The value of `public:ccf.internal.recovery_shares`, made without the library's own maker. */
export function makeShares(options: SharesOptions): RecoveryShares {
  const { form, secret, members, threshold, randomness, storedVersion } = options;
  const stored = storedVersion === undefined ? {} : { previousSecretStoredVersion: storedVersion };
  if (form === 'box') {
    const coefficients = randomness.bytes(32 * (threshold - 1));
    return { ...makeOldRecoveryShares({ secret, members, coefficients }), ...stored };
  }
  return { ...makeLimbShares(options), ...stored };
}

function makeLimbShares({ form, secret, members, threshold, randomness }: SharesOptions) {
  const random = randomness.bytes(80 * threshold);
  const split = splitLimbs(random, { threshold, count: members.length });
  const material = encodeLimbs(split.secret);
  const wrappingKey = new Uint8Array(hkdfSync('sha256', material, new Uint8Array(), material, 32));
  const owners = form === 'owner' ? [{ x: 0, limbs: split.secret }] : [];
  const shares = [...owners, ...split.shares].slice(0, members.length).map(encodeLimbShare);
  const encrypted = members.map(({ id, publicKey }, i) => {
    const share = shares[i] ?? new Uint8Array();
    return [id, encryptForMember(publicKey, share)] as const;
  });
  return {
    wrappedLedgerSecret: sealSecret(wrappingKey, secret, new Uint8Array(12)),
    encryptedShares: new Map(encrypted),
  };
}
