import type { LedgerSnapshotterError } from '../core/errors.ts';
import type { Digest, Outcome, Seqno } from '../core/words.ts';
import type { ChunkOverlap } from '../files/ledger/chunk-copies.ts';
import type { IgnoredFile } from '../files/ledger/ledger-directory.ts';
import type { TornTail } from '../files/ledger/torn-tail.ts';
import type { ProducerProfile } from '../formats/snapshot/snapshot-body.ts';
import type { CrossCheckVerdict } from '../jobs/second-opinion.ts';
import type { LedgerIdentity } from '../ledger/ledger-identities.ts';
import type { OtherSignatureCount } from '../ledger/other-signatures.ts';
import type { SteeringEntry } from '../ledger/signed-ledger.ts';
import type { Checked, CheckedRun, ReplayLevel, SeqnoRange } from './level.ts';

/**
 * `identical`: our snapshot has the digest that the ledger vouches for. `public-identical`: without the
 * secrets, the public half is that of an existing file whose digest the ledger vouches for.
 * `not-comparable`: without the secrets and without such a file. `different`: anything else.
 */
export type ReplayResult = 'identical' | 'public-identical' | 'not-comparable' | 'different';

/** What became of one snapshot that the ledger vouches for. */
export interface ReplayedSnapshot {
  readonly seqno: Seqno;
  readonly evidenceSeqno: Seqno;
  /** What we came out with; without the secrets, of the existing file. */
  readonly digest: Digest | undefined;
  /** What the ledger vouches for. */
  readonly evidence: Digest;
  readonly result: ReplayResult;
  readonly profile: ProducerProfile | undefined;
  /** What the file carries; `none` also where there is no file. */
  readonly receipt: 'json' | 'cose' | 'none';
  /** Name of the published file, or of the identical one that was there. */
  readonly file: string | undefined;
  /** How the generation ended; `undefined` where there was none. */
  readonly outcome: Outcome | undefined;
  readonly reason: string | undefined;
}

/** Why a snapshot could not be compared that needs what the members' keys open. */
export const noSecretsReason = 'the ledger secrets are missing: give the members’ keys';

/** The snapshot that a replay started from. */
export interface ReplayedFrom {
  readonly file: string;
  readonly seqno: Seqno;
  /** Where its evidence is, by its receipt. */
  readonly evidenceSeqno: Seqno;
  /** Whether the ledger has evidence of it there, so that it is among the snapshots. */
  readonly isCompared: boolean;
}

/** A replay in numbers. */
export interface ReplaySummary {
  readonly transactions: number;
  /** Last seqno under a signature that holds. */
  readonly verifiedUntil: Seqno;
  readonly nodeSignatures: number;
  readonly coseSignatures: number;
  /** Private domains that were not empty, and decrypted. */
  readonly privateDomains: number;
  readonly evidences: number;
  readonly identical: number;
}

/** What a replay found out. */
export interface ReplayReport {
  /** Ascending by evidence. */
  readonly snapshots: readonly ReplayedSnapshot[];
  readonly summary: ReplaySummary;
  /** Signatures of other identities than the classical one, which alone decides; those of a hybrid service. */
  readonly otherSignatures: readonly OtherSignatureCount[];
  /** Those of them of which something could not be verified: `PQ` before Node.js 24. */
  readonly unverified: readonly string[];
  readonly level: ReplayLevel;
  /** What was checked of the ledger; of its snapshots `summary` says it. */
  readonly checked: Checked;
  /** The parts of the ledger that were read, each without a gap. */
  readonly runs: readonly CheckedRun[];
  /** What is missing between them. */
  readonly gaps: readonly SeqnoRange[];
  /** Files of the ledger's directories that were not read as part of it. */
  readonly passedOver: readonly IgnoredFile[];
  /** Files that hold the same seqnos, which were compared byte for byte. */
  readonly overlaps: readonly ChunkOverlap[];
  /** What a crash left behind the last entry of the last open chunk, and was passed over. */
  readonly torn: TornTail | undefined;
  /**
   * Existing snapshots that nothing in what was read vouches for; `undefined` without any to compare with, and where
   * one snapshot alone was asked for.
   */
  readonly notCompared: readonly string[] | undefined;
  /** `undefined` without one, and where another snapshot alone was asked for. */
  readonly from: ReplayedFrom | undefined;
  /** Whose the ledger is, in its order, as far as its signatures cover it. */
  readonly identities: readonly LedgerIdentity[];
  /** Whether a pinned identity made the last signature, or endorsements lead from one to who did. */
  readonly trusted: boolean;
  /**
   * The first entry above the last signature that steers verification: then nothing above that signature was replayed.
   */
  readonly unsigned: SteeringEntry | undefined;
  /** What the self-test of cose-js came to; `off` also where no COSE receipt came out of the ledger. */
  readonly crossCheck: CrossCheckVerdict;
  /** Why the ledger could not be verified to its end. */
  readonly failure: LedgerSnapshotterError | undefined;
}
