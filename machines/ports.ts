import { type AnyActorRef, fromPromise } from 'xstate';
import type { ErrorCode } from '../src/core/errors.ts';
import type { InclusionProof, SignatureProof } from '../src/core/proofs.ts';
import type { Digest, ReceiptForm, Seqno } from '../src/core/words.ts';

/** One generation, as every port is told of it. Bytes stay behind this name, in the engine. */
export interface GenerationRef {
  /** Number of the generation, unique within one snapshotter. */
  readonly generation: number;
  /** Seqno of the snapshot. */
  readonly seqno: Seqno;
}

/** What a generation asks its chain to do; {@link ActionOutput} is the answer of the same kind. */
export type ActionRequest =
  | { readonly kind: 'serialise' }
  | { readonly kind: 'submit-evidence'; readonly digest: Digest }
  | {
      readonly kind: 'build-receipt';
      readonly receipt: ReceiptForm;
      readonly digest: Digest;
      readonly evidenceSeqno: Seqno;
      readonly signatureSeqno: Seqno;
    };

/** The kinds of actions of a chain. */
export type ActionKind = ActionRequest['kind'];

/** What an action that was completed has made; its bytes stay in the engine. */
export type ActionOutput =
  /** The spool holds the snapshot entry: `bytes` long, with this SHA-256. */
  | { readonly kind: 'serialise'; readonly digest: Digest; readonly bytes: number }
  /** The evidence transaction was accepted under this seqno. */
  | { readonly kind: 'submit-evidence'; readonly seqno: Seqno }
  /** The receipt is ready: `bytes` long; `file` is the name to publish under. */
  | { readonly kind: 'build-receipt'; readonly file: string; readonly bytes: number };

/** An action that could not do its work says so; one that throws poisons its chain. */
export type ActionResult =
  | { readonly status: 'completed'; readonly output: ActionOutput }
  | {
      readonly status: 'failed';
      readonly kind: ActionKind;
      readonly reason: string;
      /** What should have judged could not be asked, so that nothing was refused. @default false */
      readonly isUndecided?: boolean;
    };

/** Which action is to be run, and for how manieth time. */
export interface RunActionInput extends GenerationRef {
  readonly action: ActionRequest;
  /** 1 for the first run of this action. */
  readonly attempt: number;
}

/** Which signature transaction is to be verified. */
export interface VerifySignatureInput extends GenerationRef {
  readonly receipt: ReceiptForm;
  readonly signatureSeqno: Seqno;
}

/** Which evidence is to be found in the tree of which signature transaction. */
export interface ProveEvidenceInput extends GenerationRef {
  readonly evidenceSeqno: Seqno;
  readonly signatureSeqno: Seqno;
}

/** Which spool is to be created. */
export interface OpenSpoolInput extends GenerationRef {
  /** 0 for the generation's first spool; each has a name of its own. */
  readonly attempt: number;
}

/** Under which name the spool is to be published. */
export interface PublishInput extends GenerationRef {
  readonly file: string;
}

/** `duplicate`: an identical file bears the name already; `conflict`: another one does. */
export type Published = 'published' | 'duplicate' | 'conflict';

const port = <Output, Input>(name: string) =>
  fromPromise<Output, Input>(() =>
    Promise.reject(new Error(`port ${name} is not provided: see src/snapshotter/bind-machines.ts`)),
  );

/** Effects of `ordered-tasks`. */
export const chainPorts = {
  /** Runs one action of a generation; resolves with its result, rejects only when it throws. */
  runAction: port<ActionResult, RunActionInput>('runAction'),
};

/** Effects of `generation`: both reject when the proof does not verify. */
export const proofPorts = {
  verifySignature: port<SignatureProof, VerifySignatureInput>('verifySignature'),
  proveEvidence: port<InclusionProof, ProveEvidenceInput>('proveEvidence'),
};

/**
 * Effects of `writer`, one for each file-system step.
 * **Order contract:** operations on one spool run one after another, so `discardSpool` waits for the
 * one that is under way.
 */
export const writerPorts = {
  openSpool: port<void, OpenSpoolInput>('openSpool'),
  appendReceipt: port<void, GenerationRef>('appendReceipt'),
  syncSpool: port<void, GenerationRef>('syncSpool'),
  closeSpool: port<void, GenerationRef>('closeSpool'),
  publish: port<Published, PublishInput>('publish'),
  syncDirectory: port<void, GenerationRef>('syncDirectory'),
  discardSpool: port<void, GenerationRef>('discardSpool'),
};

/** A committed snapshot by its name; nothing of it is proved. */
export interface SnapshotCandidate {
  readonly file: string;
  readonly seqno: Seqno;
  /** Whether the disk keeps less of it than its size. @default false */
  readonly isSparse?: boolean;
}

/** What there is to recover from. */
export interface RecoverySources {
  /** Newest first. */
  readonly candidates: readonly SnapshotCandidate[];
  /** Seqno that the ledger begins with; `undefined` without a ledger. */
  readonly first: Seqno | undefined;
}

/** What became of a candidate; the engine keeps what it has read of a usable one. */
export type CandidateVerdict =
  | { readonly verdict: 'usable' }
  | { readonly verdict: 'refused'; readonly code: ErrorCode; readonly reason: string };

/** Where a replay of the ledger begins. */
export interface ReplayLedgerInput {
  /** The snapshot to begin after; `undefined`: the whole ledger. */
  readonly start: SnapshotCandidate | undefined;
}

/** How far a ledger was replayed. */
export interface ReplayedLedger {
  /** Last entry that counts. */
  readonly seqno: Seqno;
  /** Last signature that holds, or the snapshot. */
  readonly verifiedUntil: Seqno;
}

/**
 * Effects of `recovery`. A candidate that cannot be used is an answer; a rejection is what no
 * other candidate could mend.
 */
export const recoveryPorts = {
  listSources: port<RecoverySources, void>('listSources'),
  checkCandidate: port<CandidateVerdict, SnapshotCandidate>('checkCandidate'),
  replayLedger: port<ReplayedLedger, ReplayLedgerInput>('replayLedger'),
};

/** The actor that a machine reports to; undefined in graph traversal, which has no parent. */
export function ownerOf(self: {
  readonly _parent?: AnyActorRef | undefined;
}): AnyActorRef | undefined {
  return self._parent;
}

/**
 * A port whose work begins in a microtask after the step that asked for it, so that no code of a host or of ours runs
 * inside a step.
 */
export function later<Input, Output>(run: (input: Input) => Promise<Output>) {
  return fromPromise<Output, Input>(async ({ input }) => {
    await Promise.resolve();
    return run(input);
  });
}
