import type { AnyEventObject } from 'xstate';
import type { Cell, Cells, Kind, Local, Output } from './cells.ts';

/** Where an actor is: 0 the snapshotter, then for each slot its generation, its chain and its writer. */
export type Actor = number;

export const slotOf = (actor: Actor): number => Math.floor((actor - 1) / 3);
export const generationIn = (slot: number): Actor => 1 + 3 * slot;
const kinds = ['snapshotter', 'generation', 'chain', 'writer'] as const;
export const kindOf = (actor: Actor): Kind =>
  kinds[actor === 0 ? 0 : 1 + ((actor - 1) % 3)] ?? 'writer';

/** An event that comes from outside: of the host, of a port, or of the clock. */
export interface Delivery {
  readonly to: Actor;
  readonly event: AnyEventObject;
}

/** What befell an actor during a step. */
export type Note =
  | { readonly actor: Actor; readonly output: Output }
  /** An event that came to an actor which had ended, or was never there. */
  | { readonly actor: Actor; readonly lost: AnyEventObject }
  | { readonly actor: Actor; readonly ended: Cell; readonly by: 'itself' | 'its owner' };

/** A generation that lives in a slot, with its chain and its writer as long as they live. */
export interface Team {
  readonly index: number;
  readonly slot: number;
  readonly generation: Cell;
  readonly chain: Cell | undefined;
  readonly writer: Cell | undefined;
}

/** Every actor at rest. */
export interface Actors {
  /** Nothing once it is closed. */
  readonly snapshotter: Cell | undefined;
  readonly teams: readonly (Team | undefined)[];
}

export interface Stepped {
  readonly actors: Actors;
  readonly notes: readonly Note[];
}

/** All that one event sets off within a team, and what the snapshotter is told. */
interface TeamStep {
  readonly to: Actor;
  readonly next: Team | undefined;
  readonly notes: readonly Note[];
  readonly reports: readonly AnyEventObject[];
}

/**
 * The machines together: each by its own transition function, their messages routed as XState's actors
 * route them. A mailbox takes an event at once, in the middle of the sender's step, unless its actor is at
 * work; what an actor asks of others is done in order once its own state has changed. One step is all
 * that a delivery sets off: a port answers in a later one.
 *
 * What a team does with an event is remembered: it depends on nobody else.
 */
export class Product {
  readonly cells: Cells;
  readonly #slots: number;
  readonly #teams: Team[] = [];
  readonly #teamByKey = new Map<string, Team>();
  readonly #begun = new Map<unknown, TeamStep>();
  readonly #steps = new Map<Team, Map<AnyEventObject, TeamStep>>();

  constructor(cells: Cells, slots: number) {
    this.cells = cells;
    this.#slots = slots;
  }

  team(index: number): Team | undefined {
    return this.#teams[index - 1];
  }

