import type { AnyEventObject } from 'xstate';
import type { ActionOutput, ProveEvidenceInput, RunActionInput } from '../../../machines/ports.ts';
import type { WriterContext } from '../../../machines/writer.ts';
import { InclusionProof, SignatureProof } from '../../../src/core/proofs.ts';
import { digest, type Seqno, seqno } from '../../../src/core/words.ts';
import type { Cell, Port } from './cells.ts';
import { digestOf, recordedEvidence, shared } from './ledger.ts';
import { type Actor, generationIn, type Team } from './product.ts';
import {
  append,
  type Change,
  type Choice,
  changeWork,
  contextOf,
  entryAt,
  good,
  hurt,
  isComplete,
  lastSeqno,
  limited,
  type State,
  same,
  type Work,
  type World,
} from './world.ts';

/** A port that waits for its answer, and everything that the answer depends on. */
interface Open {
  readonly world: World;
  readonly team: Team;
  readonly actor: Actor;
  readonly cell: Cell;
  readonly port: Port;
  readonly attemptsMax: number;
}

/** What the ports can answer, and the timers that can ring. */
export function portChoices({ actors, world }: State, attemptsMax: number): readonly Choice[] {
  const choices: Choice[] = [];
  for (const team of actors.teams) {
    if (team === undefined) continue;
    for (const [index, cell] of [team.generation, team.chain, team.writer].entries()) {
      if (cell === undefined) continue;
      const actor = generationIn(team.slot) + index;
      for (const port of cell.ports) {
        choices.push(...answersOf({ world, team, actor, cell, port, attemptsMax }));
      }
      for (const type of cell.timers) choices.push(...ring(world, actor, team.slot, type));
    }
  }
  return choices;
}

function ring(world: World, actor: Actor, slot: number, type: string): readonly Choice[] {
  const event = shared(type, () => ({ type }));
  return limited('fault', world, {
    label: `slot ${slot}: ${type.replace(/xstate\.after\.|\.generation.*/g, '')}`,
    change: (it) => hurt(it, slot),
    deliveries: [{ to: actor, event }],
  });
}

const done = (id: string, key: string, output: unknown): AnyEventObject =>
  shared(`${id} done ${key}`, () => ({ type: `xstate.done.actor.${id}`, output, actorId: id }));
const failed = (id: string): AnyEventObject =>
  shared(`${id} failed`, () => {
    const error = new Error(`${id} failed`);
    return { type: `xstate.error.actor.${id}`, error, actorId: id };
  });

/** The wanted answer. */
function wanted({ team, port, actor }: Open, key: string, output: unknown, change = same): Choice {
  const label = `slot ${team.slot}: ${port.id}${key === '' ? '' : ` ${key}`} done`;
  return good(label, change, [{ to: actor, event: done(port.id, key, output) }]);
}

/** Another answer; the generation need not survive it when it `hurts`. */
function unwanted(
  { team, world, actor }: Open,
  what: string,
  { event, hurts, change = same }: { event: AnyEventObject; hurts: boolean; change?: Change },
): readonly Choice[] {
  return limited('fault', world, {
    label: `slot ${team.slot}: ${what}${hurts ? '' : ', not for good'}`,
    change: (it) => (hurts ? hurt(change(it), team.slot) : change(it)),
    deliveries: [{ to: actor, event }],
  });
}

function answersOf(open: Open): readonly Choice[] {
  const { id } = open.port;
  const fails = (hurts: boolean) => unwanted(open, `${id} failed`, { event: failed(id), hurts });
  switch (id) {
    case 'runAction':
      return actionAnswers(open);
    case 'verifySignature':
    case 'proveEvidence':
      return [...proofs(open), ...fails(true)];
    case 'publish':
      return publishAnswers(open);
    case 'syncDirectory':
      return [wanted(open, '', undefined, synced), ...fails(true)];
    case 'discardSpool':
      return discardAnswers(open);
    default:
      return [wanted(open, '', undefined, spoolBecomes(open)), ...fails(isLastSpool(open))];
  }
}

const spoolAfter: Readonly<Record<string, Work['spool']>> = {
  openSpool: 'open',
  appendReceipt: 'appended',
  syncSpool: 'synced',
  closeSpool: 'closed',
};

function spoolBecomes({ team, port }: Open): Change {
  const spool = spoolAfter[port.id];
  if (spool === undefined) throw new Error(`the ports do not know ${port.id}`);
  return (it) => changeWork(it, team.slot, { spool });
}

/** A writer survives the failure of a step as long as it may write another spool. */
function isLastSpool({ cell, attemptsMax }: Open): boolean {
  const { attempt = 0 } = cell.state.context as Partial<WriterContext & { attempt: number }>;
  return attempt + 1 >= attemptsMax;
}

function discardAnswers(open: Open): readonly Choice[] {
  const { slot } = open.team;
  const event = failed('discardSpool');
  const change: Change = (it) => changeWork(it, slot, { spool: 'none', leftover: true });
  return [
    wanted(open, '', undefined, (it) => changeWork(it, slot, { spool: 'none' })),
    ...unwanted(open, 'discardSpool failed', { event, hurts: false, change }),
  ];
}

const synced: Change = (world) => ({
  ...world,
  files: world.files.map((file) => ({ ...file, durable: true })),
});

