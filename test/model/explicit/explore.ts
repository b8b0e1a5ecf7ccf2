import type { SnapshotterInput } from '../../../machines/snapshotter-setup.ts';
import { seqno } from '../../../src/core/words.ts';
import type { Cells } from './cells.ts';
import { brokenByStep, brokenInState, type Transition } from './invariants.ts';
import { committable, ledgerChoices } from './ledger.ts';
import { brokenByOrder } from './orders.ts';
import { portChoices } from './ports.ts';
import { type Note, Product } from './product.ts';
import {
  type Choice,
  emptyWorld,
  intervalMs,
  type Left,
  observed,
  type State,
  snapshotterOf,
  type World,
  Worlds,
} from './world.ts';

/** What there is of everything. */
export interface Scope {
  readonly capacity: number;
  readonly whenFull: SnapshotterInput['whenFull'];
  readonly attemptsMax: number;
  readonly primary: boolean;
  readonly left: Left;
}

/** A walk to where a law does not hold. */
export interface Counterexample {
  readonly law: string;
  readonly trace: readonly string[];
}

export interface Explored {
  readonly states: number;
  readonly transitions: number;
  readonly seconds: number;
  readonly counterexample: Counterexample | undefined;
}

/** The machines in their world: every state, and every way on. */
export class Model {
  readonly product: Product;
  readonly worlds = new Worlds();
  readonly scope: Scope;

  constructor(cells: Cells, scope: Scope) {
    this.product = new Product(cells, scope.capacity);
    this.scope = scope;
  }

  initial(): State {
    const { capacity, primary, left } = this.scope;
    const world = this.worlds.share(emptyWorld(capacity, { primary, left }));
    return { actors: this.product.begin(this.input(world)).actors, world };
  }

  /** A process begins with what is committed, and with the newest snapshot on disk. */
  input({ committed, files, nowMs }: World): SnapshotterInput {
    const { capacity, whenFull, attemptsMax } = this.scope;
    const newest = Math.max(0, ...files.map(({ version }) => version));
    return {
      ...{ capacity, whenFull, attemptsMax, receipt: 'cose', evidenceTimeoutMs: 60_000 },
      ...{ timeIntervalMs: intervalMs, minTxInterval: 2, baselineMs: nowMs },
      ...{ txInterval: 10, committed: seqno(committed), baseline: seqno(newest) },
    };
  }

  choices(state: State): readonly Choice[] {
    const isDue = (at: number) => this.#isDue(state, at);
    return [...ledgerChoices(state, isDue), ...portChoices(state, this.scope.attemptsMax)];
  }

  /** Asks the snapshotter itself, without a consequence. */
  #isDue({ actors: { snapshotter }, world }: State, at: number): boolean {
    if (snapshotter === undefined) return false;
    const { next } = this.product.cells.take(snapshotter, committable(at, world.nowMs));
    return snapshotterOf({ snapshotter: next, teams: [] })?.points.at(-1)?.seqno === at;
  }

  take(before: State, choice: Choice): Transition {
    const chosen = this.worlds.after(before.world, choice);
    const notes: Note[] = [];
    let { actors } = before;
    if (choice.crash) actors = this.product.begin(this.input(chosen)).actors;
    for (const delivery of choice.deliveries) {
      const stepped = this.product.step(actors, delivery);
      for (const note of stepped.notes) notes.push(note);
      actors = stepped.actors;
    }
    const seen = observed(chosen, notes);
    const world = this.worlds.share(choice.answer?.(seen, actors) ?? seen);
    return { before, choice, chosen, notes, after: { actors, world } };
  }

  /** No generation lives, and nobody waits for one to end. */
  hasEnded({ actors: { snapshotter, teams } }: State): boolean {
    return snapshotter?.state.value !== 'closing' && teams.every((team) => team === undefined);
  }
}

/** Numbers that grow in number. */
class Column {
  #values: Uint32Array<ArrayBuffer>;
  length = 0;

  constructor(capacity = 1 << 16) {
    this.#values = new Uint32Array(capacity);
  }

  push(value: number): void {
    if (this.length === this.#values.length) {
      const grown = new Uint32Array(2 * this.length);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.length++] = value;
  }

  at(index: number): number {
    return this.#values[index] ?? 0;
  }
}

/** States as rows of numbers: of the snapshotter's cell, of each slot's team, and of the world. */
class Table {
  readonly #model: Model;
  readonly #rows = new Column();
  readonly #width: number;
  #buckets = new Uint32Array(1 << 18);
  size = 0;

  constructor(model: Model) {
    this.#model = model;
    this.#width = model.scope.capacity + 2;
  }

