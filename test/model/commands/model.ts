import { Faults, type Port, type Ticket, ticketKey } from './gates.ts';
import { ModelGeneration, type SignatureTruth } from './model-generation.ts';
import { wallStartMs } from './simulated-clock.ts';
import type { Settings, Surroundings } from './surroundings.ts';

interface ModelPoint {
  readonly seqno: number;
  readonly forced: boolean;
  readonly digest: string | undefined;
  readonly recordedMs: number;
}

interface ModelTicket extends Ticket {
  readonly of: ModelGeneration;
  readonly turn: number;
}

/** How the host's log takes evidence that is submitted to it from now on. */
export type Policy = 'accept' | 'hold' | 'refuse' | 'throw';

export interface ModelStart {
  readonly committed: number;
  readonly baseline: number;
  readonly files: Iterable<string>;
}

/** Points that wait for commit, at most. */
const pointsMax = 8;

/**
 * What a snapshotter must do, said without a chart: which signatures are points, what becomes of each, which
 * generations live and how far they are, what stands on the disk.
 */
export class Model implements Surroundings {
  readonly settings: Settings;
  readonly faults = new Faults();
  readonly files: Surroundings['files'];
  readonly #isOpen: boolean;
  generations: ModelGeneration[] = [];
  points: ModelPoint[] = [];
  committed: number;
  baseline: number;
  #baselineMs = wallStartMs;
  #wallMs = wallStartMs;
  isForced = false;
  isEnabled = true;
  isClosing = false;
  policy: Policy = 'accept';
  /** Seqno that a submission which is taken is answered with. */
  nextSeqno: () => number = () => 1;
  #elapsedMs = 0;
  #events: string[] = [];
  #tickets: ModelTicket[] = [];
  #turn = 0;
  readonly #lock: ModelGeneration[] = [];
  #started = 0;

  constructor(settings: Settings, start: ModelStart, { isOpen }: { readonly isOpen: boolean }) {
    this.settings = settings;
    this.committed = start.committed;
    this.baseline = start.baseline;
    this.files = new Map([...start.files].map((name) => [name, 'durable']));
    this.#isOpen = isOpen;
  }

  get isClosed(): boolean {
    return this.isClosing && this.generations.length === 0;
  }

  get tickets(): readonly Ticket[] {
    return this.#tickets;
  }

  /** States that are held frozen. */
  get held(): number {
    return (
      this.points.filter(({ digest }) => digest !== undefined).length + this.generations.length
    );
  }

  takeEvents(): readonly string[] {
    const events = this.#events.sort();
    this.#events = [];
    return events;
  }

  /** Whether the signature transaction at `seqno` is a snapshot point. */
  committable(seqno: number): boolean {
    if (this.isClosing) return false;
    if (seqno <= this.committed || seqno <= (this.points.at(-1)?.seqno ?? 0)) {
      this.#tell(`refused committable.recorded ${seqno}`);
      return false;
    }
    const isDue = this.#intervalPassed(seqno);
    // A wall clock that was set back does not hold up what comes after this.
    this.#baselineMs = Math.min(this.#baselineMs, this.#wallMs);
    if (!isDue && !this.isForced) return false;
    if (this.points.length === pointsMax) this.#endPoint(this.points.pop(), 'coalesced');
    const recordedMs = this.#wallMs;
    this.points.push({ seqno, forced: !isDue, digest: undefined, recordedMs });
    this.isForced = false;
    return true;
  }

