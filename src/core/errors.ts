/** Where in the outside world an error was found; every field is optional and only for people and logs. */
export interface ErrorPlace {
  /** File name, without its directory when that is known from context. */
  readonly file?: string | undefined;
  /** Byte offset in `file` or in the decoded buffer. */
  readonly offset?: number;
  readonly seqno?: number;
  /** The table of the ledger, and the key in it as text or, where that is no text, in hex. */
  readonly table?: string;
  readonly key?: string;
  /** What was found, and the bound or value that was expected. */
  readonly actual?: number | string;
  readonly expected?: number | string;
  readonly cause?: unknown;
}

/** Codes of {@link FormatError}: bytes that do not have the shape they must have. */
export type FormatCode =
  | 'EMPTY_FILE'
  | 'TRUNCATED_HEADER'
  | 'TRUNCATED_BODY'
  | 'EMPTY_BODY'
  | 'BAD_VERSION'
  | 'BAD_FLAGS'
  | 'BAD_ENTRY_TYPE'
  | 'BAD_NAME'
  | 'BAD_IV'
  | 'BAD_LENGTH'
  | 'LENGTH_EXCEEDS_FILE'
  | 'LENGTH_EXCEEDS_PARENT'
  | 'COUNT_EXCEEDS_BYTES'
  | 'NUMBER_TOO_LARGE'
  | 'SNAPSHOT_TOO_LARGE'
  | 'TOO_LARGE'
  | 'DUPLICATE_KEY'
  | 'KEY_ORDER'
  | 'PADDING'
  | 'TRAILING_BYTES'
  | 'BAD_OFFSET_TABLE'
  | 'CHUNK_GAP'
  | 'CHUNK_OVERLAP'
  | 'EMPTY_LEDGER'
  | 'BAD_TREE'
  | 'BAD_TEXT'
  | 'BAD_JSON'
  | 'BAD_BASE64'
  | 'BAD_HEX'
  | 'BAD_CERTIFICATE'
  | 'BAD_KEY'
  | 'NO_KEY'
  | 'PRIVATE_KEY'
  | 'SEVERAL_KEYS'
  | 'DUPLICATE_KID'
  | 'BAD_SHARE'
  | 'RECEIPT_MISSING'
  | 'RECEIPT_TRUNCATED'
  | 'RECEIPT_FORMAT'
  | 'CBOR_DEPTH'
  | 'CBOR_LENGTH'
  | 'CBOR_INDEFINITE'
  | 'CBOR_RESERVED'
  | 'CBOR_NON_MINIMAL'
  | 'CBOR_DUPLICATE_KEY'
  | 'CBOR_UTF8'
  | 'CBOR_TYPE'
  | 'COSE_TAG'
  | 'COSE_STRUCTURE'
  | 'COSE_LABEL_IN_BOTH'
  | 'COSE_CRIT'
  | 'COSE_PAYLOAD'
  | 'COSE_UNKNOWN_UNPROTECTED'
  | 'ALG_MISSING'
  | 'ALG_UNPROTECTED'
  | 'SIG_LENGTH'
  | 'VDS'
  | 'VDP'
  | 'MERKLE_PATH';

/** Codes of {@link VerificationError}: well-formed bytes that do not prove what they claim. */
export type VerificationCode =
  | 'GCM_TAG_MISMATCH'
  | 'COMMIT_EVIDENCE_MISMATCH'
  | 'SEQNO_MISMATCH'
  | 'VIEW_MISMATCH'
  | 'MERKLE_ROOT_MISMATCH'
  | 'TREE_MISMATCH'
  | 'LEAF_MISMATCH'
  | 'CLAIMS_DIGEST_MISMATCH'
  | 'CLAIMS_DIGEST_MISSING'
  | 'SNAPSHOT_DIGEST_MISMATCH'
  | 'EVIDENCE_MISMATCH'
  | 'NAME_MISMATCH'
  | 'NAME_EVIDENCE_MISMATCH'
  | 'EVIDENCE_NOT_AFTER_SNAPSHOT'
  | 'NOT_SNAPSHOT_EVIDENCE'
  | 'ALG_NOT_ALLOWED'
  | 'ALG_KEY_MISMATCH'
  | 'KID_MISMATCH'
  | 'SIG_INVALID'
  | 'NODE_SIGNATURE_INVALID'
  | 'NODE_UNKNOWN'
  | 'NODE_CERT_NOT_ENDORSED'
  | 'SERVICE_UNKNOWN'
  | 'UNTRUSTED_SERVICE'
  | 'NO_SIGNATURE'
  | 'CHAIN_BROKEN'
  | 'CHAIN_TOO_LONG'
  | 'SECRETS_MISSING'
  | 'ROLLBACK_REFUSED'
  | 'FORK_DETECTED'
  | 'LEDGER_BEHIND_SNAPSHOT'
  | 'LEDGER_COPIES_DIFFER'
  | 'UNSIGNED_TAIL'
  | 'EVIDENCE_REFUSED'
  | 'CROSS_CHECK_UNAVAILABLE'
  | 'CROSS_CHECK_DISAGREES';

