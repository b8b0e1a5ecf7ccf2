import { MemoryDisk, type Survival } from '../../../src/io/memory-disk.ts';
import type { Scenario, Step } from './commands.ts';
import { ticketKey } from './gates.ts';
import { hold, Invariants } from './invariants.ts';
import { Ledger } from './ledger.ts';
import { Model } from './model.ts';
import type { ModelGeneration } from './model-generation.ts';
import { codeOf, perform } from './perform.ts';
import { strike } from './strike.ts';
import { World, type WorldOptions } from './world.ts';

/** What the runs of a campaign have come across. */
export interface Tally {
  steps: number;
  answers: number;
  verified: number;
  crashes: number;
  outcomes: Record<string, number>;
  points: Record<string, number>;
  commands: Record<string, number>;
}

export const emptyTally = (): Tally => ({
  steps: 0,
  answers: 0,
  verified: 0,
  crashes: 0,
  outcomes: {},
  points: {},
  commands: {},
});

const count = (counts: Record<string, number>, what: string): void => {
  counts[what] = (counts[what] ?? 0) + 1;
};

export interface RunOptions {
  /** Whether ports answer by themselves, or each in its turn. */
  readonly isOpen: boolean;
  readonly tally: Tally;
}

/**
 * One scenario against the real snapshotter and the model at once. After every command, and in a schedule after
 * every answer of a port, both must agree on all that can be seen, and the invariants must hold.
 */
export class Run {
  readonly scenario: Scenario;
  readonly ledger = new Ledger();
  readonly tally: Tally;
  readonly #invariants = new Invariants(this.ledger);
  /** Whether ports answer by themselves. */
  readonly isOpen: boolean;
  #disk = new MemoryDisk();
  #processes = 0;
  #world: World | undefined;
  model: Model;
  closing: Promise<void> | undefined;
  #isClosed = false;
  isPrimary = true;

  private constructor(scenario: Scenario, { isOpen, tally }: RunOptions) {
    this.scenario = scenario;
    this.tally = tally;
    this.isOpen = isOpen;
    this.model = this.#newModel(0, 0);
  }

  /** Runs it to its end; throws at the first difference. */
  static async of(scenario: Scenario, options: RunOptions): Promise<void> {
    const run = new Run(scenario, options);
    await run.#toItsEnd();
    options.tally.verified += run.#invariants.verified;
  }

  get world(): World {
    if (this.#world === undefined) throw new Error('no process has started');
    return this.#world;
  }

  async #toItsEnd(): Promise<void> {
    await this.#start();
    for (const [index, step] of this.scenario.steps.entries()) {
      count(this.tally.commands, step.command.kind);
      this.tally.steps++;
      // Not even a microtask may pass behind a hasty step.
      const rest = this.#step(step);
      if (rest !== undefined) await named(`step ${index}, ${JSON.stringify(step.command)}`, rest);
    }
    await named('the fair end', this.#finish());
  }

  /** Nothing to wait for after a hasty step. */
  #step(step: Step): Promise<void> | undefined {
    const { kind } = step.command;
    // Whose a proof is that was asked for and voided in one turn cannot be told with two of them.
    const isUnclear = kind === 'rollback' && this.model.generations.length > 1;
    // The slot of a generation that never began is free when the turn is over.
    const isEnd = kind === 'cancel' || kind === 'close' || kind === 'crash' || kind === 'strike';
    // The host's no arrives with the turn: evidence that is told in the same turn comes before it.
    const isNo = kind === 'answer' && step.command.answer !== 'accept';
    if (!step.isHasty || isUnclear || isEnd || isNo) return this.#stepAndSettle(step, isUnclear);
    perform(this, step.command);
    return undefined;
  }

