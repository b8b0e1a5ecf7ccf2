import { type Digest, type Seqno, digest as toDigest, seqno as toSeqno } from '../core/words.ts';

// What a host hands over is checked before any of it is kept or becomes an event.

/** @throws TypeError when it is not bytes, RangeError when there are not as many as must be */
export function checkBytes(what: string, value: unknown, length?: number): void {
  if (!(value instanceof Uint8Array)) throw new TypeError(`${what} must be a Uint8Array`);
  if (length === undefined ? value.length > 0 : value.length === length) return;
  throw new RangeError(`${what} must have ${length ?? 'some'} bytes, has ${value.length}`);
}

/** @throws TypeError, RangeError, FormatError `BAD_HEX` */
export function evidenceOf(
  evidence: RecordedEvidence | Earlier<RecordedEvidence>,
): RecordedEvidence {
  const { digest, writeSetDigest, commitEvidence } = evidence;
  const snapshotSeqno = snapshotSeqnoOf(evidence);
  if (typeof digest !== 'string') throw new TypeError('digest must be a string of hex');
  toDigest(digest);
  checkBytes('writeSetDigest', writeSetDigest, 32);
  if (typeof commitEvidence !== 'string') throw new TypeError('commitEvidence must be a string');
  return { snapshotSeqno, digest, writeSetDigest, commitEvidence };
}

function snapshotSeqnoOf(fact: OfSnapshot | Earlier<OfSnapshot>): Seqno {
  return toSeqno('snapshotSeqno' in fact ? fact.snapshotSeqno : fact.version);
}

/** @throws TypeError */
export function checkRole(role: { readonly primary: boolean }): void {
  if (typeof role?.primary !== 'boolean') throw new TypeError('primary must be true or false');
}

/** A status with its time in milliseconds. @throws TypeError, RangeError */
export function statusOf(status: RecordedStatus | Earlier<RecordedStatus>): {
  readonly seqno: Seqno;
  readonly timestampMs: number;
} {
  const { timestamp } = status;
  if (typeof timestamp !== 'bigint' && typeof timestamp !== 'number') {
    throw new TypeError('timestamp must be a bigint or a number of nanoseconds');
  }
  const timestampMs =
    typeof timestamp === 'bigint' ? Number(timestamp / 1_000_000n) : Math.floor(timestamp / 1e6);
  if (timestamp >= 0 && Number.isSafeInteger(timestampMs)) {
    return { seqno: snapshotSeqnoOf(status), timestampMs };
  }
  throw new RangeError(`not a time in nanoseconds since 1970: ${timestamp}`);
}

interface OfSnapshot {
  /** Seqno of the snapshot. */
  readonly snapshotSeqno: Seqno;
}

/**
 * The same under the name that release 0.1 had, which is CCF's JSON's own.
 * @deprecated It is accepted until 0.3.
 */
export type Earlier<Fact extends OfSnapshot> = Omit<Fact, 'snapshotSeqno'> & {
  readonly version: Seqno;
};

/** The value of CCF's `public:ccf.internal.snapshot_status`: the newest snapshot of the whole service. */
export interface RecordedStatus extends OfSnapshot {
  /** When it was scheduled, in nanoseconds since the Unix epoch: more than a number can say exactly. */
  readonly timestamp: bigint | number;
}

/** What the host knows of an evidence transaction once it is in the log. */
export interface RecordedEvidence extends OfSnapshot {
  readonly digest: Digest;
  /** SHA-256 of the whole ledger entry, 32 bytes. */
  readonly writeSetDigest: Uint8Array;
  /** `ce:<view>.<seqno>:<hex>`. */
  readonly commitEvidence: string;
}
