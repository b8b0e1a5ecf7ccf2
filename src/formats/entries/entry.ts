import { type CipherGCM, createCipheriv, createDecipheriv, type DecipherGCM } from 'node:crypto';
import { ByteReader, ByteWriter, concatBytes } from '../../core/bytes.ts';
import { type ErrorPlace, FormatError, VerificationError } from '../../core/errors.ts';
import { entryBytesMax } from '../../core/limits.ts';
import { type Seqno, seqno, type View, view } from '../../core/words.ts';
import { sha256 } from '../encoding/sha256.ts';

/** Version, flags and 48-bit size in front of every entry. */
export const entryHeaderBytes = 8;

/** Tag (16) and IV (12) in front of the public domain. */
const gcmHeaderBytes = 28;

const tagBytes = 16;
const ivBytes = 12;
const secretBytes = 32;
const formatVersion = 1;
const knownFlags = 0x03;
const snapshotBit = 0x8000_0000;

/** How much of a declared size to believe, and what to call the source in errors. */
export interface EntryReadOptions {
  /**
   * Largest declared size, in bytes.
   * @default entryBytesMax
   */
  readonly bytesMax?: number;
  /** File name for error messages. */
  readonly file?: string;
}

/** The 8-byte header, with `size` = bytes after it. */
export interface EntryHeader {
  readonly version: number;
  readonly flags: number;
  readonly size: number;
}

/**
 * Reads an entry's header at `offset`, without looking at (or needing) the body behind it.
 *
 * | offset | size | field |
 * |-------:|-----:|-------|
 * | 0 | 1 | format version, 1 |
 * | 1 | 1 | flags: 0x01 chunk ends after, 0x02 chunk begins before |
 * | 2 | 6 | size: bytes after this header, little-endian |
 *
 * @throws FormatError `TRUNCATED_HEADER`, `BAD_VERSION`, `BAD_FLAGS`, `TOO_LARGE`, `EMPTY_BODY`
 * @see CCF src/kv/serialised_entry_format.h
 */
export function readEntrySize(
  bytes: Uint8Array,
  offset: number,
  options: EntryReadOptions = {},
): EntryHeader {
  const { bytesMax = entryBytesMax, file } = options;
  const place: ErrorPlace = { offset, file };
  const where = `${file === undefined ? '' : `${file}: `}entry at offset ${offset}`;
  const left = Math.max(0, bytes.length - offset);
  if (left < entryHeaderBytes) {
    throw new FormatError('TRUNCATED_HEADER', `${where}: ${left} of 8 header bytes`, place);
  }
  const header = new DataView(bytes.buffer, bytes.byteOffset + offset, entryHeaderBytes);
  const version = header.getUint8(0);
  const flags = header.getUint8(1);
  const size = header.getUint32(2, true) + header.getUint16(6, true) * 2 ** 32;
  if (version !== formatVersion) {
    throw new FormatError('BAD_VERSION', `${where}: version ${version}, not 1`, place);
  }
  if ((flags & ~knownFlags) !== 0) {
    throw new FormatError('BAD_FLAGS', `${where}: unknown flags 0x${flags.toString(16)}`, place);
  }
  if (size > bytesMax) {
    const bounds = { ...place, actual: size, expected: bytesMax };
    throw new FormatError('TOO_LARGE', `${where}: size ${size} is above ${bytesMax}`, bounds);
  }
  if (size === 0) throw new FormatError('EMPTY_BODY', `${where}: declared size 0`, place);
  return { version, flags, size };
}

/** One entry taken apart; every byte field is a view on {@link Envelope.bytes}. */
export interface Envelope {
  /** The whole entry, header included: what the write-set digest covers. */
  readonly bytes: Uint8Array;
  readonly flags: number;
  readonly tag: Uint8Array;
  readonly iv: Uint8Array;
  /** From the IV; the public domain says it again. */
  readonly seqno: Seqno;
  /** From the IV, the only place that has it; 0 in a snapshot. */
  readonly view: View;
  readonly isSnapshot: boolean;
  readonly publicDomain: Uint8Array;
  /** Ciphertext, as long as its plaintext; may be empty. */
  readonly privateDomain: Uint8Array;
}

/**
 * Takes apart exactly one entry, of a ledger or of a snapshot. Nothing is authenticated.
 *
 * | offset | size | field |
 * |-------:|-----:|-------|
 * | 0 | 8 | header, see {@link readEntrySize} |
 * | 8 | 16 | AES-GCM tag |
 * | 24 | 8 | IV: seqno |
 * | 32 | 4 | IV: view, top bit = is a snapshot |
 * | 36 | 8 | P = length of the public domain |
 * | 44 | P | public domain, clear |
 * | 44+P | rest | private domain, encrypted |
 *
 * @throws FormatError of {@link readEntrySize}, `TRUNCATED_BODY`, `TRAILING_BYTES`,
 * `LENGTH_EXCEEDS_PARENT`, `NUMBER_TOO_LARGE`
 * @see CCF src/kv/serialised_entry_format.h, src/node/encryptor.h
 */
