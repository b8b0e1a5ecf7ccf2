import type { KeyObject } from 'node:crypto';
import type { LedgerSnapshotterError } from '../core/errors.ts';
import type { FrozenTable, Logger } from '../core/host-ports.ts';
import type { Digest, Seqno, View } from '../core/words.ts';
import type { LedgerEnd } from '../files/ledger/ledger-writer.ts';
import type { TornTail } from '../files/ledger/torn-tail.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import type { LedgerSecrets } from '../formats/keys/ledger-secrets.ts';
import type { MerkleTree } from '../formats/merkle/merkle-tree.ts';
import type { InspectObserver } from '../inspect/guarded.ts';
import type { Environment } from '../jobs/environment.ts';
import type { OtherSignatureCount } from '../ledger/other-signatures.ts';
import type { UnsignedTail } from '../ledger/unsigned-tail.ts';
import type { LedgerStore } from '../store/ledger-store.ts';
import type { RecoveredSnapshot, RefusedSnapshot } from '../verification/verdicts.ts';

/** What a state is brought back from, and who must vouch for it. */
export interface RecoverOptions {
  /** Directory of the ledger's chunks; one that is missing or has none leaves the snapshots alone. */
  readonly ledger: string;
  /** Other directories of the same ledger, as CCF's `read_only_directories`: their committed chunks. @default none */
  readonly readOnlyLedgers?: readonly string[] | undefined;
  /** Directory of snapshots. @default none: the whole ledger is replayed */
  readonly snapshots?: string | undefined;
  /**
   * The pinned service identities. Given any, one of them must vouch for the snapshot, itself or through
   * endorsements in the ledger, and for the last signature.
   * @default none: what verifies is not trusted
   */
  readonly services?: readonly (KeyObject | Certificate)[];
  /** Members' RSA private keys, whose shares open the ledger secrets. @default none: public state only */
  readonly memberKeys?: readonly KeyObject[];
  /** Called after each entry. */
  readonly onProgress?: (progress: { readonly seqno: Seqno; readonly last: Seqno }) => void;
  /** Called for each snapshot that cannot be used, newest first. */
  readonly onRefused?: (snapshot: RefusedSnapshot) => void;
  /** Called for each way in which others could change a snapshot that is looked at, or the directory. */
  readonly onWarning?: ((warning: LedgerSnapshotterError) => void) | undefined;
  /** Oldest state that is let pass, by its last seqno: an older one may be a rollback. @default 0 */
  readonly minSeqno?: number | undefined;
  /** Largest snapshot file that is read, in bytes. @default 256 GiB */
  readonly snapshotBytesMax?: number | undefined;
  /**
   * Refuses snapshots that others could change: with a hard link, or where the file or its directory may be written by
   * its group or by everybody. @default false: `onWarning` and the log say so
   */
  readonly strict?: boolean | undefined;
  /** Sees the recovery's actor. */
  readonly inspect?: InspectObserver | undefined;
  readonly logger?: Logger | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly environment?: Partial<Environment>;
}

/** How far a state was recovered, and what vouches for it. */
export interface RecoveryReport {
  /** Last entry that counts, and its view. */
  readonly seqno: Seqno;
  readonly view: View;
  /** Last signature whose root and signatures hold; the snapshot's seqno where none follows it, else 0. */
  readonly verifiedUntil: Seqno;
  /** Whether a pinned identity vouches for the state up to `verifiedUntil`. */
  readonly trusted: boolean;
  /** Merkle root over all leaves up to `seqno`. */
  readonly root: Digest;
  /** `undefined`: the whole ledger was replayed. */
  readonly snapshot: RecoveredSnapshot | undefined;
  /** Newest first. */
  readonly refused: readonly RefusedSnapshot[];
  /** Entries that were replayed. */
  readonly transactions: number;
  readonly nodeSignatures: number;
  readonly coseSignatures: number;
  /** Rows of other identities than the classical one, which alone decides; those of a hybrid service. */
  readonly otherSignatures: readonly OtherSignatureCount[];
  /** Those of them of which something could not be verified: `PQ` before Node.js 24. */
  readonly unverified: readonly string[];
  /** False when private data stayed closed, for want of a secret. */
  readonly isComplete: boolean;
  /** What a crash left behind the last entry of the last open chunk, and was passed over. */
  readonly torn: TornTail | undefined;
  /** Entries behind the last signature that were not believed, since one of them steers verification. */
  readonly unsigned: UnsignedTail | undefined;
}

/** A state that was recovered, and what vouches for it. */
export interface Recovered extends RecoveryReport {
  /** The state by the names of its tables, frozen. */
  readonly tables: ReadonlyMap<string, FrozenTable>;
}

/** A recovered state with all that is needed to go on from it. */
export interface RecoveredLedger extends RecoveryReport {
  /** The state after `seqno`; nothing can be rolled back. */
  readonly store: LedgerStore;
  /** The leaves up to `seqno`; after a snapshot, as many as its tree had. */
  readonly tree: MerkleTree;
  /** Item i = first seqno of view i + 1. */
  readonly viewHistory: readonly number[];
  readonly secrets: LedgerSecrets;
  /** The service's identity in force. */
  readonly service: Certificate | undefined;
  readonly end: LedgerEnd;
  /** Snapshot files that do not verify, whoever is trusted, by their names. */
  readonly defects: ReadonlyMap<string, FileDefect>;
}

/** What is wrong with a file, whoever is trusted. */
export interface FileDefect {
  /** Of the file that was read, see `FileStat.identity`: of any other nothing is known. */
  readonly identity: string | undefined;
  readonly error: LedgerSnapshotterError;
}