  /** A snapshotter that has just begun. */
  begin(input: unknown): Stepped {
    const step = new Step(this, {
      snapshotter: undefined,
      teams: Array.from({ length: this.#slots }, () => undefined),
    });
    step.become(this.cells.begin('snapshotter', input));
    return step.stepped;
  }

  /** All that one event from outside sets off. */
  step(actors: Actors, { to, event }: Delivery): Stepped {
    const step = new Step(this, actors);
    if (to === 0) step.deliver(event);
    else step.enter(to, event);
    return step.stepped;
  }

  /** A generation begins, and with it its chain and its writer. */
  beginTeam(slot: number, input: unknown): TeamStep {
    const known = this.#begun.get(input);
    if (known) return known;
    const work = new TeamWork(this, slot, undefined);
    work.begin(generationIn(slot), { kind: 'generation', input });
    const made = work.step(generationIn(slot), (cells) => this.#teamOf(slot, cells));
    this.#begun.set(input, made);
    return made;
  }

  stepTeam(team: Team, { to, event }: Delivery): TeamStep {
    const known = this.#steps.get(team) ?? new Map<AnyEventObject, TeamStep>();
    this.#steps.set(team, known);
    const remembered = known.get(event);
    if (remembered?.to === to) return remembered;
    if (remembered) throw new Error(`assertion failed: ${event.type} has one addressee`);
    const work = new TeamWork(this, team.slot, team);
    work.deliver(to, event);
    const made = work.step(to, (cells) => this.#teamOf(team.slot, cells));
    known.set(event, made);
    return made;
  }

  #teamOf(slot: number, cells: readonly (Cell | undefined)[]): Team | undefined {
    const [generation, chain, writer] = cells;
    if (generation === undefined) return undefined;
    const key = `${slot},${generation.index},${chain?.index},${writer?.index}`;
    const known = this.#teamByKey.get(key);
    if (known) return known;
    const made = { index: this.#teams.length + 1, slot, generation, chain, writer };
    this.#teams.push(made);
    this.#teamByKey.set(key, made);
    return made;
  }
}

/** The snapshotter's part of a step, which hands its teams theirs. */
class Step {
  readonly #product: Product;
  readonly #notes: Note[] = [];
  readonly #waiting: AnyEventObject[] = [];
  readonly #teams: (Team | undefined)[];
  #snapshotter: Cell | undefined;
  #isWorking = false;

  constructor(product: Product, { snapshotter, teams }: Actors) {
    this.#product = product;
    this.#snapshotter = snapshotter;
    this.#teams = [...teams];
  }

  get stepped(): Stepped {
    return { actors: { snapshotter: this.#snapshotter, teams: this.#teams }, notes: this.#notes };
  }

  deliver(event: AnyEventObject): void {
    if (this.#snapshotter === undefined) this.#notes.push({ actor: 0, lost: event });
    else this.#waiting.push(event);
    if (this.#isWorking) return;
    this.#isWorking = true;
    while (this.#snapshotter) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.become(this.#product.cells.take(this.#snapshotter, next));
    }
    this.#isWorking = false;
  }

  /** An event for a team comes either from outside or from the snapshotter. */
  enter(to: Actor, event: AnyEventObject): void {
    const slot = slotOf(to);
    const team = this.#teams[slot];
    if (team === undefined) this.#notes.push({ actor: to, lost: event });
    else this.#follow(slot, this.#product.stepTeam(team, { to, event }));
  }

  become({ next, outputs, ended }: Local): void {
    this.#snapshotter = next;
    for (const output of outputs) this.#perform(output);
    if (ended) {
      this.#notes.push({ actor: 0, ended: next, by: 'itself' });
      this.#snapshotter = undefined;
    }
  }

  #perform(output: Output): void {
    if (output.what !== 'send') this.#notes.push({ actor: 0, output });
    if (output.what === 'send') this.enter(generationIn(slotIn(output.to)), output.event);
    if (output.what === 'stop') this.#stop(slotIn(output.id));
    if (output.what !== 'spawn') return;
    const slot = slotIn(output.id);
    this.#follow(slot, this.#product.beginTeam(slot, output.input));
  }

  #follow(slot: number, { next, notes, reports }: TeamStep): void {
    this.#teams[slot] = next;
    for (const note of notes) this.#notes.push(note);
    for (const report of reports) this.deliver(report);
  }

  /** Stopping runs no exit actions; whatever the actors awaited is void. */
  #stop(slot: number): void {
    const team = this.#teams[slot];
    this.#teams[slot] = undefined;
    if (team === undefined) return;
    [team.generation, team.chain, team.writer].forEach((ended, index) => {
      const actor = generationIn(slot) + index;
      if (ended) this.#notes.push({ actor, ended, by: 'its owner' });
    });
  }
}

const slotIn = (id: string | undefined): number => Number((id ?? '').slice('slot:'.length));

/** One actor's mailbox, for as long as the actor lives. */
interface Mailbox {
  readonly waiting: AnyEventObject[];
  isWorking: boolean;
}

/** A generation, its chain and its writer at work on one event. */
class TeamWork {
  readonly #product: Product;
  readonly #first: Actor;
  readonly #cells: (Cell | undefined)[];
  readonly #mailboxes: Mailbox[];
  readonly #notes: Note[] = [];
  readonly #reports: AnyEventObject[] = [];

  constructor(product: Product, slot: number, team: Team | undefined) {
    this.#product = product;
    this.#first = generationIn(slot);
    this.#cells = [team?.generation, team?.chain, team?.writer];
    this.#mailboxes = this.#cells.map(() => ({ waiting: [], isWorking: false }));
  }

  step(to: Actor, teamOf: (cells: readonly (Cell | undefined)[]) => Team | undefined): TeamStep {
    return { to, next: teamOf(this.#cells), notes: this.#notes, reports: this.#reports };
  }

  begin(actor: Actor, { kind, input }: { readonly kind: Kind; readonly input: unknown }): void {
    const mailbox = { waiting: [], isWorking: true };
    this.#mailboxes[actor - this.#first] = mailbox;
    this.#become(actor, this.#product.cells.begin(kind, input));
    this.#workOff(actor, mailbox);
  }

  deliver(actor: Actor, event: AnyEventObject): void {
    const mailbox = this.#mailboxes[actor - this.#first];
    if (this.#cells[actor - this.#first] === undefined || mailbox === undefined) {
      this.#notes.push({ actor, lost: event });
      return;
    }
    mailbox.waiting.push(event);
    if (!mailbox.isWorking) this.#workOff(actor, mailbox);
  }

  #workOff(actor: Actor, mailbox: Mailbox): void {
    mailbox.isWorking = true;
    for (let event = mailbox.waiting.shift(); event; event = mailbox.waiting.shift()) {
      const cell = this.#cells[actor - this.#first];
      if (cell === undefined) break;
      this.#become(actor, this.#product.cells.take(cell, event));
    }
    mailbox.isWorking = false;
  }

  #become(actor: Actor, { next, outputs, ended }: Local): void {
    this.#cells[actor - this.#first] = next;
    for (const output of outputs) this.#perform(actor, output);
    if (ended === undefined) return;
    this.#remove(actor, 'itself');
    this.#report(actor, this.#product.cells.endOf(idOf(actor), ended));
  }

  #report(actor: Actor, event: AnyEventObject): void {
    if (actor === this.#first) this.#reports.push(event);
    else this.deliver(this.#first, event);
  }

  #perform(actor: Actor, output: Output): void {
    if (output.what !== 'send') this.#notes.push({ actor, output });
    if (output.what === 'send') {
      if (output.to === undefined) this.#report(actor, output.event);
      else this.deliver(this.#childOf(output.to), output.event);
    }
    if (output.what === 'spawn') this.begin(this.#childOf(output.id), output);
    if (output.what === 'stop') this.#remove(this.#childOf(output.id), 'its owner');
  }

  #childOf(id: string): Actor {
    return this.#first + (id === 'chain' ? 1 : 2);
  }

  #remove(actor: Actor, by: 'itself' | 'its owner'): void {
    const ended = this.#cells[actor - this.#first];
    if (ended) this.#notes.push({ actor, ended, by });
    this.#cells[actor - this.#first] = undefined;
    const mailbox = this.#mailboxes[actor - this.#first];
    if (mailbox) mailbox.waiting.length = 0;
  }
}

/** Under which id its owner knows an actor. */
function idOf(actor: Actor): string {
  const kind = kindOf(actor);
  return kind === 'generation' ? `slot:${slotOf(actor)}` : kind;
}
