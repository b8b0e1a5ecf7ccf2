import { type Digest, digest, type Seqno, seqno as toSeqno } from '../../../src/core/words.ts';
import type { Command } from './commands.ts';
import type { FaultKind, Port, Ticket } from './gates.ts';
import { hold } from './invariants.ts';
import type { Flaw, Ledger } from './ledger.ts';
import type { Model } from './model.ts';
import type { ModelGeneration } from './model-generation.ts';
import type { World } from './world.ts';

/** What a command is done to: the snapshotter and the model of it, over one log. */
export interface Both {
  readonly world: World;
  readonly model: Model;
  readonly ledger: Ledger;
  /** What the host says of itself when it commits. */
  isPrimary: boolean;
  close(): void;
}

/** Does a command to the snapshotter and to the model; what it answers at once must be equal. */
export function perform(run: Both, command: Command): void {
  const { world, model, ledger } = run;
  switch (command.kind) {
    case 'transaction':
      for (let i = 0; i < command.count; i++) ledger.write();
      return;
    case 'signature':
      sign(run, command.flaw, command.failsToFreeze);
      return;
    case 'commit':
      commit(run, command.to === 'any' ? anyAbove(run, command.pick) : signed(run, command.pick));
      return;
    case 'rollback': {
      const to = command.isDeep ? anyAbove(run, command.pick) : justBelow(run, command.pick);
      world.snapshotter.rollback(to);
      model.rollback(to);
      ledger.rollback(to);
      return;
    }
    case 'role':
      run.isPrimary = command.isPrimary;
      return;
    case 'force':
      world.snapshotter.force();
      model.force();
      return;
    case 'enable':
    case 'disable':
      world.snapshotter[command.kind]();
      model.enable(command.kind === 'enable');
      return;
    case 'evidence':
      evidence(run, command);
      return;
    case 'take':
      for (let i = 1; i < Math.min(model.settings.txInterval, 8); i++) ledger.write();
      sign(run, 'none', false);
      commit(run, ledger.last);
      return;
    case 'prove':
      prove(run);
      return;
    case 'policy':
      world.policy = command.policy;
      model.policy = command.policy;
      return;
    case 'answer':
      answer(run, command);
      return;
    case 'fault':
      fault(run, command);
      return;
    case 'crash':
    case 'strike':
      throw new Error(`${command.kind} takes its time: see Run`);
    case 'pass':
      world.clock.pass(command.ms);
      model.pass(command.ms);
      return;
    case 'jump':
      world.clock.jump(command.ms);
      model.jump(command.ms);
      return;
    case 'status': {
      const snapshotSeqno = toSeqno(command.pick % (ledger.last + 1));
      const ms = world.clock.now() - command.ageMs;
      world.snapshotter.recordStatus({ snapshotSeqno, timestamp: BigInt(ms) * 1_000_000n });
      model.status(snapshotSeqno, ms);
      return;
    }
    case 'cancel': {
      const { generation } = picked(world.snapshotter.live, command.pick) ?? { generation: 99 };
      world.snapshotter.cancel(generation);
      model.cancel(generation);
      return;
    }
    case 'close':
      run.close();
      return;
    case 'stale':
      stale(run);
      return;
  }
}

function sign(run: Both, flaw: Flaw, failsToFreeze: boolean): void {
  const { world, model, ledger } = run;
  const seqno = toSeqno(ledger.last + 1);
  const expected = run.isPrimary && model.committable(seqno);
  world.failsToFreeze = failsToFreeze;
  const isPoint = ledger.sign(world.snapshotter, run.isPrimary, flaw);
  // 16: every point, and nothing else, ends its ledger chunk.
  hold('10.4.16', isPoint === expected, `${seqno} is ${isPoint ? 'a' : 'no'} point`);
  model.signature(seqno, (of) => ({
    verifies: flaw === 'none',
    proves: flaw !== 'tree' || of.evidence !== seqno - 1,
  }));
  if (expected) model.frozen(seqno, failsToFreeze ? undefined : ledger.digestAt(seqno));
}

function commit(run: Both, to: Seqno): void {
  const { world, model, isPrimary } = run;
  world.snapshotter.commit(to, { primary: isPrimary });
  model.commit(to, isPrimary);
}

function recordEvidence(run: Both, snapshotSeqno: Seqno, claim: Digest): void {
  const { world, model, ledger } = run;
  const { seqno, evidence: recorded } = ledger.appendEvidence(snapshotSeqno, claim);
  world.snapshotter.recordEvidence(seqno, recorded);
  model.evidence(seqno, snapshotSeqno, claim);
}

const wrongDigest = digest('ab'.repeat(32));

function evidence(run: Both, { claim, pick }: Extract<Command, { kind: 'evidence' }>): void {
  const target = picked(run.model.generations, pick);
  if (claim === 'unknown' || target === undefined) {
    recordEvidence(run, toSeqno(100_000 + pick), wrongDigest);
    return;
  }
  // The right digest of a generation that has not serialised yet is early evidence.
  const right = digest(target.begun.digest);
  recordEvidence(run, toSeqno(target.snapshotSeqno), claim === 'right' ? right : wrongDigest);
}

