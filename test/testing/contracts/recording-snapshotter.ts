import type { Seqno } from '../../../src/core/words.ts';
import type { Snapshotter } from '../../../src/snapshotter/create-snapshotter.ts';
import type {
  EvidenceRecorder,
  RecordedFact,
} from '../../../src/testing/contracts/evidence-log-driver.ts';

/** What a host told of one signature transaction. */
interface ToldSignature {
  readonly signature: Uint8Array;
  readonly tree: Uint8Array;
}

/** A snapshotter that takes no snapshot, and notes what its host tells. */
export class RecordingSnapshotter implements Snapshotter {
  readonly live = [];
  readonly isOpen = true;
  readonly crossCheck = Promise.resolve({ status: 'off' } as const);
  readonly #recorder: EvidenceRecorder | undefined;
  readonly #signatures = new Map<Seqno, Uint8Array>();
  readonly #trees = new Map<Seqno, Uint8Array>();
  /** Seqno of the last signature that was told. */
  lastSignature: Seqno | undefined;

  constructor(recorder?: EvidenceRecorder) {
    this.#recorder = recorder;
  }

  /** What was told of the signature at `seqno`. */
  toldOf(seqno: Seqno | undefined): ToldSignature {
    const [signature, tree] = [this.#signatures, this.#trees].map(
      (told) => seqno !== undefined && told.get(seqno),
    );
    if (!signature || !tree) throw new Error(`no signature was told of ${seqno}`);
    return { signature, tree };
  }

  recordCommittable(): boolean {
    return false;
  }

  recordEvidence(seqno: Seqno, evidence: RecordedFact): void {
    this.#recorder?.recordEvidence(seqno, evidence);
  }

  recordSignature(seqno: Seqno, signature: Uint8Array): void {
    this.lastSignature = seqno;
    this.#signatures.set(seqno, signature);
  }

  recordTree(seqno: Seqno, tree: Uint8Array): void {
    this.#trees.set(seqno, tree);
  }

  recordStatus(): void {}
  commit(): void {}
  rollback(): void {}
  force(): void {}
  enable(): void {}
  disable(): void {}
  cancel(): void {}
  fail(): void {}

  async untilIdle(): Promise<void> {}

  inspect(): () => void {
    return () => {};
  }

  measure(): () => void {
    return () => {};
  }

  subscribe(): () => void {
    return () => {};
  }

  prune(): Promise<never> {
    return Promise.reject(new Error('there is nothing to prune'));
  }

  async close(): Promise<void> {}
}
