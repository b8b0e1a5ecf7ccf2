import {
  constants,
  createCipheriv,
  createDecipheriv,
  hkdfSync,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { concatBytes, fromBase64, toBase64 } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';
import type { Seqno } from '../../core/words.ts';
import {
  encodeJsonFields,
  jsonField,
  jsonObject,
  jsonSeqno,
  jsonText,
  parseJson,
} from '../encoding/json.ts';
import {
  type ByteShare,
  combineBytes,
  combineLimbs,
  decodeLimbShare,
  encodeLimbShare,
  encodeLimbs,
  type LimbShare,
  limbShareBytes,
  splitLimbs,
} from './shamir.ts';

/** The value of `public:ccf.internal.recovery_shares`. */
export interface RecoveryShares {
  /** The ledger secret under the wrapping key that the shares give: 60 bytes. */
  readonly wrappedLedgerSecret: Uint8Array;
  /** Each member's share under its RSA key, by member id. */
  readonly encryptedShares: ReadonlyMap<string, Uint8Array>;
  readonly previousSecretStoredVersion?: Seqno;
}

/**
 * Decodes recovery shares; fields that other releases may add are ignored.
 * @throws FormatError `BAD_JSON`, `BAD_BASE64`, `BAD_SHARE`, `NUMBER_TOO_LARGE`, `TOO_LARGE`
 */
export function decodeRecoveryShares(value: Uint8Array): RecoveryShares {
  const object = jsonObject(parseJson(value), 'the recovery shares');
  const members = jsonObject(object.get('encrypted_shares'), 'encrypted_shares');
  const shares = [...members].map(
    ([id, text]) => [id, fromBase64(jsonText(text, 'a share'))] as const,
  );
  const wrapped = fromBase64(jsonText(object.get('wrapped_latest_ledger_secret'), 'the secret'));
  const stored = jsonField(object, 'previous_secret_stored_version');
  return {
    wrappedLedgerSecret: checkSealed(wrapped),
    encryptedShares: new Map(shares),
    ...(stored === undefined
      ? {}
      : { previousSecretStoredVersion: jsonSeqno(stored, 'previous_secret_stored_version') }),
  };
}

/** The inverse of {@link decodeRecoveryShares}, with members in byte order as CCF writes them. */
export function encodeRecoveryShares(shares: RecoveryShares): Uint8Array {
  const members = [...shares.encryptedShares].sort(([a], [b]) => (a < b ? -1 : 1));
  return encodeJsonFields({
    encrypted_shares: Object.fromEntries(members.map(([id, share]) => [id, toBase64(share)])),
    previous_secret_stored_version: shares.previousSecretStoredVersion,
    wrapped_latest_ledger_secret: toBase64(shares.wrappedLedgerSecret),
  });
}

/** Bytes of a ledger secret: an AES-256 key. */
const ledgerSecretBytes = 32;

/** Bytes of a sealed ledger secret: tag 16, IV 12, ciphertext 32. */
const sealedSecretBytes = 16 + 12 + ledgerSecretBytes;

/** Returns `bytes`. @throws FormatError `BAD_SHARE` unless it has 60 bytes */
export function checkSealed(bytes: Uint8Array): Uint8Array {
  if (bytes.length === sealedSecretBytes) return bytes;
  throw new FormatError('BAD_SHARE', `a sealed ledger secret of ${bytes.length} bytes`);
}

/**
 * Seals a ledger secret with AES-256-GCM, no additional data.
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 16 | tag |
 * | 16 | 12 | IV |
 * | 28 | 32 | ciphertext |
 *
 * @param key 32 bytes
 * @param iv 12 bytes; zero only under a wrapping key, which seals once
 */
export function sealSecret(key: Uint8Array, secret: Uint8Array, iv: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  const ciphertext = concatBytes([cipher.update(secret), cipher.final()]);
  return concatBytes([cipher.getAuthTag(), iv, ciphertext]);
}

/** Opens what {@link sealSecret} made; `undefined` under another key. */
export function openSecret(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(16, 28));
  decipher.setAuthTag(sealed.subarray(0, 16));
  const secret = decipher.update(sealed.subarray(28));
  try {
    decipher.final();
    return new Uint8Array(secret);
  } catch {
    return undefined;
  }
}

/** What {@link openRecoveryShares} has to open shares with. */
export interface ShareKeys {
  /** RSA private keys; each is tried on each share, as members' keys and ids come apart. */
  readonly memberKeys: readonly KeyObject[];
  /** Shares needed, as configured when they were written. */
  readonly threshold: number;
}

/**
 * Opens the ledger secret that recovery shares protect; `undefined` when the keys open too few of them
 * or others. A recovery owner's share (x = 0) is enough alone.
 * @throws FormatError `BAD_SHARE` when the secret does not open and a share has no known form
 * @see CCF src/node/share_manager.h; ccf-1.0.19 src/node/secret_share.h
 */
export function openRecoveryShares(
  record: RecoveryShares,
  { memberKeys, threshold }: ShareKeys,
): Uint8Array | undefined {
  const opened = openShares(record, memberKeys);
  for (const wrappingKey of wrappingKeys(opened, threshold)) {
    const secret = wrappingKey && openSecret(wrappingKey, record.wrappedLedgerSecret);
    if (secret !== undefined) return secret;
  }
  return undefined;
}