  /** The number of this state; it is new when that is the last one. */
  add({ actors, world }: State): number {
    const teams = actors.teams.map((team) => team?.index ?? 0);
    const row = [this.#model.worlds.numberOf(world), actors.snapshotter?.index ?? 0, ...teams];
    const mask = this.#buckets.length - 1;
    let bucket = hashOf(row) & mask;
    for (let entry = this.#buckets[bucket]; entry; entry = this.#buckets[bucket]) {
      if (this.#equals(entry - 1, row)) return entry - 1;
      bucket = (bucket + 1) & mask;
    }
    this.#buckets[bucket] = ++this.size;
    for (const value of row) this.#rows.push(value);
    if (2 * this.size > mask) this.#grow();
    return this.size - 1;
  }

  at(number: number): State {
    const [world = 0, snapshotter = 0, ...teams] = this.#row(number);
    const { product, worlds } = this.#model;
    const actors = {
      snapshotter: product.cells.at(snapshotter),
      teams: teams.map((team) => product.team(team)),
    };
    return { actors, world: worlds.at(world) };
  }

  #row(number: number): number[] {
    const first = number * this.#width;
    return Array.from({ length: this.#width }, (_, index) => this.#rows.at(first + index));
  }

  #equals(number: number, row: readonly number[]): boolean {
    const first = number * this.#width;
    for (let index = 0; index < this.#width; index++) {
      if (this.#rows.at(first + index) !== row[index]) return false;
    }
    return true;
  }

  #grow(): void {
    this.#buckets = new Uint32Array(2 * this.#buckets.length);
    const mask = this.#buckets.length - 1;
    for (let number = 0; number < this.size; number++) {
      let bucket = hashOf(this.#row(number)) & mask;
      while (this.#buckets[bucket]) bucket = (bucket + 1) & mask;
      this.#buckets[bucket] = number + 1;
    }
  }
}

function hashOf(row: readonly number[]): number {
  let hash = 0;
  for (const value of row) {
    hash = Math.imul(hash ^ value, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

export interface ExploreOptions {
  /** Which laws are held against the model. @default all */
  readonly isAsked?: (law: string) => boolean;
}

/** Breadth first, so that a counterexample is as short as can be. */
export function explore(model: Model, { isAsked = () => true }: ExploreOptions = {}): Explored {
  const search = new Search(model, isAsked);
  const startedMs = performance.now();
  const counterexample = search.run() ?? (isAsked(liveness) ? search.stuck() : undefined);
  const seconds = (performance.now() - startedMs) / 1000;
  const { states, transitions } = search;
  return { states, transitions, seconds, counterexample };
}

const liveness = '19: every generation can end';

class Search {
  readonly #model: Model;
  readonly #isAsked: (law: string) => boolean;
  readonly #table: Table;
  readonly #parents = new Column();
  readonly #labels = new Column();
  readonly #labelTexts: string[] = [];
  readonly #labelNumbers = new Map<string, number>();
  /** For each state where its fair successors begin, and these. */
  readonly #fairFrom = new Column();
  readonly #fair = new Column();
  readonly #ended = new Column();
  transitions = 0;

  constructor(model: Model, isAsked: (law: string) => boolean) {
    this.#model = model;
    this.#isAsked = isAsked;
    this.#table = new Table(model);
    this.#add(model.initial(), { parent: 0, label: '' });
  }

  get states(): number {
    return this.#table.size;
  }

  run(): Counterexample | undefined {
    for (let number = 0; number < this.#table.size; number++) {
      const before = this.#table.at(number);
      this.#fairFrom.push(this.#fair.length);
      this.#ended.push(this.#model.hasEnded(before) ? 1 : 0);
      const choices = this.#model.choices(before);
      const counterexample =
        this.#asked(brokenByOrder(this.#model, before, choices), number) ??
        this.#expand(number, before, choices);
      if (counterexample) return counterexample;
    }
    this.#fairFrom.push(this.#fair.length);
    return undefined;
  }

  #expand(number: number, before: State, choices: readonly Choice[]): Counterexample | undefined {
    for (const choice of choices) {
      const transition = this.#model.take(before, choice);
      const states = this.#table.size;
      const target = this.#add(transition.after, { parent: number, label: choice.label });
      const isNew = this.#table.size > states;
      const law =
        brokenByStep(transition, this.#isAsked) ??
        (isNew ? brokenInState(transition.after, this.#isAsked) : undefined);
      if (law) return { law, trace: [...this.#trace(number), choice.label] };
      if (choice.kind !== 'fault') this.#fair.push(target);
      this.transitions++;
    }
    return undefined;
  }

  #asked(law: string | undefined, number: number): Counterexample | undefined {
    return law && this.#isAsked(law) ? { law, trace: this.#trace(number) } : undefined;
  }

  /** 19: from every state the end of all generations can be reached without a further fault. */
  stuck(): Counterexample | undefined {
    const canEnd = Uint8Array.from({ length: this.states }, (_, number) => this.#ended.at(number));
    for (let hasChanged = true; hasChanged; ) {
      hasChanged = false;
      for (let number = this.states - 1; number >= 0; number--) {
        if (canEnd[number] || !this.#leadsTo(number, canEnd)) continue;
        canEnd[number] = 1;
        hasChanged = true;
      }
    }
    const stuck = canEnd.indexOf(0);
    if (stuck < 0) return undefined;
    return { law: liveness, trace: this.#trace(stuck) };
  }

  #leadsTo(number: number, canEnd: Uint8Array): boolean {
    const end = this.#fairFrom.at(number + 1);
    for (let edge = this.#fairFrom.at(number); edge < end; edge++) {
      if (canEnd[this.#fair.at(edge)]) return true;
    }
    return false;
  }

  #add(
    state: State,
    { parent, label }: { readonly parent: number; readonly label: string },
  ): number {
    const number = this.#table.add(state);
    if (number < this.#parents.length) return number;
    this.#parents.push(parent);
    this.#labels.push(this.#labelNumber(label));
    return number;
  }

  #labelNumber(label: string): number {
    const known = this.#labelNumbers.get(label);
    if (known !== undefined) return known;
    this.#labelNumbers.set(label, this.#labelTexts.length);
    return this.#labelTexts.push(label) - 1;
  }

  #trace(number: number): string[] {
    const labels: string[] = [];
    for (let at = number; at > 0; at = this.#parents.at(at)) {
      labels.unshift(this.#labelTexts[this.#labels.at(at)] ?? '');
    }
    return labels;
  }
}
