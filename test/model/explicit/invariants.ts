import type { GenerationOutput, SnapshotterEmitted } from '../../../machines/events.ts';
import type { GenerationRef, RunActionInput } from '../../../machines/ports.ts';
import type { SnapshotterContext } from '../../../machines/snapshotter-setup.ts';
import type { Cell, Output, Port } from './cells.ts';
import { digestOf } from './ledger.ts';
import { type Actor, type Note, slotOf, type Team } from './product.ts';
import {
  type Choice,
  contextOf,
  entryAt,
  type State,
  snapshotterOf,
  type Work,
  type World,
} from './world.ts';

/** One transition of the product: what was, what was chosen, what the actors did, what is. */
export interface Transition {
  readonly before: State;
  readonly choice: Choice;
  /** The world as chosen, before the actors did anything. */
  readonly chosen: World;
  readonly notes: readonly Note[];
  readonly after: State;
}

/** A state, with what most laws look at. */
interface Seen extends State {
  readonly snapshotter: SnapshotterContext | undefined;
  readonly live: readonly Team[];
}

const seen = (state: State): Seen => ({
  ...state,
  live: state.actors.teams.filter((team) => team !== undefined),
  snapshotter: snapshotterOf(state.actors),
});

const isIn = ({ generation }: Team, phase: string): boolean =>
  phase in Object(generation.state.value);
const isAscending = (values: readonly number[]): boolean =>
  values.every((value, index) => index === 0 || value > (values[index - 1] ?? 0));
const sorted = (values: readonly number[]): string => [...values].sort((a, b) => a - b).join();

/** The evidence at `at` says of this snapshot that it has its digest. */
function isEvidence(world: World, at: number, version: number): boolean {
  const entry = entryAt(world, at);
  return entry?.kind === 'evidence' && entry.version === version && entry.of !== 'false';
}
function isSignature(world: World, at: number): boolean {
  const entry = entryAt(world, at);
  return entry?.kind === 'signature' && entry.stage !== 'reserved';
}

/** Numbers are those of spec/pipeline.md 10.4; `rule 4` is that of the architecture. */
const stateLaws: Readonly<Record<string, (seen: Seen) => boolean>> = {
  '1: a name is there only with its evidence and a later signature committed': ({ world }) =>
    world.files.every(
      ({ version, evidence, signature }) =>
        isEvidence(world, evidence, version) &&
        isSignature(world, signature) &&
        evidence < signature &&
        signature <= world.committed,
    ),
  '2: snapshot, evidence, signature and commit follow each other': ({ live, world }) =>
    live.every((it) => isInOrder(it, world)),
  '3: what a generation rests on is in the ledger': ({ live, world }) =>
    live.every((it) => isIn(it, 'releasing') || restsOnLedger(it, world)),
  '6: a generation, and no other, has a slot': ({ live, snapshotter }) => {
    const slots = snapshotter?.slots.map(({ id }) => id) ?? [];
    return slots.sort().join() === live.map(({ slot }) => `slot:${slot}`).join();
  },
  '7: while a file is written no state is serialised': ({ live }) => live.every(isQuiet),
  '10: points are ascending, and of those that are committed one waits for a slot': (it) =>
    it.snapshotter === undefined ||
    (isAscending(it.snapshotter.points.map(({ seqno }) => seqno)) && waitsForSlot(it)),
  '11: a forced snapshot waits for one point or for a rollback': ({ actors, snapshotter, world }) =>
    !('open' in Object(actors.snapshotter?.state.value)) ||
    (snapshotter?.forced !== undefined) === world.forced,
  '14: after shutdown nothing lives and nothing is held': ({ actors, world }) =>
    actors.snapshotter !== undefined ||
    (actors.teams.every((team) => team === undefined) &&
      world.handles.length === 0 &&
      world.works.every((work) => work === undefined)),
  'rule 4: handles taken are those of frozen points and live generations': (it) => {
    const points = it.snapshotter?.points.filter(({ frozen }) => frozen) ?? [];
    const held = [...points, ...it.live.map(contextOf)];
    return sorted(held.map(({ seqno }) => seqno)) === sorted(it.world.handles);
  },
  'rule 4: at most one generation of a seqno lives': ({ live }) =>
    new Set(live.map((team) => contextOf(team).seqno)).size === live.length,
};