function openShares(record: RecoveryShares, keys: readonly KeyObject[]): readonly Uint8Array[] {
  const opened: Uint8Array[] = [];
  for (const encrypted of record.encryptedShares.values()) {
    const share = openWithAny(encrypted, keys);
    if (share !== undefined) opened.push(share);
  }
  return opened;
}

function openWithAny(encrypted: Uint8Array, keys: readonly KeyObject[]): Uint8Array | undefined {
  for (const key of keys) {
    try {
      return new Uint8Array(privateDecrypt(oaep(key), encrypted));
    } catch {
      // Another member's share: OpenSSL says no more than that.
    }
  }
  return undefined;
}

function oaep(key: KeyObject): { key: KeyObject; padding: number; oaepHash: string } {
  return { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
}

/** The wrapping keys that opened shares lead to, each still to be confirmed by the sealed secret's tag. */
function* wrappingKeys(
  opened: readonly Uint8Array[],
  threshold: number,
): Generator<Uint8Array | undefined> {
  const limbShares = opened.filter(isLimbShare).map(decodeLimbShare);
  for (const share of limbShares) if (share.x === 0) yield limbWrappingKey(share.limbs);
  const limbs = distinct(limbShares.filter(({ x }) => x !== 0)).slice(0, threshold);
  if (limbs.length > 0 && limbs.length === threshold) yield limbWrappingKey(combineLimbs(limbs));
  const boxes = distinct(opened.filter((share) => !isLimbShare(share)).map(decodeBoxShare));
  const box = boxes[0]?.box;
  if (box === undefined || boxes.length < threshold) return;
  yield openBox(combineBytes(boxes.slice(0, threshold)), box);
}

function isLimbShare(share: Uint8Array): boolean {
  return share.length === limbShareBytes;
}

/** The same share may stand under two members' names; interpolation needs different ones. */
function distinct<T extends { readonly x: number }>(shares: readonly T[]): readonly T[] {
  return [...new Map(shares.map((share) => [share.x, share])).values()];
}

/** **Order contract:** the secret is both key material and info, as CCF has it. */
function limbWrappingKey(limbs: readonly number[]): Uint8Array {
  const material = encodeLimbs(limbs);
  return new Uint8Array(hkdfSync('sha256', material, new Uint8Array(), material, 32));
}

/** A share of CCF before 4.0.9. */
interface BoxShare extends ByteShare {
  /** The protected data, the same in all shares. */
  readonly box: Uint8Array;
}

/**
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 1 | x |
 * | 1 | 32 | share of the box's key |
 * | 33 | 80 | XSalsa20-Poly1305 box: MAC 16, ciphertext 64 |
 */
function decodeBoxShare(bytes: Uint8Array): BoxShare {
  if (bytes.length !== 113) {
    throw new FormatError('BAD_SHARE', `a share of ${bytes.length} bytes, neither 44 nor 113`);
  }
  return { x: bytes[0] ?? 0, bytes: bytes.subarray(1, 33), box: bytes.subarray(33) };
}

/** The first 32 of the 64 bytes are the wrapping key; the rest is uninitialised memory in old releases. */
function openBox(key: Uint8Array, box: Uint8Array): Uint8Array | undefined {
  try {
    return xsalsa20poly1305(key, new Uint8Array(24)).decrypt(box).slice(0, 32);
  } catch {
    return undefined; // too few or wrong shares
  }
}

/** Who gets a share. */
export interface ShareHolder {
  /** Hex SHA-256 of the member's certificate, DER. */
  readonly id: string;
  /** RSA public key. */
  readonly publicKey: KeyObject;
}

/** What {@link makeRecoveryShares} shares among members. */
export interface SharePlan {
  /** The latest ledger secret, 32 bytes. */
  readonly secret: Uint8Array;
  readonly members: readonly ShareHolder[];
  /** Shares needed to recover, 1 … members. */
  readonly threshold: number;
  /** 80 × threshold random bytes. */
  readonly random: Uint8Array;
  readonly previousSecretStoredVersion?: Seqno;
}

/**
 * Makes recovery shares in CCF's newer form: a random wrapping key is shared, the ledger secret is
 * sealed under it. RSA-OAEP draws its own randomness, so two runs differ in their encrypted shares.
 * @throws RangeError on a threshold that is not 1 … members, or another number of random bytes
 * @see CCF 5.0 src/node/share_manager.h
 */
export function makeRecoveryShares(plan: SharePlan): RecoveryShares {
  const { members, random, threshold, previousSecretStoredVersion } = plan;
  const { secret, shares } = splitLimbs(random, { threshold, count: members.length });
  const encrypted = members.map(
    ({ id, publicKey }, i) => [id, encryptShare(publicKey, shares[i])] as const,
  );
  return {
    wrappedLedgerSecret: sealSecret(limbWrappingKey(secret), plan.secret, new Uint8Array(12)),
    encryptedShares: new Map(encrypted),
    ...(previousSecretStoredVersion === undefined ? {} : { previousSecretStoredVersion }),
  };
}

function encryptShare(publicKey: KeyObject, share: LimbShare | undefined): Uint8Array {
  if (share === undefined) throw new RangeError('fewer shares than members');
  return new Uint8Array(publicEncrypt(oaep(publicKey), encodeLimbShare(share)));
}