/** `<version>_<evidence>_<signature>`: the name of a file tells the model what its receipt says. */
function publishAnswers(open: Open): readonly Choice[] {
  const { world, team } = open;
  const name = (open.port.input as { file: string }).file;
  const [version = 0, evidence = 0, signature = 0] = name.split('_').map(Number);
  const isTaken = world.files.some((it) => it.version === version && it.evidence === evidence);
  const file = { version, evidence, signature, durable: false };
  const published: Change = (it) => ({
    ...changeWork(it, team.slot, { spool: 'none' }),
    files: [...it.files, file],
  });
  const found = (what: string) =>
    unwanted(open, `publish found a ${what}`, { event: done('publish', what, what), hurts: true });
  const fails = { event: failed('publish'), hurts: isLastSpool(open) };
  return [
    ...(isTaken ? [] : [wanted(open, 'published', 'published', published)]),
    ...found('duplicate'),
    ...found('conflict'),
    ...unwanted(open, 'publish failed', fails),
  ];
}

/** Verifiers are honest: they find what is in the ledger, and nothing else. */
function proofs(open: Open): readonly Choice[] {
  const { world, port } = open;
  const { evidenceSeqno, signatureSeqno: at } = port.input as ProveEvidenceInput;
  const signature = entryAt(world, at);
  if (signature?.kind !== 'signature' || signature.stage !== 'complete') return [];
  if (port.id === 'verifySignature') {
    const proof = shared(`proof ${at}`, () => answer(new SignatureProof('cose', at, root(at))));
    return [wanted(open, `${at}`, proof['output'])];
  }
  if (entryAt(world, evidenceSeqno)?.kind !== 'evidence' || evidenceSeqno > at) return [];
  const proof = shared(`proof ${evidenceSeqno} under ${at}`, () =>
    answer(new InclusionProof(evidenceSeqno, at, root(at))),
  );
  return [wanted(open, `${evidenceSeqno} under ${at}`, proof['output'])];
}

const answer = (output: unknown): AnyEventObject => ({ type: 'answer', output });
const root = (at: Seqno) => digest(at.toString(16).padStart(64, 'e'));

function actionAnswers(open: Open): readonly Choice[] {
  const { team, actor, port, attemptsMax } = open;
  const { action, attempt } = port.input as RunActionInput;
  const { kind } = action;
  // Whatever an aborted action answers, it is void: one answer stands for all of them.
  if (open.cell.state.matches({ running: 'aborting' })) {
    const label = `slot ${team.slot}: ${kind} aborted`;
    return [good(label, same, [{ to: actor, event: failed(port.id) }])];
  }
  const hurts = attempt >= attemptsMax;
  const throws = unwanted(open, `${kind} threw`, { event: failed(port.id), hurts: true });
  if (kind === 'submit-evidence') return [...submissionAnswers(open, hurts), ...throws];
  const fails = unwanted(open, `${kind} failed`, { event: refusal(kind), hurts });
  return [completed(open, outputOf(open), afterAction(open)), ...fails, ...throws];
}

const refusal = (kind: string): AnyEventObject =>
  done('runAction', `${kind} failed`, { status: 'failed', kind, reason: 'refused' });

function outputOf({ port }: Open): ActionOutput {
  const { action, seqno: version } = port.input as RunActionInput;
  if (action.kind !== 'build-receipt') {
    return { kind: 'serialise', digest: digestOf(version), bytes: 1 };
  }
  const file = [version, action.evidenceSeqno, action.signatureSeqno].join('_');
  return { kind: 'build-receipt', file, bytes: 1 };
}

/** A serialised state fills the spool. */
function afterAction({ port, team }: Open): Change {
  const { action } = port.input as RunActionInput;
  if (action.kind !== 'serialise') return same;
  return (it) => changeWork(it, team.slot, { spool: 'filled' });
}

function completed({ team, actor }: Open, output: ActionOutput, change: Change): Choice {
  const { kind, ...more } = output;
  const key = `${kind} ${Object.values(more).join()}`;
  const event = done('runAction', key, { status: 'completed', output });
  const { seqno: version } = contextOf(team);
  const what =
    output.kind === 'submit-evidence'
      ? `evidence of ${version} accepted at ${output.seqno}`
      : `${kind} completed`;
  return good(`slot ${team.slot}: ${what}`, change, [{ to: actor, event }]);
}

/** Evidence may be told before its submission is answered, or after; one that nobody took is refused. */
function submissionAnswers(open: Open, hurts: boolean): readonly Choice[] {
  const { world, team, actor, port } = open;
  const { seqno: version } = port.input as RunActionInput;
  const there = seenAt(open, version);
  const accepted = (at: number, change: Change) =>
    completed(open, { kind: 'submit-evidence', seqno: seqno(at) }, change);
  if (there !== undefined) return [accepted(there, same)];
  const event = refusal('submit-evidence');
  const what = `evidence of ${version} refused`;
  if (!world.primary) {
    const label = `slot ${team.slot}: ${what} by a backup`;
    const change: Change = (it) => hurt(it, team.slot);
    return [{ label, kind: 'forced', change, deliveries: [{ to: actor, event }] }];
  }
  const refused = unwanted(open, what, { event, hurts });
  if (!isComplete(world.entries.at(-1))) return refused;
  const untold: Change = (it) => append(it, { kind: 'evidence', version, of: 'own', told: false });
  const early = accepted(lastSeqno(world) + 1, untold);
  return [
    recordedEvidence(world, version, 'own'),
    { ...early, label: `${early.label}, not yet recorded` },
    ...refused,
  ];
}

/** Where the ledger has the evidence of this submission, so that this is its answer. */
function seenAt({ world, team }: Open, version: number): number | undefined {
  const index = world.entries.findIndex(
    (entry) => entry.kind === 'evidence' && entry.version === version && entry.of === 'own',
  );
  if (index >= 0) return lastSeqno(world) - world.entries.length + index + 1;
  return contextOf(team).evidenceSeqno;
}
