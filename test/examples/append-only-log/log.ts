import type { FileHandle } from 'node:fs/promises';
import { signRootSignature } from '../../../src/host-formats.ts';
import {
  type Digest,
  type Seqno,
  type Snapshotter,
  type TxId,
  seqno as toSeqno,
  view as toView,
} from '../../../src/index.ts';
import { type Entry, type EntryProof, proofOf } from './entry.ts';
import type { LogKeys, LogState } from './log-state.ts';

export interface LogOptions extends LogKeys {
  readonly directory: string;
  /** Transactions between two snapshots. */
  readonly snapshotTxInterval: number;
  /** Transactions after which a signature follows. */
  readonly signatureTxInterval: number;
}

/** What {@link AppendOnlyLog} is made of. */
export interface LogParts extends LogOptions {
  readonly file: FileHandle;
  readonly state: LogState;
  readonly snapshotter: Snapshotter;
  /** Highest that the file has. */
  readonly view: number;
}

/**
 * Puts things in order: makes each entry, and tells the snapshotter of what it must know, when it must.
 */
export class AppendOnlyLog {
  readonly #parts: LogParts;
  readonly #state: LogState;
  readonly #snapshotter: Snapshotter;
  /** None is used twice: what was rolled back, or lost, must not come again with the same name. */
  #view: number;
  #order: Promise<unknown> = Promise.resolve();
  #failure: unknown;

  /** Made by `openLog` only. */
  constructor(parts: LogParts) {
    this.#parts = parts;
    this.#state = parts.state;
    this.#snapshotter = parts.snapshotter;
    this.#view = Math.max(parts.view, 1) + 1;
  }

  get snapshots(): Pick<Snapshotter, 'live' | 'subscribe' | 'force'> {
    return this.#snapshotter;
  }

  get position(): { readonly last: Seqno; readonly committed: Seqno } {
    return { last: this.#state.last, committed: this.#state.committed };
  }

  get(key: string): string | undefined {
    return this.#state.records.get(key);
  }

  /** Sets keys, or removes those that are null, in one transaction; resolves when it is on disk. */
  append(put: Readonly<Record<string, string | null>>): Promise<TxId> {
    return this.#inOrder(async () => {
      const { txId } = await this.#write({ put });
      await this.#signIfDue();
      return txId;
    });
  }

  /** Puts a snapshot's digest into the log, and tells the snapshotter before any signature covers it. */
  submitEvidence(
    evidence: { readonly snapshotSeqno: Seqno; readonly digest: Digest },
    signal: AbortSignal,
  ): Promise<{ readonly seqno: Seqno } | 'refused'> {
    return this.#inOrder(async () => {
      if (signal.aborted) return 'refused';
      const { txId, writeSetDigest, commitEvidence } = await this.#write({ evidence });
      const recorded = { ...evidence, writeSetDigest, commitEvidence };
      this.#snapshotter.recordEvidence(txId.seqno, recorded);
      await this.#signIfDue();
      return { seqno: txId.seqno };
    });
  }

  /** Signs and commits what is not signed yet. */
  sign(): Promise<void> {
    return this.#inOrder(() => this.#sign());
  }

  /**
   * Takes back every transaction above `seqno`, none of which may be committed.
   * @throws ConsensusError `ROLLBACK_BELOW_COMMIT`
   */
  rollback(seqno: Seqno): Promise<void> {
    return this.#inOrder(async () => {
      if (seqno > this.#state.last) throw new RangeError(`${seqno} is not in the log yet`);
      this.#snapshotter.rollback(seqno);
      this.#state.rollback(seqno);
      this.#view++;
      // The file only grows: on disk it is this line that takes the place of those that are gone.
      await this.#write({});
    });
  }

  /** Signs what is there, and lets go of everything. */
  async close(): Promise<void> {
    try {
      await this.sign();
    } finally {
      this.#failure ??= new Error('the log is closed');
      await this.#snapshotter.close();
      await this.#inOrder(() => this.#parts.file.close());
    }
  }

  async #signIfDue(): Promise<void> {
    const { last, committed } = this.#state;
    if (last - committed >= this.#parts.signatureTxInterval) await this.#sign();
  }

  async #sign(): Promise<void> {
    const { last, committed, tree } = this.#state;
    if (last === committed) return;
    const txId = { view: toView(this.#view), seqno: toSeqno(last + 1) };
    // Answers true at a snapshot point: a log that is many files ends one here.
    this.#snapshotter.recordCommittable(txId.seqno);
    const bytes = tree.serialise({ flushed: committed });
    const claims = { iat: Math.floor(Date.now() / 1000), iss: 'append-only-log', sub: 'log', txId };
    const cose = await signRootSignature(tree.root(), claims, this.#parts.serviceKey);
    await this.#write({ signature: { cose: base64(cose), tree: base64(bytes) } });
    // Between these two and the entry nothing else is applied: at a snapshot point the state is frozen now.
    this.#snapshotter.recordSignature(txId.seqno, cose);
    this.#snapshotter.recordTree(txId.seqno, bytes);
    this.#state.commit(txId.seqno);
    this.#snapshotter.commit(txId.seqno, { primary: true });
  }

  /** Makes the next entry, and applies it once it is on disk. */
  async #write(content: Omit<Entry, keyof TxId>): Promise<EntryProof & { readonly txId: TxId }> {
    if (this.#failure !== undefined) throw this.#failure;
    const txId = { view: toView(this.#view), seqno: toSeqno(this.#state.last + 1) };
    const entry = { ...txId, ...content };
    const bytes = new Uint8Array(Buffer.from(JSON.stringify(entry)));
    try {
      await this.#parts.file.appendFile(Buffer.concat([bytes, Buffer.from('\n')]));
      await this.#parts.file.datasync();
    } catch (error) {
      // What is on disk now is not known: nothing may follow it. The next start sees.
      this.#failure = error;
      throw error;
    }
    const proof = proofOf({ entry, bytes }, this.#parts.secret);
    this.#state.apply(entry, proof.leaf);
    return { ...proof, txId };
  }

  /** One thing after the other, whoever asks: an entry, its leaf and its signature belong together. */
  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#order.then(work);
    this.#order = done.catch(() => undefined);
    return done;
  }
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
