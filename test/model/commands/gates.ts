/** Every place where the outside world answers the snapshotter, as the model and the world both name it. */
export type Port =
  | 'open'
  | 'serialise'
  | 'verify'
  | 'prove'
  | 'check'
  | 'append'
  | 'sync'
  | 'close'
  | 'publish'
  | 'dirsync'
  | 'remove';

/** What can be made to go wrong; `refuse` and `throw` are a job's, the rest the disk's. */
export type FaultKind =
  | Exclude<Port, 'serialise' | 'verify' | 'prove' | 'check' | 'publish'>
  | 'fill'
  | 'rename'
  | 'duplicate'
  | 'conflict'
  | 'serialise-throws'
  | 'check-refuses'
  | 'check-throws'
  | 'verify-throws'
  | 'freeze';

/** One port's call for one generation, by the seqno of its snapshot. */
export interface Ticket {
  readonly port: Port;
  readonly snapshotSeqno: number;
}

export const ticketKey = ({ port, snapshotSeqno }: Ticket): string => `${port} ${snapshotSeqno}`;

/**
 * Where the calls of a schedule wait until it is their turn. While they are open, every call goes through at
 * once; after a crash none ever does.
 */
export class Gates {
  readonly #waiting: { readonly ticket: Ticket; readonly go: () => void }[] = [];
  readonly #isOpen: boolean;
  #isDead = false;

  constructor({ isOpen }: { readonly isOpen: boolean }) {
    this.#isOpen = isOpen;
  }

  get waiting(): readonly Ticket[] {
    return this.#waiting.map(({ ticket }) => ticket);
  }

  pass(ticket: Ticket): Promise<void> | undefined {
    if (this.#isDead) return new Promise(() => {});
    if (this.#isOpen) return undefined;
    return new Promise((go) => this.#waiting.push({ ticket, go }));
  }

  /** Lets the call at `index` of {@link Gates.waiting} go on. */
  release(index: number): void {
    const [released] = this.#waiting.splice(index, 1);
    released?.go();
  }

  /** The process is gone: nothing of it goes on. */
  kill(): void {
    this.#isDead = true;
    this.#waiting.length = 0;
  }
}

/** Faults that wait for their call; each fires once. */
export class Faults {
  #armed: string[] = [];

  get pending(): readonly string[] {
    return [...this.#armed].sort();
  }

  arm(kind: FaultKind, snapshotSeqno: number): void {
    this.#armed.push(`${kind} ${snapshotSeqno}`);
  }

  /** Whether this call must fail. */
  take(kind: FaultKind, snapshotSeqno: number): boolean {
    const index = this.#armed.indexOf(`${kind} ${snapshotSeqno}`);
    if (index < 0) return false;
    this.#armed.splice(index, 1);
    return true;
  }

  clear(): void {
    this.#armed = [];
  }
}
