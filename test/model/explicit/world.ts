import type { GenerationOutput, SnapshotterEmitted } from '../../../machines/events.ts';
import type { GenerationContext } from '../../../machines/generation-setup.ts';
import type { GenerationRef } from '../../../machines/ports.ts';
import type { SnapshotterContext } from '../../../machines/snapshotter-setup.ts';
import type { Actors, Delivery, Note, Team } from './product.ts';

/** Everything up to here is committed when the exploration begins: the first signature is due. */
export const baseSeqno = 9;

/** How long the intervals by time are: the clock knows no shorter time. */
export const intervalMs = 1000;

/** One transaction after {@link baseSeqno}. */
export type Entry =
  | {
      readonly kind: 'signature';
      /** `reserved`: its seqno is known; `signed`: its signature is told; `complete`: its tree, too. */
      readonly stage: 'reserved' | 'signed' | 'complete';
      /** It ends a ledger chunk, as the snapshotter answered. */
      readonly ends: boolean;
    }
  | {
      readonly kind: 'evidence';
      readonly version: number;
      /** `own`: submitted by our generation; `foreign`: the same digest from elsewhere; `false`: another. */
      readonly of: 'own' | 'foreign' | 'false';
      readonly told: boolean;
    };

/** How often each of these may still happen. */
export interface Left {
  readonly rollback: number;
  readonly crash: number;
  /** Of the primary. */
  readonly change: number;
  readonly force: number;
  /** Evidence of a live generation's version that it did not submit. */
  readonly foreign: number;
  /** Answers of a port other than the wanted one, and timers that ring. */
  readonly fault: number;
  readonly cancel: number;
  readonly shutdown: number;
  /** Switching snapshots off or on. */
  readonly toggle: number;
  /** Signatures that nothing waits for. */
  readonly signature: number;
  /** The clock goes on by an interval, or is set back by one. */
  readonly clock: number;
  /** The ledger says of a snapshot that another node has taken. */
  readonly status: number;
}

/** What is held outside of the machines for the generation of one slot. */
export interface Work {
  readonly version: number;
  readonly spool: 'none' | 'open' | 'filled' | 'appended' | 'synced' | 'closed';
  /** A spool that could not be unlinked. */
  readonly leftover: boolean;
  /** Something befell it that it need not survive. */
  readonly hurt: boolean;
}

/** A file that bears a snapshot's name, and what its receipt says. */
export interface File {
  readonly version: number;
  readonly evidence: number;
  readonly signature: number;
  readonly durable: boolean;
}

/** Everything outside of the machines. */
export interface World {
  readonly primary: boolean;
  /** Whether it was when the last commit was told to this process. */
  readonly led: boolean;
  readonly nowMs: number;
  readonly committed: number;
  readonly entries: readonly Entry[];
  readonly left: Left;
  /** Seqnos whose state is frozen. */
  readonly handles: readonly number[];
  readonly works: readonly (Work | undefined)[];
  readonly files: readonly File[];
  /** The host has forced a snapshot, and no point has come of it. */
  readonly forced: boolean;
}

/** Nothing has happened yet. */
export function emptyWorld(slots: number, more: Pick<World, 'primary' | 'left'>): World {
  return {
    ...more,
    led: false,
    nowMs: 0,
    committed: baseSeqno,
    entries: [],
    handles: [],
    works: Array.from({ length: slots }, () => undefined),
    files: [],
    forced: false,
  };
}

export interface State {
  readonly actors: Actors;
  readonly world: World;
}

export type Change = (world: World) => World;

/** What can happen in a state. */
export interface Choice {
  /** In one world, equal words are equal changes. */
  readonly label: string;
  /** `good`: as everyone wishes; `forced`: not so, but no other answer is left; `fault`: neither. */
  readonly kind: 'good' | 'forced' | 'fault';
  /** What it makes of the world, before the actors say anything. */
  readonly change: Change;
  readonly deliveries: readonly Delivery[];
  /** The host reads the snapshotter's answer right after the step. */
  readonly answer?: (world: World, actors: Actors) => World;
  /** The process is gone, and another one begins. */
  readonly crash?: true;
}

export const same: Change = (world) => world;
export const lastSeqno = ({ entries }: World): number => baseSeqno + entries.length;
export const entryAt = ({ entries }: World, at: number): Entry | undefined =>
  entries[at - baseSeqno - 1];

/** The host is done with this transaction, so that another one can follow. */
export const isComplete = (entry: Entry | undefined): boolean =>
  entry === undefined || (entry.kind === 'signature' ? entry.stage === 'complete' : entry.told);

export const snapshotterOf = ({ snapshotter }: Actors): SnapshotterContext | undefined =>
  snapshotter?.state.context as SnapshotterContext | undefined;
export const contextOf = ({ generation }: Team): GenerationContext =>
  generation.state.context as GenerationContext;

