import type { Consensus, ConsensusOptions, ViewRecord } from '../../../consensus/consensus.ts';
import { StorageError } from '../../../core/errors.ts';
import { seqno as toSeqno, view as toView, type View } from '../../../core/words.ts';
import { check, checkSame } from '../expectations.ts';
import type { Closable, ContractCase } from '../framework.ts';

/** How a consensus is started: on a ledger that is new, or on one that was there before. */
export interface ConsensusStart extends ConsensusOptions {
  /** View of the ledger's last entry. */
  readonly lastView: View;
  /** True for a service that begins now: `lastView` is its first and is used on. */
  readonly isNew: boolean;
}

/** A consensus under test. */
export interface ConsensusDriver extends Closable {
  /** Starts the node's consensus, as its primary; its views are recorded in `views`, which the test owns. */
  start(options: ConsensusStart): Promise<Consensus>;
  /** Resolves when everything has been told that can be, other nodes having answered. @default at once */
  settle?(): Promise<void>;
}

/** The rules of a {@link Consensus}, of the node that is its primary. */
export const consensusRules = {
  K1: 'nothing is committed before this node holds it durably',
  K2: 'what is committed is a signature, the last one that is durable',
  K3: 'commit only goes forward, from what was committed at the start on',
  K4: 'nothing is told from inside replicate',
  K5: 'what is durable up to a signature becomes committed',
  K6: 'a view is recorded durably before it is used, or is not used',
  K7: 'no view is used twice, whatever was lost, failed or taken back',
  K8: 'a view stays until the next one begins, and the node that orders is the primary in each',
  K9: 'what was abandoned is never committed; what takes its place is, once it is durable itself',
  K10: 'nothing that is committed is given up',
} as const;

export type ConsensusRule = keyof typeof consensusRules;

export type ConsensusCase = ContractCase<ConsensusDriver, never, ConsensusRule>;

/** A record of views in memory, whose writes can be held back or fail; it notes what was durable when. */
class TestViews implements ViewRecord {
  recorded: View | undefined;
  readonly writes: View[] = [];
  held: Promise<void> = Promise.resolve();
  /** `lost`: the write fails and is lost. `kept`: it fails, and is there all the same. */
  failure: 'none' | 'lost' | 'kept' = 'none';

  async read(): Promise<View | undefined> {
    return this.recorded;
  }

  async write(view: View): Promise<void> {
    this.writes.push(view);
    await this.held;
    if (this.failure !== 'lost') this.recorded = view;
    if (this.failure !== 'none') {
      throw new StorageError('WRITE_FAILED', 'the record of views could not be written');
    }
  }

  /** Holds every write back until it is let go. */
  hold(): () => void {
    let release = () => {};
    this.held = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }
}

/** A node and its ledger around a consensus, as far as that is concerned. */
export class ConsensusRun {
  readonly #driver: ConsensusDriver;
  readonly views = new TestViews();
  /** What was told to be committed, in order, over every life of the node. */
  readonly committed: number[] = [];
  /** Views that the node has written entries in, once for each start or rollback that began one. */
  readonly used: number[] = [];
  /** Of each entry whether it is a signature; item i is of seqno i + 1. */
  readonly #entries: boolean[] = [];
  #durable = 0;
  #isReplicating = false;
  #consensus: Consensus | undefined;
  /** Counts the starts, so that a former life's reports are told from this one's. */
  #life = 0;
  readonly #wrongs: string[] = [];

  constructor(driver: ConsensusDriver) {
    this.#driver = driver;
  }

  get consensus(): Consensus {
    check(this.#consensus !== undefined, 'the consensus has not started');
    return this.#consensus;
  }

  get durable(): number {
    return this.#durable;
  }

  get last(): number {
    return this.#entries.length;
  }

  get lastCommitted(): number {
    return this.committed.at(-1) ?? 0;
  }

  /** The last signature that is durable; what is committed when all is told. */
  get lastDurableSignature(): number {
    return this.#entries.slice(0, this.#durable).lastIndexOf(true) + 1;
  }

  async start({ isNew = true, lastView = this.used.at(-1) ?? 2 } = {}): Promise<void> {
    this.#life += 1;
    const life = this.#life;
    // A crash takes what was not durable.
    this.#entries.length = Math.max(this.#durable, this.lastCommitted);
    this.#consensus = await this.#driver.start({
      committed: toSeqno(this.lastCommitted),
      lastView: toView(lastView),
      isNew,
      views: this.views,
      onCommitted: (seqno) => {
        if (life === this.#life) this.#tell(seqno);
      },
    });
    this.#use();
  }

  #use(): void {
    const { view } = this.consensus;
    this.used.push(view);
    checkSame(this.views.recorded, view, 'the recorded view, when a view begins to be used');
  }

  #tell(seqno: number): void {
    const wrong = (text: string) => this.#wrongs.push(`commit of ${seqno} ${text}`);
    if (this.#isReplicating) wrong('was told from inside replicate');
    if (seqno > this.#durable) wrong(`was told while ${this.#durable} was durable`);
    if (seqno <= this.lastCommitted) wrong(`was told after that of ${this.lastCommitted}`);
    if (this.#entries[seqno - 1] !== true) wrong('is of no signature that is in the ledger');
    this.committed.push(seqno);
  }

  /** Replicates entries, one a letter: `e` an entry, `s` a signature. */
  replicate(letters: string): void {
    for (const letter of letters) {
      const isSignature = letter === 's';
      this.#entries.push(isSignature);
      this.#isReplicating = true;
      const bytes = Uint8Array.of(this.last);
      this.consensus.replicate({ seqno: toSeqno(this.last), bytes, isSignature });
      this.#isReplicating = false;
    }
  }

  /** The ledger holds everything up to `seqno`. */
  persist(seqno: number): void {
    // What a rollback has taken back may have been on its way to the disk.
    this.#durable = Math.max(this.#durable, Math.min(seqno, this.last));
    this.consensus.persisted(toSeqno(seqno));
  }

  /** Rolls back, as the node does: consensus and ledger together. */
  async abandonAbove(seqno: number): Promise<void> {
    this.#entries.length = seqno;
    this.#durable = Math.min(this.#durable, seqno);
    await this.consensus.abandonAbove(toSeqno(seqno));
    this.#use();
  }

  async settle(): Promise<void> {
    await this.#driver.settle?.();
  }

  /** @throws ContractError when anything was told that must not be */
  check(): void {
    checkSame(this.#wrongs, [], 'what was told wrongly');
    checkSame(this.used, [...new Set(this.used)], 'the views that were used');
    checkSame(
      this.used,
      this.used.toSorted((one, other) => one - other),
      'the views in order',
    );
  }
}