/** Codes of {@link StorageError}: the disk, or what lies on it, did not let us. */
export type StorageCode =
  | 'NOT_FOUND'
  | 'NOT_A_DIRECTORY'
  | 'NOT_A_REGULAR_FILE'
  | 'SYMLINK_REFUSED'
  | 'HARDLINK_REFUSED'
  | 'INSECURE_MODE'
  | 'CHANGED_WHILE_READING'
  | 'READ_FAILED'
  | 'WRITE_FAILED'
  | 'SYNC_FAILED'
  | 'SYNC_UNSUPPORTED'
  | 'LOCKED'
  | 'LISTEN_FAILED'
  | 'COMMITTED_CONFLICT'
  | 'ALREADY_EXISTS'
  | 'TOO_LARGE'
  | 'QUEUE_FULL'
  | 'WORKER_DIED'
  | 'WORKER_UNAVAILABLE'
  | 'OUT_OF_MEMORY'
  | 'CLOSED';

/** Codes of {@link ConsensusError}: the host called in an order that a replicated log cannot have. */
export type ConsensusCode =
  | 'ROLLBACK_BELOW_COMMIT'
  | 'SEQNO_NOT_ASCENDING'
  | 'COMMIT_BELOW_COMMIT'
  | 'PROOF_BELOW_COMMIT'
  | 'CONFLICT'
  | 'ROLLED_BACK'
  | 'CLOSED'
  | 'RE_ENTRANT_CALL';

/** Codes of {@link DiagramError}: a chart could not be drawn. */
export type DiagramCode = 'LAYOUT_UNAVAILABLE';

/** Every code that an error of ours can have. */
export type ErrorCode =
  | FormatCode
  | VerificationCode
  | StorageCode
  | ConsensusCode
  | DiagramCode
  | 'ABORTED';

/** The base of every error that the outside world can cause; `code` is of a closed union. */
export abstract class LedgerSnapshotterError<Code extends ErrorCode = ErrorCode> extends Error {
  readonly code: Code;
  readonly file: string | undefined;
  readonly offset: number | undefined;
  readonly seqno: number | undefined;
  readonly table: string | undefined;
  readonly key: string | undefined;
  readonly actual: number | string | undefined;
  readonly expected: number | string | undefined;

  constructor(code: Code, message: string, place: ErrorPlace = {}) {
    super(message, place.cause === undefined ? undefined : { cause: place.cause });
    this.code = code;
    this.file = place.file;
    this.offset = place.offset;
    this.seqno = place.seqno;
    this.table = place.table;
    this.key = place.key;
    this.actual = place.actual;
    this.expected = place.expected;
  }
}

/** Bytes from outside do not have the shape they must have. */
export class FormatError extends LedgerSnapshotterError<FormatCode> {
  override readonly name = 'FormatError';
}

/** Well-formed bytes do not prove what they claim. */
export class VerificationError extends LedgerSnapshotterError<VerificationCode> {
  override readonly name = 'VerificationError';
}

/** A file or directory could not be read, written, synced, locked or published. */
export class StorageError extends LedgerSnapshotterError<StorageCode> {
  override readonly name = 'StorageError';
}

/** The host called the snapshotter in an order that a replicated log cannot have. */
export class ConsensusError extends LedgerSnapshotterError<ConsensusCode> {
  override readonly name = 'ConsensusError';
}

/** A chart could not be drawn. */
export class DiagramError extends LedgerSnapshotterError<DiagramCode> {
  override readonly name = 'DiagramError';
}

/** The work was aborted by its caller's signal. */
export class AbortedError extends LedgerSnapshotterError<'ABORTED'> {
  override readonly name = 'AbortedError';

  constructor(what: string) {
    super('ABORTED', `${what} was aborted`);
  }
}

/**
 * Whether what should have judged could not be asked: a thread that died, or a second opinion that is required and not
 * there. It says nothing about what was to be judged.
 */
export function isUndecided(error: unknown): boolean {
  if (error instanceof StorageError) return true;
  return error instanceof VerificationError && error.code === 'CROSS_CHECK_UNAVAILABLE';
}

/** Throws when our own reasoning was wrong; never for anything that bytes or callers can cause. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