export function decodeEnvelope(bytes: Uint8Array, options: EntryReadOptions = {}): Envelope {
  const { flags, size } = readEntrySize(bytes, 0, options);
  checkExactSize(bytes, size, options);
  const reader = new ByteReader(bytes, entryHeaderBytes);
  const tag = reader.take(tagBytes, 'GCM tag');
  const iv = reader.take(ivBytes, 'GCM IV');
  const publicDomain = reader.blob('public domain');
  const privateDomain = reader.take(reader.remaining, 'private domain');
  return { bytes, flags, tag, iv, ...decodeIv(iv), publicDomain, privateDomain };
}

/** What stands before an entry's domains, and what its IV says. */
export interface ReadEnvelopeHead
  extends EnvelopeHead,
    Pick<Envelope, 'seqno' | 'view' | 'isSnapshot'> {}

/**
 * Reads an entry's first {@link envelopeHeadBytes}, or all of a shorter one, where the rest need not be in memory.
 * @param entryBytes of the whole entry, as its header declares them
 * @throws FormatError as {@link decodeEnvelope}
 */
export function decodeEnvelopeHead(bytes: Uint8Array, entryBytes: number): ReadEnvelopeHead {
  const { flags } = readEntrySize(bytes, 0, { bytesMax: entryBytes });
  const reader = new ByteReader(bytes, entryHeaderBytes);
  const tag = reader.take(tagBytes, 'GCM tag').slice();
  const iv = reader.take(ivBytes, 'GCM IV').slice();
  const low = reader.u32('length of public domain');
  const publicBytes = low + reader.u32('length of public domain') * 2 ** 32;
  const domainBytes = entryBytes - envelopeHeadBytes;
  if (publicBytes > domainBytes) {
    const place = { offset: envelopeHeadBytes - 8, actual: publicBytes, expected: domainBytes };
    const message = `public domain declares ${publicBytes} bytes, ${domainBytes} are left`;
    throw new FormatError('LENGTH_EXCEEDS_PARENT', message, place);
  }
  return { flags, tag, iv, ...decodeIv(iv), publicBytes, privateBytes: domainBytes - publicBytes };
}

function checkExactSize(bytes: Uint8Array, size: number, options: EntryReadOptions): void {
  const actual = bytes.length - entryHeaderBytes;
  if (actual === size) return;
  throw new FormatError(
    actual < size ? 'TRUNCATED_BODY' : 'TRAILING_BYTES',
    `header declares ${size} bytes, ${actual} are there`,
    { file: options.file, actual, expected: size },
  );
}

function decodeIv(iv: Uint8Array): Pick<Envelope, 'seqno' | 'view' | 'isSnapshot'> {
  const reader = new ByteReader(iv);
  const position = seqno(reader.u64('seqno in the IV'));
  const word = reader.u32('view in the IV');
  return { seqno: position, view: view(word % snapshotBit), isSnapshot: word >= snapshotBit };
}

/** What {@link encodeEnvelope} joins: the stored fields, the private domain already encrypted. */
export type EnvelopeParts = Pick<
  Envelope,
  'flags' | 'tag' | 'iv' | 'publicDomain' | 'privateDomain'
>;

/**
 * Joins the parts of an entry into the bytes that {@link decodeEnvelope} takes apart.
 * @throws RangeError when a part has a size or value that the format cannot hold
 */
export function encodeEnvelope(parts: EnvelopeParts): Uint8Array {
  const { publicDomain, privateDomain } = parts;
  const sizes = { publicBytes: publicDomain.length, privateBytes: privateDomain.length };
  return concatBytes([encodeEnvelopeHead({ ...parts, ...sizes }), publicDomain, privateDomain]);
}

/** Bytes in front of an entry's public domain. */
export const envelopeHeadBytes = entryHeaderBytes + gcmHeaderBytes + 8;

/** An entry without its two domains, which are known by their lengths. */
export interface EnvelopeHead extends Pick<Envelope, 'flags' | 'tag' | 'iv'> {
  readonly publicBytes: number;
  readonly privateBytes: number;
}

/**
 * What stands in front of an entry's domains, where those are written piece by piece.
 * @throws RangeError when a part has a size or value that the format cannot hold
 */
export function encodeEnvelopeHead(head: EnvelopeHead): Uint8Array {
  const { flags, tag, iv, publicBytes, privateBytes } = head;
  checkLength(tag, tagBytes, 'GCM tag');
  checkLength(iv, ivBytes, 'GCM IV');
  if ((flags & ~knownFlags) !== 0) throw new RangeError(`unknown entry flags: ${flags}`);
  const size = gcmHeaderBytes + 8 + publicBytes + privateBytes;
  if (size >= 2 ** 48) throw new RangeError(`an entry of ${size} bytes`);
  const high = Math.floor(size / 2 ** 32);
  return new ByteWriter(envelopeHeadBytes)
    .u8(formatVersion)
    .u8(flags)
    .u32(size % 2 ** 32)
    .u8(high % 256)
    .u8(Math.floor(high / 256))
    .raw(tag)
    .raw(iv)
    .u64(publicBytes)
    .finish();
}

