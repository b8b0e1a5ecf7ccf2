import { FormatError } from './errors.ts';

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Position of a transaction in the ledger, 1 … 2^53-1; 0 only where a table says "none yet". */
export type Seqno = Brand<number, 'Seqno'>;

/** Term of a primary, 0 … 2^31-1; services start in view 2. */
export type View = Brand<number, 'View'>;

/** A SHA-256 digest as 64 lower-case hex characters. */
export type Digest = Brand<string, 'Digest'>;

/** Makes a {@link Seqno}. @throws RangeError when `value` is not a safe non-negative integer. */
export function seqno(value: number): Seqno {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a seqno: ${value}`);
  return value as Seqno;
}

/** Makes a {@link View}. @throws RangeError when `value` is not an integer of 0 … 2^31-1. */
export function view(value: number): View {
  if (!Number.isInteger(value) || value < 0 || value > 0x7fff_ffff) {
    throw new RangeError(`not a view: ${value}`);
  }
  return value as View;
}

/**
 * Makes a {@link Digest} from 64 lower-case hex characters.
 * @throws FormatError `BAD_HEX`
 */
export function digest(hex: string): Digest {
  if (!/^[0-9a-f]{64}$/.test(hex)) {
    throw new FormatError('BAD_HEX', `not a SHA-256 digest in lower-case hex: ${hex.slice(0, 80)}`);
  }
  return hex as Digest;
}

/** A transaction's name: view and seqno, written `<view>.<seqno>`. */
export interface TxId {
  readonly view: View;
  readonly seqno: Seqno;
}

/** The public phases of a snapshot generation: the names that users see. */
export type Phase = 'scheduled' | 'serialised' | 'awaiting-evidence' | 'persisting' | 'committed';

/** The file-system steps of the writer, in order. */
export type WriterStep =
  | 'opening'
  | 'spooling'
  | 'appending'
  | 'syncing'
  | 'closing'
  | 'publishing'
  | 'syncingDirectory';

/** How a generation ended: a closed union. */
export type Outcome =
  | 'committed'
  | 'committed-not-durable'
  | 'duplicate'
  | 'conflict'
  | 'serialise-failed'
  | 'evidence-refused'
  | 'proof-refused'
  | 'rolled-back'
  | 'persist-failed'
  | 'cancelled'
  | 'timed-out'
  | 'poisoned';

/** How a due point ended: a closed union. */
export type PointEnd = 'generated' | 'coalesced' | 'rolled-back' | 'cancelled' | 'skipped';

/** Which receipt a generation will carry; `none` is CCF 1.x, whose snapshots have none. */
export type ReceiptForm = 'cose' | 'json' | 'none';