/** Under `drop` nothing waits; under `keep` one point does, as long as it may not start. */
function waitsForSlot({ actors, snapshotter, world }: Seen): boolean {
  const { points = [], slots = [], committed = 0, capacity, whenFull } = snapshotter ?? {};
  const waiting = points.filter(({ seqno, frozen }) => frozen && seqno <= committed);
  if (waiting.length === 0) return true;
  const mayStart = actors.snapshotter?.state.matches({ open: 'enabled' }) === true && world.led;
  return whenFull === 'keep' && waiting.length === 1 && !(mayStart && slots.length !== capacity);
}

function isInOrder(it: Team, world: World): boolean {
  const { seqno, evidenceSeqno: evidence, signatureSeqno: signature } = contextOf(it);
  if (evidence !== undefined && evidence <= seqno) return false;
  if (signature === undefined) return !isIn(it, 'persisting');
  if (evidence === undefined || evidence >= signature) return false;
  return !isIn(it, 'persisting') || signature <= world.committed;
}

function restsOnLedger(team: Team, world: World): boolean {
  const { seqno, evidenceSeqno, signatureSeqno, digest } = contextOf(team);
  const looks = team.generation.ports.map(
    ({ input }) => (input as { signatureSeqno: number }).signatureSeqno,
  );
  return (
    (digest === undefined || digest === digestOf(seqno)) &&
    (evidenceSeqno === undefined || isEvidence(world, evidenceSeqno, seqno)) &&
    (signatureSeqno === undefined || isSignature(world, signatureSeqno)) &&
    looks.every((at) => isSignature(world, at))
  );
}

const writes = ['appending', 'syncing', 'closing', 'publishing', 'syncingDirectory'];
const isQuiet = ({ writer, chain }: Team): boolean =>
  !writes.includes(String(writer?.state.value)) ||
  (chain?.ports ?? []).every(({ input }) => (input as RunActionInput).action.kind !== 'serialise');

/** What a step did, gathered from its notes. */
class Done {
  readonly ends: GenerationOutput[] = [];
  readonly starts: GenerationRef[] = [];
  readonly asked: { readonly actor: Actor; readonly port: Port }[] = [];
  readonly voided: { readonly actor: Actor; readonly port: Port }[] = [];
  readonly stopped: { readonly ended: Cell; readonly by: 'itself' | 'its owner' }[] = [];
  isSound = true;

  constructor(notes: readonly Note[]) {
    for (const note of notes) {
      if ('lost' in note) this.isSound = false;
      else if ('ended' in note) this.stopped.push(note);
      else this.#note(note.actor, note.output);
    }
  }

  #note(actor: Actor, output: Output): void {
    if (output.what === 'broke') this.isSound = false;
    if (output.what === 'asked') this.asked.push({ actor, port: output.port });
    if (output.what === 'voided') this.voided.push({ actor, port: output.port });
    if (output.what !== 'emitted') return;
    const event = output.event as SnapshotterEmitted;
    if (event.type === 'generation.ended') this.ends.push(event);
    if (event.type === 'generation.started') this.starts.push(event);
  }
}

/** What a step must have found in the spool. */
const spoolFor: Readonly<Record<string, Work['spool']>> = {
  ...{ openSpool: 'none', serialise: 'open', appendReceipt: 'filled', syncSpool: 'appended' },
  ...{ closeSpool: 'synced', publish: 'closed', syncDirectory: 'none' },
};
const stepOf = ({ id, input }: Port): string =>
  id === 'runAction' ? (input as RunActionInput).action.kind : id;

