import type { KeyObject } from 'node:crypto';
import { fromBase64, toBase64 } from '../../core/bytes.ts';
import { type Seqno, seqno } from '../../core/words.ts';
import {
  encodeJsonFields,
  jsonField,
  jsonObject,
  jsonSeqno,
  jsonText,
  parseJson,
} from '../encoding/json.ts';
import {
  checkSealed,
  openRecoveryShares,
  openSecret,
  type RecoveryShares,
} from './recovery-shares.ts';

/** From which seqno on a ledger secret is in force, until the next range. */
export interface SecretRange {
  readonly from: Seqno;
  /** 32 bytes; `undefined` where a secret is known to begin but could not be recovered. */
  readonly secret: Uint8Array | undefined;
}

/** The ledger secrets of a service, by the seqnos they are in force at. */
export class LedgerSecrets {
  /** Ascending by `from`. */
  readonly ranges: readonly SecretRange[];

  constructor(ranges: readonly SecretRange[]) {
    this.ranges = ranges.toSorted((a, b) => a.from - b.from);
  }

  /** The secret in force at a seqno: the one with the greatest start that is not above it. */
  secretAt(at: Seqno): Uint8Array | undefined {
    return this.ranges.findLast(({ from }) => from <= at)?.secret;
  }
}

/** The value of `public:ccf.internal.historical_encrypted_ledger_secret`: one change of the secret. */
export interface HistoricalSecret {
  /** Where the newer secret begins; absent on a live rekey, where it is the record's seqno + 1. */
  readonly nextVersion?: Seqno;
  readonly previous?: PreviousSecret;
}

/** The secret before a change. */
export interface PreviousSecret {
  /** The secret sealed under the newer one; see `sealSecret`. */
  readonly sealed: Uint8Array;
  /** Where this secret begins. */
  readonly version: Seqno;
  /** Seqno of the record before. */
  readonly storedVersion?: Seqno;
}

/**
 * Decodes the record of a change of the ledger secret.
 * @throws FormatError `BAD_JSON`, `BAD_BASE64`, `BAD_SHARE`, `NUMBER_TOO_LARGE`, `TOO_LARGE`
 */
export function decodeHistoricalSecret(value: Uint8Array): HistoricalSecret {
  const object = jsonObject(parseJson(value), 'the historical ledger secret');
  const next = jsonField(object, 'next_version');
  const previous = jsonField(object, 'previous_ledger_secret');
  return {
    ...(next === undefined ? {} : { nextVersion: jsonSeqno(next, 'next_version') }),
    ...(previous === undefined
      ? {}
      : { previous: decodePrevious(jsonObject(previous, 'previous')) }),
  };
}

function decodePrevious(object: ReturnType<typeof jsonObject>): PreviousSecret {
  const stored = jsonField(object, 'previous_secret_stored_version');
  return {
    sealed: checkSealed(fromBase64(jsonText(object.get('encrypted_data'), 'encrypted_data'))),
    version: jsonSeqno(object.get('version'), 'version'),
    ...(stored === undefined
      ? {}
      : { storedVersion: jsonSeqno(stored, 'previous_secret_stored_version') }),
  };
}

/** The inverse of {@link decodeHistoricalSecret}, to CCF's bytes. */
export function encodeHistoricalSecret(record: HistoricalSecret): Uint8Array {
  const { nextVersion, previous } = record;
  const fields = previous && {
    encrypted_data: toBase64(previous.sealed),
    previous_secret_stored_version: previous.storedVersion,
    version: previous.version,
  };
  return encodeJsonFields({ next_version: nextVersion, previous_ledger_secret: fields });
}

/** A table value and where it was written. */
export interface Written<T> {
  readonly seqno: Seqno;
  readonly value: T;
}

/** Recovery shares with the threshold that was configured when they were written. */
export interface WrittenShares extends Written<RecoveryShares> {
  /** Of the same transaction where that one changes it as well. */
  readonly threshold: number;
}

/** What {@link recoverLedgerSecrets} works from; records in ledger order. */
export interface RecoveryInput {
  readonly shareRecords: readonly WrittenShares[];
  readonly historicalRecords: readonly Written<HistoricalSecret>[];
  /** RSA private keys of members. */
  readonly memberKeys: readonly KeyObject[];
  /**
   * First seqnos of recovered services, from `current_service_create_txid`: a new secret begins there
   * even if the ledger ends before it was shared.
   * @default none
   */
  readonly serviceStarts?: readonly Seqno[];
}

/**
 * Recovers ledger secrets with members' keys. The latest shares that open give the latest secret, and
 * each recorded change gives the one before; older shares are asked only for what is still missing.
 * Wrong or too few keys give fewer secrets, never an error; every secret is confirmed by a GCM tag.
 * @throws FormatError `BAD_SHARE` when an opened share has no known form
 * @see CCF src/node/share_manager.h
 */
export function recoverLedgerSecrets(input: RecoveryInput): LedgerSecrets {
  const known = new Map<Seqno, Uint8Array>();
  for (const shares of input.shareRecords.toReversed()) {
    const history = input.historicalRecords.filter((record) => record.seqno <= shares.seqno);
    const last = history.at(-1);
    if (last === undefined || walkIsComplete(history, known)) continue;
    const { memberKeys } = input;
    const latest = openRecoveryShares(shares.value, { memberKeys, threshold: shares.threshold });
    if (latest !== undefined) walkBack(history, latest, known);
  }
  const starts = new Set([...secretStarts(input), ...known.keys()]);
  return new LedgerSecrets([...starts].map((from) => ({ from, secret: known.get(from) })));
}

/** Whether everything that these records speak of is known already. */
function walkIsComplete(
  history: readonly Written<HistoricalSecret>[],
  known: ReadonlyMap<Seqno, Uint8Array>,
): boolean {
  return history.every(
    (record) =>
      known.has(startOf(record)) &&
      (record.value.previous === undefined || known.has(record.value.previous.version)),
  );
}

function startOf(record: Written<HistoricalSecret>): Seqno {
  return record.value.nextVersion ?? seqno(record.seqno + 1);
}

/** A record that repeats a known start is a second opening of one service: the secret in hand is kept. */
function walkBack(
  history: readonly Written<HistoricalSecret>[],
  latest: Uint8Array,
  known: Map<Seqno, Uint8Array>,
): void {
  let secret = latest;
  for (const [i, record] of history.toReversed().entries()) {
    if (i === 0) known.set(startOf(record), secret);
    const previous = record.value.previous;
    if (previous === undefined) return;
    if (i > 0 && known.has(previous.version)) continue;
    const opened = openSecret(secret, previous.sealed);
    if (opened === undefined) return;
    known.set(previous.version, opened);
    secret = opened;
  }
}

function secretStarts(input: RecoveryInput): readonly Seqno[] {
  const changes = input.historicalRecords.flatMap((record) => [
    startOf(record),
    ...(record.value.previous === undefined ? [] : [record.value.previous.version]),
  ]);
  return [...changes, ...(input.serviceStarts ?? [])];
}
