import type { DoneActorEvent, ErrorActorEvent } from 'xstate';
import type { InclusionProof, SignatureProof } from '../src/core/proofs.ts';
import type {
  Digest,
  Outcome,
  PointEnd,
  ReceiptForm,
  Seqno,
  WriterStep,
} from '../src/core/words.ts';
import type { ActionKind, ActionOutput, ActionRequest, GenerationRef } from './ports.ts';

/** Facts of the ledger, which the snapshotter hands on to its generations. */
export type LedgerEvent =
  /** The evidence transaction `seqno` says that the snapshot of `snapshotSeqno` has this digest. */
  | {
      readonly type: 'evidence.recorded';
      readonly seqno: Seqno;
      readonly snapshotSeqno: Seqno;
      readonly digest: Digest;
    }
  /** The signature of signature transaction `seqno` is at hand; its tree follows. */
  | { readonly type: 'signature.recorded'; readonly seqno: Seqno }
  /** The serialised tree of signature transaction `seqno` is at hand. */
  | { readonly type: 'tree.recorded'; readonly seqno: Seqno }
  /** Everything up to and with `seqno` is committed. */
  | { readonly type: 'commit.advanced'; readonly seqno: Seqno; readonly primary: boolean }
  /** Everything above `seqno` is gone from the ledger. */
  | { readonly type: 'rollback.occurred'; readonly seqno: Seqno };

/** What a chain of actions is asked, and answers. */
export type ChainRequest =
  | { readonly type: 'action.requested'; readonly action: ActionRequest }
  | { readonly type: 'pause.requested' }
  | { readonly type: 'resume.requested' }
  | { readonly type: 'cancel.requested' };

/** What a chain tells its generation after each action. */
export type ChainReport =
  | { readonly type: 'action.completed'; readonly output: ActionOutput }
  | {
      readonly type: 'action.failed';
      readonly kind: ActionKind;
      readonly reason: string;
      readonly isUndecided?: boolean;
    };

/** Why a chain has ended. */
export interface ChainOutput {
  readonly status: 'cancelled' | 'poisoned';
  readonly reason: string;
  /** Actions that never ran to their end. */
  readonly unfinished: number;
}

/** What a writer is asked, and answers. */
export type WriterRequest =
  /** The worker has filled the spool that was opened last. */
  | { readonly type: 'spool.filled' }
  /** The receipt can be appended; publish under this name. */
  | { readonly type: 'receipt.ready'; readonly file: string }
  | { readonly type: 'discard.requested' };

/** A spool waits to be filled: the first one, or another after one that failed. */
export type WriterReport = { readonly type: 'spool.opened' };

/** What became of the file. */
export interface WriterOutput {
  readonly status: 'durable' | 'not-durable' | 'duplicate' | 'conflict' | 'failed' | 'discarded';
  /** The published name. */
  readonly file: string | undefined;
  /** The step that failed. */
  readonly step: WriterStep | undefined;
  readonly reason: string | undefined;
  /** True when the spool could not be unlinked and is left to the sweep. */
  readonly leftover: boolean;
}

/** Everything that a generation is told. */
export type GenerationEvent =
  | LedgerEvent
  | ChainReport
  | WriterReport
  | { readonly type: 'cancel.requested'; readonly reason?: string | undefined }
  | DoneActorEvent<ChainOutput, 'chain'>
  | ErrorActorEvent<unknown, 'chain'>
  | DoneActorEvent<WriterOutput, 'writer'>
  | ErrorActorEvent<unknown, 'writer'>
  | DoneActorEvent<SignatureProof, 'verifySignature'>
  | ErrorActorEvent<unknown, 'verifySignature'>
  | DoneActorEvent<InclusionProof, 'proveEvidence'>
  | ErrorActorEvent<unknown, 'proveEvidence'>;

/** How a generation ended, with what is known of why. */
export interface GenerationOutput extends GenerationRef {
  readonly outcome: Outcome;
  readonly reason: string | undefined;
  readonly digest: Digest | undefined;
  readonly evidenceSeqno: Seqno | undefined;
  readonly signatureSeqno: Seqno | undefined;
  /** The published name, when there is one. */
  readonly file: string | undefined;
  /** The writer's step that failed, with outcome `persist-failed`. */
  readonly step: WriterStep | undefined;
  /** Evidence of this snapshot that was refused, being early, repeated or of another digest. */
  readonly refusedEvidence: number;
  /** True when a spool was left to the sweep. */
  readonly leftover: boolean;
}

/** Fixed ids of a snapshotter's children: unique ones would leak (XState memoises by event type). */
export type SlotId = `slot:${number}`;

/** Everything that the snapshotter is told, by the engine alone. */
export type SnapshotterEvent =
  | LedgerEvent
  /** A signature transaction is being written at `nowMs`: is its seqno a snapshot point? */
  | { readonly type: 'committable.recorded'; readonly seqno: Seqno; readonly nowMs: number }
  /** The ledger has committed that the snapshot at `seqno` was scheduled at `timestampMs`, by any node. */
  | { readonly type: 'status.recorded'; readonly seqno: Seqno; readonly timestampMs: number }
  /** The state at a due point is frozen, or could not be. */
  | { readonly type: 'freeze.taken'; readonly seqno: Seqno }
  | { readonly type: 'freeze.failed'; readonly seqno: Seqno; readonly reason: string }
  /** The next signature is a point whatever the interval; `receipt` overrides the default form. */
  | { readonly type: 'snapshot.forced'; readonly receipt: ReceiptForm | undefined }
  | { readonly type: 'snapshots.enabled' }
  | { readonly type: 'snapshots.disabled' }
  | { readonly type: 'generation.cancelled'; readonly generation: number }
  /** With a reason where the ledger has failed: what lives and what waits is told why. */
  | { readonly type: 'shutdown.requested'; readonly reason?: string }
  | DoneActorEvent<GenerationOutput, SlotId>
  | ErrorActorEvent<unknown, SlotId>;

/** Why a due point gave no snapshot, where {@link PointEnd} alone does not say. */
export type SkipReason = 'limit' | 'disabled' | 'not-primary' | 'freeze-failed';

/** What a snapshotter tells the world. */
export type SnapshotterEmitted =
  | {
      readonly type: 'point.ended';
      readonly seqno: Seqno;
      readonly end: PointEnd;
      readonly reason: SkipReason | undefined;
    }
  | ({ readonly type: 'generation.started' } & GenerationRef)
  | ({ readonly type: 'generation.ended' } & GenerationOutput)
  | { readonly type: 'event.refused'; readonly event: string; readonly seqno: Seqno };