  async #stepAndSettle({ command, answers }: Step, isUnclear: boolean): Promise<void> {
    if (isUnclear) await this.compare();
    if (command.kind === 'crash') await this.crash(command.survival);
    else if (command.kind === 'strike') await strike(this, command);
    else perform(this, command);
    await this.compare();
    for (const pick of answers) await this.answer(pick);
    if (this.model.isClosed) await this.#reopen();
  }

  /** The next port answers: the one at `pick` of those that wait. */
  async answer(pick: number): Promise<void> {
    const { waiting } = this.world.gates;
    const ticket = waiting[pick % waiting.length];
    if (ticket === undefined) return;
    const key = ticketKey(ticket);
    // Of two alike the older is one that nobody waits for any more.
    const isLast = waiting.filter((one) => ticketKey(one) === key).at(-1) === ticket;
    this.world.gates.release(waiting.indexOf(ticket));
    await this.world.settle();
    if (isLast || !isProof(key)) this.model.release(key);
    else this.model.releaseOrphan(key);
    this.tally.answers++;
    await this.compare();
  }

  /** The process is gone in the middle of whatever it did; another starts on what is left. */
  async crash(survival: readonly number[]): Promise<void> {
    await this.compare();
    this.world.gates.kill();
    this.#disk = this.#disk.afterCrash((_, index) => survivals[survival[index] ?? 0] ?? 'lost');
    this.tally.crashes++;
    const told = [...this.model.files].flatMap(([name, state]) =>
      state === 'durable' ? [name] : [],
    );
    const known = this.model.files;
    this.ledger.rollback(this.model.floor);
    await this.#start({ hasCrashed: true });
    const names = [...this.world.files.keys()];
    for (const name of told) hold('10.4.12', names.includes(name), `${name} was lost`);
    for (const name of names) hold('10.4.12', name === 'lock' || known.has(name), `${name} came`);
    await this.compare();
  }

  async compare(): Promise<void> {
    const { world, model } = this;
    await world.settle();
    model.settle();
    const events = world.takeEvents();
    for (const event of events) this.#tally(event);
    same('events', events, model.takeEvents());
    same('generations', world.snapshotter.live.map(liveText), model.generations.map(modelText));
    if (!this.model.isClosing) same('context', contextText(world), modelContextText(model));
    same('frozen states held', world.frozen - world.released, model.held);
    same('faults', world.faults.pending, model.faults.pending);
    same('files', [...world.files.keys()].sort(), this.#expectedNames());
    const open = model.generations.filter(({ file }) => file.hasHandle).length;
    same('open handles', world.openHandles, open);
    const timers = model.generations.filter(({ deadlineMs }) => deadlineMs !== undefined).length;
    same('timers', world.clock.timers, timers);
    if (!this.isOpen) {
      const waiting = world.gates.waiting.map(ticketKey);
      const awaited = model.tickets.map(ticketKey);
      same('missing ports', without(awaited, waiting), []);
      same(
        'other ports',
        without(waiting, awaited).filter((key) => !isProof(key)),
        [],
      );
    }
    same('closed', this.#isClosed, model.isClosed);
    const planted = (name: string) => model.files.get(name) === 'planted';
    await this.#invariants.check(world, model.committed, planted);
  }

  close(): void {
    this.closing ??= this.world.snapshotter.close().then(() => {
      this.#isClosed = true;
    });
    this.model.close();
  }

  async #start({ hasCrashed = false } = {}): Promise<void> {
    const committed = this.model.committed;
    const options: Omit<WorldOptions, 'lastSnapshot'> = {
      disk: this.#disk,
      ledger: this.ledger,
      settings: this.scenario.settings,
      isOpen: this.isOpen,
      isReal: this.scenario.isReal,
      process: ++this.#processes,
      committed,
    };
    const lastSnapshot = this.#newestSnapshot();
    // What was named and not synced a crash has decided; without one it is still open.
    const open = [...this.model.files].filter(([, state]) => state !== 'durable');
    const known = hasCrashed ? open.filter(([, state]) => state === 'planted') : open;
    this.#world = await World.start({ ...options, lastSnapshot });
    this.model = this.#newModel(committed, lastSnapshot);
    for (const [name, state] of known) {
      if (this.model.files.has(name)) this.model.files.set(name, state);
    }
    this.model.nextSeqno = () => this.ledger.last + 1;
    this.#invariants.restarted(lastSnapshot);
    this.closing = undefined;
    this.#isClosed = false;
    this.isPrimary = true;
  }

  async #reopen(): Promise<void> {
    await this.closing;
    hold('10.4.14', codeOf(() => this.world.snapshotter.force()) === 'CLOSED', 'it still listens');
    await this.#start();
    await this.compare();
  }

  /** With a fair world every generation that waits is committed, and closing gives everything back: 18, 19. */
  async #finish(): Promise<void> {
    await this.#makeFair();
    perform(this, { kind: 'prove' });
    await this.#answerAll();
    const live = this.world.snapshotter.live.length;
    hold('10.4.18', live === 0, `${live} generations wait for ever`);
    this.close();
    await this.#answerAll();
    hold('10.4.19', this.model.isClosed && this.#isClosed, 'it did not close');
    const { frozen, released, openHandles } = this.world;
    hold('handles', frozen === released && openHandles === 0, 'handles taken are released');
    await this.closing;
  }

  async #makeFair(): Promise<void> {
    this.world.faults.clear();
    this.model.faults.clear();
    perform(this, { kind: 'policy', policy: 'accept' });
    await this.#answerAll();
    if (this.model.isClosed) await this.#reopen();
    // The signature that proves one snapshot would be the point of the next.
    perform(this, { kind: 'disable' });
    perform(this, { kind: 'role', isPrimary: true });
    while (this.world.submissions.length > 0) {
      perform(this, { kind: 'answer', answer: 'accept', pick: 0 });
      await this.#answerAll();
    }
  }

  async #answerAll(): Promise<void> {
    await this.compare();
    while (this.world.gates.waiting.length > 0) await this.answer(0);
  }

  #newModel(committed: number, baseline: number): Model {
    const files = this.#namesOnDisk().filter((name) => name.endsWith('.committed'));
    return new Model(
      this.scenario.settings,
      { committed, baseline, files },
      { isOpen: this.isOpen },
    );
  }

  #namesOnDisk(): string[] {
    const found = this.#disk.root.current.get('snapshots');
    return found?.kind === 'directory' ? [...found.current.keys()] : [];
  }

  #newestSnapshot(): number {
    const seqnos = this.#namesOnDisk().map((name) =>
      Number(/^snapshot_(\d+)_/.exec(name)?.[1] ?? 0),
    );
    return Math.max(0, ...seqnos);
  }

  #expectedNames(): string[] {
    const { model } = this;
    const spools = model.generations.flatMap(({ file }) => (file.hasSpool ? [file.spoolName] : []));
    const lock = this.#isClosed ? [] : ['lock'];
    return [...new Set([...lock, ...spools, ...model.files.keys()])].sort();
  }

  #tally(event: string): void {
    const outcome = /^ended .* outcome=(\S+)/.exec(event)?.[1];
    if (outcome !== undefined) count(this.tally.outcomes, outcome);
    const point = /^point \d+ (.*)$/.exec(event)?.[1];
    if (point !== undefined) count(this.tally.points, point);
  }
}