const stepLaws: Readonly<Record<string, (done: Done, transition: Transition) => boolean>> = {
  'no machine breaks, and no message is lost': ({ isSound }) => isSound,
  '5 and 12: what a generation says at its end is what is on disk': ({ ends }, { chosen }) =>
    ends.every((ended) => isTrue(ended, chosen)),
  '7: an action runs at most as often as it may': ({ asked }, { before }) =>
    asked.every(
      ({ port }) =>
        port.id !== 'runAction' ||
        (port.input as RunActionInput).attempt <= (snapshotterOf(before.actors)?.attemptsMax ?? 0),
    ),
  '7 and 12: each step finds the spool as the one before left it': ({ asked }, { chosen }) =>
    asked.every(({ actor, port }) => {
      const expected = spoolFor[stepOf(port)];
      const spool = chosen.works[slotOf(actor)]?.spool ?? 'none';
      return expected === undefined || spool === expected;
    }),
  '9: the baseline never goes back': (_, { before, after, choice }) =>
    choice.crash === true ||
    (snapshotterOf(after.actors)?.baseline ?? Number.POSITIVE_INFINITY) >=
      (snapshotterOf(before.actors)?.baseline ?? 0),
  '13: a name that is durable stays, with its content': (_, { before, after }) =>
    before.world.files.every(
      ({ version, evidence, signature, durable }) =>
        !durable ||
        after.world.files.some(
          (it) => it.version === version && it.evidence === evidence && it.signature === signature,
        ),
    ),
  '15: only a primary that is enabled starts a generation': ({ starts }, { after }) =>
    starts.length === 0 ||
    (after.actors.snapshotter?.state.matches({ open: 'enabled' }) === true && after.world.led),
  '16: a snapshot is of a chunk end': ({ starts }, { after }) =>
    starts.every(({ seqno }) => {
      const entry = entryAt(after.world, seqno);
      return entry?.kind === 'signature' && entry.stage === 'complete' && entry.ends;
    }),
  '18: a generation that nothing befell ends committed': ({ ends }, { chosen }) =>
    ends.every(
      ({ outcome, seqno }) => outcome === 'committed' || workOf(chosen, seqno)?.hurt !== false,
    ),
  'rule 4: every end is told once': ({ ends, stopped }) =>
    ends.length === stopped.filter(({ ended }) => ended.kind === 'generation').length,
  'rule 4: nothing unfinished is just stopped': ({ stopped, voided, asked }) =>
    stopped.every(({ ended, by }) => by === 'itself' || ended.ports.length === 0) &&
    voided.every(
      ({ actor, port }) =>
        mayBeVoid.includes(port.id) ||
        (steps.includes(port.id) &&
          asked.some((it) => it.actor === actor && it.port.id === 'discardSpool')),
    ),
};

/** A verifier only reads. */
const mayBeVoid = ['verifySignature', 'proveEvidence'];
/** A step on a spool is awaited by the unlinking that was asked meanwhile: see the ports' order contract. */
const steps = ['openSpool', 'appendReceipt', 'syncSpool', 'closeSpool'];

const workOf = ({ works }: World, version: number) => works.find((it) => it?.version === version);

/** A file is there if and only if the generation says so, and nothing else of it is left. */
function isTrue({ outcome, seqno, leftover }: GenerationOutput, world: World): boolean {
  const work = workOf(world, seqno);
  const file = world.files.find(({ version }) => version === seqno);
  if (work?.spool !== 'none' || leftover !== work.leftover) return false;
  if (outcome === 'committed') return file?.durable === true;
  // Another generation's sync may have made it durable all the same.
  return (outcome === 'committed-not-durable') === (file !== undefined);
}

const stepLawList = Object.entries(stepLaws);
const stateLawList = Object.entries(stateLaws);
export const lawCount = stepLawList.length + stateLawList.length + 3;

type IsAsked = (law: string) => boolean;

/** The first law that the transition breaks. */
export function brokenByStep(transition: Transition, isAsked: IsAsked): string | undefined {
  const done = new Done(transition.notes);
  return stepLawList.find(([law, holds]) => !holds(done, transition) && isAsked(law))?.[0];
}

/** The first law that does not hold in the state. */
export function brokenInState(state: State, isAsked: IsAsked): string | undefined {
  const now = seen(state);
  return stateLawList.find(([law, holds]) => !holds(now) && isAsked(law))?.[0];
}
