import { FormatError, VerificationError } from '../../core/errors.ts';
import { type Seqno, seqno as toSeqno } from '../../core/words.ts';
import type { LedgerSecrets } from '../keys/ledger-secrets.ts';
import {
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  entryHeaderBytes,
  openPrivateDomain,
  readEntrySize,
} from './entry.ts';
import { tables } from './tables.ts';
import { decodePublicDomain, mapWrites } from './write-set.ts';

/** GCM tag, IV and the length of the public domain, behind an entry's header. */
const bodyHeaderBytes = 36;

/** Entry type, seqno and max conflict version: the shortest public domain. */
const publicDomainBytesMin = 17;

/**
 * What is wrong with the bytes of one entry of a ledger, seen by themselves: its shape, that it says its
 * seqno twice, and its GCM tag where the secret is known. What passes may still lie to the tree and the
 * signatures.
 *
 * Which secret is in force where is itself read from entries that may be damaged. So an entry that
 * authenticates under any of the secrets is as it was written.
 * @returns `undefined` for such an entry
 */
export function flawOfEntry(
  bytes: Uint8Array,
  secrets: LedgerSecrets,
): FormatError | VerificationError | undefined {
  try {
    const envelope = decodeEnvelope(bytes);
    const { seqno } = decodePublicDomain(envelope.publicDomain);
    if (seqno !== envelope.seqno || envelope.isSnapshot) {
      const message = `the entry says ${seqno}, its IV ${envelope.seqno}`;
      return new VerificationError('SEQNO_MISMATCH', message, { actual: seqno });
    }
    const secret = secrets.secretAt(seqno);
    if (secret === undefined) return undefined;
    const others = secrets.ranges.flatMap((range) => range.secret ?? []);
    if (!others.some((other) => opens(envelope, other))) openPrivateDomain(envelope, secret);
    return undefined;
  } catch (error) {
    if (error instanceof FormatError || error instanceof VerificationError) return error;
    throw error;
  }
}

function opens(envelope: Envelope, secret: Uint8Array): boolean {
  try {
    openPrivateDomain(envelope, secret);
    return true;
  } catch (error) {
    if (error instanceof VerificationError) return false;
    throw error;
  }
}

/** Where to look for a signature, and what its entry must be. */
export interface FindSignatureOptions {
  /** Offset of the first byte that is in doubt. */
  readonly from: number;
  /** The signature is of a later seqno. */
  readonly after: Seqno;
  readonly secrets: LedgerSecrets;
}

/** A signature transaction, and where its entry begins. */
export interface FoundSignature {
  readonly seqno: Seqno;
  readonly offset: number;
}

/**
 * Looks for a signature transaction that authenticates, at every offset from `from` on, since a damaged
 * size may hide where entries begin.
 *
 * A writer makes everything before a signature durable with it. So bytes that a crash tore have none
 * behind them, and where one is found the bytes before it were whole once: they are damaged.
 *
 * The eight bytes of the header are not covered by the tag, so a body counts without a sound header too;
 * a signature has nothing private, which tells how long it is. Where any secret is unknown the shape alone counts.
 */
export function findSignature(
  bytes: Uint8Array,
  { from, after, secrets }: FindSignatureOptions,
): FoundSignature | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  // An entry has more than one byte, so no seqno can be further away than this.
  const seqnoMax = Math.min(after + bytes.length, Number.MAX_SAFE_INTEGER);
  const last = bytes.length - entryHeaderBytes - bodyHeaderBytes - publicDomainBytesMin;
  for (let offset = from; offset <= last; offset++) {
    const seqno = u64At(view, offset + 24);
    if (seqno <= after || seqno > seqnoMax) continue;
    const domainBytes = u64At(view, offset + 36);
    const domainOffset = offset + entryHeaderBytes + bodyHeaderBytes;
    if (domainBytes < publicDomainBytesMin || domainBytes > bytes.length - domainOffset) continue;
    if (u64At(view, domainOffset + 1) !== seqno) continue;
    const place = { offset, domainEnd: domainOffset + domainBytes };
    if (isSignature(bytes, place, secrets)) return { seqno: toSeqno(seqno), offset };
  }
  return undefined;
}

/** Beyond 2^53 it is rounded, which no bound here lets through. */
function u64At(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 2 ** 32;
}

interface BodyPlace {
  /** Of the header. */
  readonly offset: number;
  /** Of what would be private. */
  readonly domainEnd: number;
}

function isSignature(bytes: Uint8Array, place: BodyPlace, secrets: LedgerSecrets): boolean {
  const { offset, domainEnd } = place;
  const domainOffset = offset + entryHeaderBytes + bodyHeaderBytes;
  if (!writesTree(bytes.subarray(domainOffset, domainEnd))) return false;
  const ends = new Set([domainEnd, declaredEnd(bytes, offset) ?? domainEnd]);
  return [...ends].some((end) => end >= domainEnd && isWhole(bytes, { ...place, end }, secrets));
}

function writesTree(publicDomain: Uint8Array): boolean {
  try {
    return mapWrites(decodePublicDomain(publicDomain), tables.tree) !== undefined;
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

/** Where the entry ends by its header; `undefined` when that is not sound. */
function declaredEnd(bytes: Uint8Array, offset: number): number | undefined {
  try {
    const end = offset + entryHeaderBytes + readEntrySize(bytes, offset).size;
    return end <= bytes.length ? end : undefined;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** Whether the bytes are an entry as it was written, but for the header, which is made anew. */
function isWhole(
  bytes: Uint8Array,
  { offset, domainEnd, end }: BodyPlace & { readonly end: number },
  secrets: LedgerSecrets,
): boolean {
  const body = offset + entryHeaderBytes;
  const entry = encodeEnvelope({
    flags: 0,
    tag: bytes.subarray(body, body + 16),
    iv: bytes.subarray(body + 16, body + 28),
    publicDomain: bytes.subarray(body + bodyHeaderBytes, domainEnd),
    privateDomain: bytes.subarray(domainEnd, end),
  });
  const flaw = flawOfEntry(entry, secrets);
  if (flaw?.code !== 'GCM_TAG_MISMATCH') return flaw === undefined;
  return secrets.ranges.some(({ secret }) => secret === undefined);
}