/** As a host does it that is in no one's way: all of it in one turn. */
function prove(run: Both): void {
  const waits = ({ phase, evidence: seen }: ModelGeneration) =>
    seen === undefined && (phase === 'serialised' || phase === 'awaiting-evidence');
  for (const { begun } of run.model.generations.filter(waits)) {
    recordEvidence(run, toSeqno(begun.snapshotSeqno), digest(begun.digest));
  }
  sign(run, 'none', false);
  commit(run, run.ledger.last);
}

function answer(run: Both, { answer: how, pick }: Extract<Command, { kind: 'answer' }>): void {
  const { world, model, ledger } = run;
  const submission = picked(world.submissions, pick);
  if (submission === undefined) return;
  world.submissions.splice(world.submissions.indexOf(submission), 1);
  const { snapshotSeqno, resolve, reject } = submission;
  const seqno = toSeqno(ledger.last + 1);
  if (how === 'accept') resolve({ seqno });
  else if (how === 'refuse') resolve('refused');
  else reject(new TypeError('the log is broken'));
  const of = model.generations.find((generation) => generation.snapshotSeqno === snapshotSeqno);
  if (how === 'accept') of?.answerSubmission({ seqno });
  else of?.answerSubmission(how === 'refuse' ? 'refused' : 'threw');
}

function fault(run: Both, command: Extract<Command, { kind: 'fault' }>): void {
  const { fault: kind, pick, times, isAtHand } = command;
  const { world, model, ledger } = run;
  const { waiting } = world.gates;
  const atHand = isAtHand ? picked(waiting, pick) : undefined;
  if (atHand !== undefined) {
    armAt(run, atHand, pick);
    return;
  }
  const versions = [
    ...model.generations.map(({ snapshotSeqno }) => snapshotSeqno),
    ...model.points.map(({ seqno }) => seqno),
    ledger.last + 1,
  ];
  const snapshotSeqno = picked(versions, pick);
  if (snapshotSeqno === undefined) return;
  for (let i = 0; i < times; i++) {
    world.faults.arm(kind, snapshotSeqno);
    model.faults.arm(kind, snapshotSeqno);
  }
}

const faultsOf: Readonly<Record<Port, readonly FaultKind[]>> = {
  open: ['open'],
  serialise: ['fill', 'serialise-throws'],
  verify: ['verify-throws'],
  prove: [],
  check: ['check-refuses', 'check-throws'],
  append: ['append'],
  sync: ['sync'],
  close: ['close'],
  publish: ['rename', 'rename', 'duplicate', 'conflict'],
  dirsync: ['dirsync'],
  remove: ['remove'],
};

/** Lets the next call of this port fail, one way or another, if it can. */
export function armAt({ world, model }: Both, { port, snapshotSeqno }: Ticket, pick: number): void {
  const kinds = faultsOf[port];
  const chosen = kinds[pick % kinds.length];
  if (chosen === undefined) return;
  world.faults.arm(chosen, snapshotSeqno);
  model.faults.arm(chosen, snapshotSeqno);
}

/** Calls of a host that has lost count: each is refused with its code, and changes nothing. */
function stale({ world, model }: Both): void {
  const { committed, floor } = model;
  if (floor === 0) return;
  const { snapshotter } = world;
  const below = toSeqno(floor - 1);
  const codes = [
    codeOf(() => snapshotter.commit(below, { primary: true })),
    codeOf(() => snapshotter.rollback(below)),
    codeOf(() => snapshotter.recordSignature(toSeqno(committed), new Uint8Array(1))),
    codeOf(() => snapshotter.recordTree(toSeqno(committed), new Uint8Array(16))),
  ];
  const expected =
    'COMMIT_BELOW_COMMIT,ROLLBACK_BELOW_COMMIT,PROOF_BELOW_COMMIT,PROOF_BELOW_COMMIT';
  hold('typed errors', codes.join() === expected, codes.join());
}

/** With what a call is refused. */
export function codeOf(call: () => void): string | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

/** A seqno that is not committed yet, or the last that is. */
function anyAbove({ model, ledger }: Both, pick: number): Seqno {
  return toSeqno(model.floor + (pick % (ledger.last - model.floor + 1)));
}

/** So that the last entry is gone, or the last few. */
function justBelow({ model, ledger }: Both, pick: number): Seqno {
  return toSeqno(Math.max(model.floor, ledger.last - 1 - (pick % 3)));
}

/** As consensus commits: up to one of the last signatures. */
function signed(run: Both, pick: number): Seqno {
  const { model, ledger } = run;
  const seqnos: number[] = [model.floor];
  for (let seqno = model.floor + 1; seqno <= ledger.last; seqno++) {
    if (ledger.entryAt(seqno)?.kind === 'signature') seqnos.push(seqno);
  }
  return toSeqno(seqnos.at(-1 - (pick % seqnos.length)) ?? model.floor);
}

function picked<T>(items: readonly T[], pick: number): T | undefined {
  return items[pick % items.length];
}