  /** So many transactions since the last snapshot that was due, or so long and not too few. */
  #intervalPassed(seqno: number): boolean {
    const { txInterval, timeIntervalMs, minTxInterval } = this.settings;
    const newest = this.points.filter(({ forced }) => !forced).at(-1);
    const isLater = newest !== undefined && newest.seqno > this.baseline;
    const transactions = seqno - (isLater ? newest.seqno : this.baseline);
    const ms = this.#wallMs - (isLater ? newest.recordedMs : this.#baselineMs);
    const isLate = timeIntervalMs > 0 && ms >= timeIntervalMs;
    return transactions >= txInterval || (isLate && transactions > minTxInterval);
  }

  /** The service has a snapshot at `seqno`: what is due is counted from there. */
  status(seqno: number, ms: number): void {
    if (this.isClosing || seqno <= this.baseline) return;
    this.#dropPoints((point) => !point.forced && point.seqno <= seqno, 'coalesced');
    this.#countFrom(seqno, ms);
  }

  #countFrom(seqno: number, ms: number): void {
    if (seqno <= this.baseline) return;
    this.baseline = seqno;
    this.#baselineMs = ms;
  }

  /** Nothing up to here can change any more. */
  get floor(): number {
    return Math.max(this.committed, this.baseline);
  }

  /** The state at a point is frozen; without a digest it could not be. */
  frozen(seqno: number, digest: string | undefined): void {
    const point = this.points.find((candidate) => candidate.seqno === seqno);
    if (point === undefined) return;
    this.points = this.points.filter((candidate) => candidate !== point);
    if (digest === undefined) this.#endPoint(point, 'skipped freeze-failed');
    else this.points.push({ ...point, digest });
    this.#startReached();
  }

  signature(seqno: number, truthFor: (of: ModelGeneration) => SignatureTruth): void {
    if (this.isClosing) return;
    for (const generation of [...this.generations]) {
      generation.signatureSeen(seqno, truthFor(generation));
    }
  }

  evidence(seqno: number, snapshotSeqno: number, digest: string): void {
    if (this.isClosing) return;
    const of = this.generations.find((generation) => generation.snapshotSeqno === snapshotSeqno);
    if (of === undefined) this.#tell(`refused evidence.recorded ${seqno}`);
    else of.evidenceSeen(seqno, digest);
  }

  commit(seqno: number, isPrimary: boolean): void {
    if (this.isClosing) return;
    this.committed = seqno;
    for (const generation of [...this.generations]) generation.committedUpTo(seqno);
    const newest = this.points
      .filter((point) => point.digest !== undefined && point.seqno <= seqno)
      .at(-1);
    if (newest?.digest === undefined) return;
    if (!this.isEnabled) {
      this.#skipReached('disabled');
      return;
    }
    if (!isPrimary) {
      this.#skipReached('not-primary');
      return;
    }
    this.#dropPoints((point) => point.seqno < newest.seqno, 'coalesced');
    if (this.#isFull && this.settings.whenFull === 'drop') this.#skipReached('limit');
    this.#startReached();
  }

  get #isFull(): boolean {
    return this.generations.length >= this.settings.capacity;
  }

  /** The newest point up to what is committed becomes a generation as soon as there is a slot for it. */
  #startReached(): void {
    if (this.isClosing || !this.isEnabled || this.#isFull) return;
    const reached = this.points.filter(
      ({ seqno, digest }) => digest !== undefined && seqno <= this.committed,
    );
    const newest = reached.at(-1);
    if (newest?.digest !== undefined) this.#generate(newest, newest.digest);
  }

  rollback(seqno: number): void {
    if (this.isClosing) return;
    this.isForced = false;
    this.#dropPoints((point) => point.seqno > seqno, 'rolled-back');
    for (const generation of [...this.generations]) generation.rolledBackTo(seqno);
    this.#startReached();
  }

  force(): void {
    if (!this.isClosing) this.isForced = true;
  }

  enable(isEnabled: boolean): void {
    if (!this.isClosing) this.isEnabled = isEnabled;
    this.#startReached();
  }

  cancel(number: number): void {
    if (this.isClosing) return;
    this.generations.find((generation) => generation.begun.number === number)?.cancel();
    this.#startReached();
  }

  close(): void {
    if (this.isClosing) return;
    this.isClosing = true;
    this.#dropPoints(() => true, 'cancelled');
    for (const generation of [...this.generations]) generation.cancel();
  }

  jump(ms: number): void {
    this.#wallMs += ms;
  }

  pass(ms: number): void {
    this.#elapsedMs += ms;
    this.#wallMs += ms;
    for (const generation of [...this.generations]) generation.timePassed();
    this.#startReached();
  }

  /** Lets the ports answer that are asked, until none is; in a schedule they wait for their turn. */
  settle(): void {
    this.#turn++;
    while (this.#isOpen && this.#tickets.length > 0) this.#answer(0);
  }

  /** A call of this key answers. */
  release(key: string): void {
    const ticket = this.#tickets.find((candidate) => ticketKey(candidate) === key);
    if (ticket === undefined) this.releaseOrphan(key);
    else this.#answer(this.#tickets.indexOf(ticket));
  }

  /** A proof that nobody waits for any more: nothing follows but that an armed fault has fired. */
  releaseOrphan(key: string): void {
    const [port, snapshotSeqno] = key.split(' ');
    if (port === 'verify') this.faults.take('verify-throws', Number(snapshotSeqno));
  }

  elapsed(): number {
    return this.#elapsedMs;
  }

  ask(port: Port, of: ModelGeneration): void {
    this.#tickets.push({ port, snapshotSeqno: of.snapshotSeqno, of, turn: this.#turn });
  }

  withdraw(of: ModelGeneration): boolean {
    const isFresh = ({ of: asker, port, turn }: ModelTicket) =>
      asker === of && port === 'open' && turn === this.#turn;
    const before = this.#tickets.length;
    this.#tickets = this.#tickets.filter((ticket) => !isFresh(ticket));
    return this.#tickets.length < before;
  }

  orphan(of: ModelGeneration): void {
    const isProof = ({ port }: Ticket) => port === 'verify' || port === 'prove';
    const gone = this.#tickets.filter((ticket) => ticket.of === of && isProof(ticket));
    this.#tickets = this.#tickets.filter((ticket) => !gone.includes(ticket));
    // In a schedule they wait for their turn like the others.
    if (this.#isOpen) for (const ticket of gone) this.releaseOrphan(ticketKey(ticket));
  }

  submit(of: ModelGeneration): void {
    if (this.policy === 'accept') of.answerSubmission({ seqno: this.nextSeqno() });
    else if (this.policy === 'refuse') of.answerSubmission('refused');
    else if (this.policy === 'throw') of.answerSubmission('threw');
  }

  queueForLock(of: ModelGeneration): void {
    this.#lock.push(of);
    if (this.#lock.length === 1) this.ask('publish', of);
  }

  leaveLock(): void {
    this.#lock.shift();
    const next = this.#lock[0];
    if (next !== undefined) this.ask('publish', next);
  }

  ended(of: ModelGeneration): void {
    this.generations = this.generations.filter((generation) => generation !== of);
    const { begun, outcome, step, evidence, signature, knownDigest, refusedEvidence } = of;
    const { number, snapshotSeqno, recordedMs } = begun;
    const isThere = ['committed', 'committed-not-durable', 'duplicate'].includes(outcome ?? '');
    if (isThere) this.#countFrom(snapshotSeqno, recordedMs);
    const { name: file, leftover } = of.file;
    const more = { outcome, digest: knownDigest, evidence, signature, file, step };
    this.#tell(`ended ${number} ${snapshotSeqno} ${words({ ...more, refusedEvidence, leftover })}`);
  }

  #answer(index: number): void {
    const [ticket] = this.#tickets.splice(index, 1);
    ticket?.of.answer(ticket.port);
    this.#startReached();
  }

  #generate({ seqno: snapshotSeqno, forced, recordedMs }: ModelPoint, digest: string): void {
    this.points = this.points.filter(({ seqno }) => seqno !== snapshotSeqno);
    if (!forced) this.#countFrom(snapshotSeqno, recordedMs);
    this.#tell(`point ${snapshotSeqno} generated`);
    const number = ++this.#started;
    this.#tell(`started ${number} ${snapshotSeqno}`);
    this.generations.push(new ModelGeneration({ number, snapshotSeqno, digest, recordedMs }, this));
  }

  #skipReached(reason: string): void {
    for (const { seqno, forced, recordedMs } of this.points) {
      if (seqno <= this.committed && !forced) this.#countFrom(seqno, recordedMs);
    }
    this.#dropPoints(({ seqno }) => seqno <= this.committed, `skipped ${reason}`);
  }

  #dropPoints(goes: (point: ModelPoint) => boolean, how: string): void {
    for (const point of this.points.filter(goes)) this.#endPoint(point, how);
    this.points = this.points.filter((point) => !goes(point));
  }

  #endPoint(point: ModelPoint | undefined, how: string): void {
    if (point !== undefined) this.#tell(`point ${point.seqno} ${how}`);
  }

  #tell(event: string): void {
    this.#events.push(event);
  }
}

/** The known ones of some facts, in one line. */
export function words(facts: Readonly<Record<string, unknown>>): string {
  return Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
