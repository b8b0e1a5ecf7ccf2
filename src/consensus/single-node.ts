import { type Seqno, view as toView, type View } from '../core/words.ts';
import type { Consensus, ConsensusOptions, LogEntry } from './consensus.ts';

export interface SingleNodeOptions extends ConsensusOptions {
  /** View of the ledger's last entry. */
  readonly lastView: View;
  /** True for a service that begins now: its first view is used on. */
  readonly isNew: boolean;
}

/**
 * The consensus of one node with itself: a signature is committed once this node's ledger holds it
 * durably. Every start but the first begins a new view.
 */
export class SingleNode implements Consensus {
  readonly isPrimary = true;
  readonly #options: SingleNodeOptions;
  /** Signatures that are not committed, ascending. */
  #signatures: Seqno[] = [];
  #view: View;

  private constructor(options: SingleNodeOptions, view: View) {
    this.#options = options;
    this.#view = view;
  }

  /** Begins the view, durably. @throws StorageError when it could not be recorded */
  static async start(options: SingleNodeOptions): Promise<SingleNode> {
    const { lastView, isNew, views } = options;
    const used = Math.max(lastView, (await views.read()) ?? 0);
    const view = isNew ? lastView : toView(used + 1);
    await views.write(view);
    return new SingleNode(options, view);
  }

  get view(): View {
    return this.#view;
  }

  replicate({ seqno, isSignature }: LogEntry): void {
    if (isSignature) this.#signatures.push(seqno);
  }

  persisted(seqno: Seqno): void {
    const committed = this.#signatures.findLast((signature) => signature <= seqno);
    if (committed === undefined) return;
    this.#signatures = this.#signatures.filter((signature) => signature > seqno);
    this.#options.onCommitted(committed);
  }

  async abandonAbove(seqno: Seqno): Promise<void> {
    this.#signatures = this.#signatures.filter((signature) => signature <= seqno);
    const view = toView(this.#view + 1);
    await this.#options.views.write(view);
    this.#view = view;
  }
}