export const spend = (world: World, what: keyof Left): World => ({
  ...world,
  left: { ...world.left, [what]: world.left[what] - 1 },
});
export const append = (world: World, entry: Entry): World => ({
  ...world,
  entries: [...world.entries, entry],
});
export const replaceLast = (world: World, entry: Entry): World => ({
  ...world,
  entries: [...world.entries.slice(0, -1), entry],
});
export const changeWork = (world: World, slot: number, change: Partial<Work>): World => ({
  ...world,
  works: world.works.map((it, index) => (it && index === slot ? { ...it, ...change } : it)),
});
export const hurt = (world: World, slot: number): World => changeWork(world, slot, { hurt: true });
export const hurtAll = (world: World): World => ({
  ...world,
  works: world.works.map((work) => work && { ...work, hurt: true }),
});

export const good = (label: string, change: Change, deliveries: readonly Delivery[]): Choice => ({
  ...{ label, kind: 'good', change, deliveries },
});

/** A choice of which there is only a number left. */
export function limited(
  what: keyof Left,
  world: World,
  choice: Omit<Choice, 'kind'>,
): readonly Choice[] {
  if (world.left[what] === 0) return [];
  return [{ ...choice, kind: 'fault', change: (it) => spend(choice.change(it), what) }];
}

/** The world's books after what the actors did: who holds what. The same world when nothing changed. */
export function observed(world: World, notes: readonly Note[]): World {
  let now = world;
  for (const note of notes) if ('output' in note) now = observedOutput(now, note);
  return now;
}

function observedOutput(
  world: World,
  { actor, output }: Extract<Note, { output: unknown }>,
): World {
  if (output.what === 'spawn' && actor === 0) {
    const { seqno: version } = output.input as GenerationRef;
    const work: Work = { version, spool: 'none', leftover: false, hurt: false };
    const slot = Number(output.id.slice('slot:'.length));
    return { ...world, works: world.works.map((it, index) => (index === slot ? work : it)) };
  }
  if (output.what === 'acted' && output.type === 'releaseHandle') {
    return released(world, (output.params as GenerationRef).seqno);
  }
  if (output.what !== 'emitted') return world;
  const emitted = output.event as SnapshotterEmitted;
  if (emitted.type === 'point.ended' && emitted.end !== 'generated') {
    return released(world, emitted.seqno);
  }
  return emitted.type === 'generation.ended' ? withoutWork(world, emitted) : world;
}

const released = (world: World, at: number): World => ({
  ...world,
  handles: world.handles.filter((handle) => handle !== at),
});

const withoutWork = (world: World, { seqno: version }: GenerationOutput): World => ({
  ...world,
  works: world.works.map((work) => (work?.version === version ? undefined : work)),
});

/** Equal worlds as one object, with a number; and what each change makes of each, remembered. */
export class Worlds {
  readonly #all: World[] = [];
  readonly #byKey = new Map<string, World>();
  readonly #numbers = new Map<World, number>();
  readonly #changed = new Map<World, Map<string, World>>();

  at(number: number): World {
    const world = this.#all[number];
    if (world === undefined) throw new Error(`assertion failed: world ${number} is known`);
    return world;
  }

  numberOf(world: World): number {
    const number = this.#numbers.get(world);
    if (number === undefined) throw new Error('assertion failed: a world is shared first');
    return number;
  }

  share(world: World): World {
    if (this.#numbers.has(world)) return world;
    const key = keyOf(world);
    const known = this.#byKey.get(key);
    if (known) return known;
    this.#byKey.set(key, world);
    this.#numbers.set(world, this.#all.length);
    this.#all.push(world);
    return world;
  }

  after(world: World, { label, change }: Choice): World {
    const known = this.#changed.get(world) ?? new Map<string, World>();
    this.#changed.set(world, known);
    const remembered = known.get(label);
    if (remembered) return remembered;
    const made = this.share(change(world));
    known.set(label, made);
    return made;
  }
}

/** A short text for equal worlds. */
function keyOf({ entries, left, handles, works, files, ...world }: World): string {
  const entry = (it: Entry) =>
    it.kind === 'signature'
      ? `${it.ends ? 'S' : 's'}${it.stage[0]}`
      : `e${it.version}${it.of[1]}${it.told ? '' : '?'}`;
  const work = (it: Work | undefined) =>
    it ? `${it.version}${it.spool}${it.leftover ? 'l' : ''}${it.hurt ? 'h' : ''}` : '-';
  const file = (it: File) => `${it.version},${it.evidence},${it.signature}${it.durable ? 'd' : ''}`;
  return [
    `${world.primary ? 'p' : 'b'}${world.led ? 'p' : 'b'}${world.committed}${world.forced ? 'f' : ''}@${world.nowMs}`,
    entries.map(entry).join(' '),
    Object.values(left).join(),
    handles.join(),
    works.map(work).join(),
    files.map(file).join(';'),
  ].join('|');
}