/** A position as the IV holds it; never two entries with the same one under one secret. */
export interface IvParts {
  readonly seqno: Seqno;
  readonly view: View;
  readonly isSnapshot: boolean;
}

/** The 12-byte IV of an entry: `u64 seqno`, `u32 view` with the top bit marking a snapshot. */
export function encodeIv({ seqno, view, isSnapshot }: IvParts): Uint8Array {
  return new ByteWriter(ivBytes)
    .u64(seqno)
    .u32(view + (isSnapshot ? snapshotBit : 0))
    .finish();
}

/** What {@link sealEntry} turns into an entry. */
export interface SealOptions {
  /** Ledger secret in force at `seqno`, 32 bytes. */
  readonly secret: Uint8Array;
  /** @default 0 */
  readonly flags?: number;
  readonly seqno: Seqno;
  readonly view: View;
  /** @default false */
  readonly isSnapshot?: boolean;
  readonly publicDomain: Uint8Array;
  /** Private maps in the clear; may be empty, the tag then covers the public domain alone. */
  readonly privatePlain: Uint8Array;
}

/**
 * Encrypts the private domain, binds the public one to it, and joins both into an entry.
 * AES-256-GCM; additional data = the public domain; the IV is the position, so no randomness is used.
 * @throws RangeError when the secret is not 32 bytes
 */
export function sealEntry(options: SealOptions): Uint8Array {
  const { secret, flags = 0, seqno, view, isSnapshot = false, publicDomain } = options;
  const iv = encodeIv({ seqno, view, isSnapshot });
  const cipher = ledgerCipher(secret, iv);
  cipher.setAAD(publicDomain);
  const privateDomain = cipher.update(options.privatePlain);
  cipher.final();
  return encodeEnvelope({ flags, tag: cipher.getAuthTag(), iv, publicDomain, privateDomain });
}

/** What every entry is sealed with: AES-256-GCM. @throws RangeError when the secret is not 32 bytes */
export function ledgerCipher(secret: Uint8Array, iv: Uint8Array): CipherGCM {
  checkLength(secret, secretBytes, 'ledger secret');
  return createCipheriv('aes-256-gcm', secret, iv, { authTagLength: tagBytes });
}

/**
 * Decrypts the private domain; that it returns at all proves both domains and the IV under `secret`
 * (not the 8-byte header: only the write-set digest covers that).
 * @throws VerificationError `GCM_TAG_MISMATCH`
 * @throws RangeError when the secret is not 32 bytes
 */
export function openPrivateDomain(envelope: Envelope, secret: Uint8Array): Uint8Array {
  const opener = new DomainOpener(envelope, secret);
  opener.authenticate(envelope.publicDomain);
  const plain = opener.decrypt(envelope.privateDomain);
  opener.finish();
  return plain;
}

/** As {@link openPrivateDomain}, piece by piece: first all of the public domain, then the private one. */
export class DomainOpener {
  readonly #of: Pick<Envelope, 'tag' | 'iv' | 'view' | 'seqno'>;
  readonly #decipher: DecipherGCM;

  /** @throws RangeError when the secret is not 32 bytes */
  constructor(envelope: Pick<Envelope, 'tag' | 'iv' | 'view' | 'seqno'>, secret: Uint8Array) {
    checkLength(secret, secretBytes, 'ledger secret');
    this.#of = envelope;
    const options = { authTagLength: tagBytes };
    this.#decipher = createDecipheriv('aes-256-gcm', secret, envelope.iv, options);
    this.#decipher.setAuthTag(envelope.tag);
  }

  /** The next bytes of the public domain. */
  authenticate(bytes: Uint8Array): void {
    this.#decipher.setAAD(bytes);
  }

  /** The next bytes of the private domain in the clear: not to be believed before {@link finish}. */
  decrypt(bytes: Uint8Array): Uint8Array {
    const plain = this.#decipher.update(bytes);
    return new Uint8Array(plain.buffer, plain.byteOffset, plain.length);
  }

  /** All bytes were given. @throws VerificationError `GCM_TAG_MISMATCH` */
  finish(): void {
    try {
      this.#decipher.final();
    } catch (cause) {
      const { view, seqno } = this.#of;
      throw new VerificationError(
        'GCM_TAG_MISMATCH',
        `entry ${view}.${seqno} does not authenticate under this ledger secret`,
        { seqno, cause },
      );
    }
  }
}

/** SHA-256 over the whole entry, header included: the first part of its Merkle leaf. */
export function writeSetDigest(entryBytes: Uint8Array): Uint8Array {
  return sha256(entryBytes);
}

function checkLength(bytes: Uint8Array, expected: number, what: string): void {
  if (bytes.length !== expected) {
    throw new RangeError(`${what} has ${bytes.length} bytes, not ${expected}`);
  }
}