const survivals: readonly Survival[] = ['lost', 'kept', 'zeros', { bytesKept: 3 }];

/** Says of an error where it came about. */
async function named(where: string, what: Promise<void>): Promise<void> {
  try {
    await what;
  } catch (error) {
    throw new Error(`${where}: ${String(error)}`, { cause: error });
  }
}

const liveText = (live: { generation: number; seqno: number; phase: string }) =>
  `${live.generation} ${live.seqno} ${live.phase}`;

const modelText = ({ begun, phase }: ModelGeneration) =>
  `${begun.number} ${begun.snapshotSeqno} ${phase}`;

function contextText({ context }: World): string {
  const points = context.points.map(({ seqno, forced, frozen }) => [seqno, forced, frozen]);
  const { baseline, committed, forced } = context;
  return JSON.stringify({ points, baseline, committed, isForced: forced !== undefined });
}

function modelContextText({ points, baseline, committed, isForced }: Model): string {
  const listed = points.map(({ seqno, forced, digest }) => [seqno, forced, digest !== undefined]);
  return JSON.stringify({ points: listed, baseline, committed, isForced });
}

/** Verifications go on when nobody waits for them any more: the model does not follow them. */
const isProof = (key: string): boolean => /^(verify|prove) /.test(key);

function without(items: readonly string[], taken: readonly string[]): readonly string[] {
  const rest = [...items];
  for (const item of taken) rest.splice(rest.indexOf(item), rest.includes(item) ? 1 : 0);
  return rest;
}

function same(what: string, actual: unknown, expected: unknown): void {
  const [ours, theirs] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (ours !== theirs) throw new Error(`${what}: it has ${ours}, the model ${theirs}`);
}
