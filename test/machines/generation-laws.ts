import type { AnyMachineSnapshot } from 'xstate';
import type { GenerationOutput } from '../../machines/events.ts';
import type { GenerationContext } from '../../machines/generation-setup.ts';
import { digest, type Outcome, type ReceiptForm } from '../../src/core/words.ts';
import { childDone, childFailed, delayPassed } from '../../src/testing/graph/alphabet.ts';
import type { Edge } from '../../src/testing/graph/explore.ts';
import type { Invariants, RunLaws } from '../../src/testing/graph/invariants.ts';
import type { Path } from '../../src/testing/graph/paths.ts';
import type { LiveRun } from '../../src/testing/graph/runner.ts';
import type { ChildNote } from '../../src/testing/graph/stub.ts';
import { at, evidence, fact } from './alphabets.ts';
import { expectedOutcome } from './generation-reference.ts';

const known = (state: AnyMachineSnapshot) => state.context as GenerationContext;
const proving = (region: string, inner: string) => ({
  'awaiting-evidence': { proving: { [region]: inner } },
});
const isReleasing = (state: AnyMachineSnapshot): boolean => state.matches('releasing');
const isPastGate = (state: AnyMachineSnapshot): boolean =>
  state.matches('persisting') || state.matches('committed') || state.matches('notDurable');

const isWaiting = (state: AnyMachineSnapshot): boolean =>
  state.matches('serialised') || state.matches('awaiting-evidence');
const verifiers = { verifySignature: 'signature', proveEvidence: 'tree' } as const;

/** Which outcomes each final state may have. */
const outcomesOf: Readonly<Record<string, readonly Outcome[]>> = {
  committed: ['committed'],
  notDurable: ['committed-not-durable'],
  duplicate: ['duplicate'],
  'rolled-back': ['rolled-back'],
  cancelled: ['cancelled'],
  refused: ['evidence-refused', 'proof-refused'],
  failed: ['serialise-failed', 'conflict', 'persist-failed', 'timed-out', 'poisoned'],
};

/** The only samples that a verifier could have made, by the signature that they are for. */
const genuine = {
  signature: {
    [at.signature]: 'signature proven',
    [at.laterSignature]: 'later signature proven',
  },
  tree: {
    [at.signature]: 'evidence proven',
    [at.laterSignature]: 'evidence proven in the later tree',
  },
} as const;

/** True when this step, and none before it, brought the region to its last state. */
function opens({ source, target }: Edge, region: string, last: string): boolean {
  const isOpenAfter =
    target.state.matches(proving(region, last)) ||
    (target.state.matches('persisting') && !source.state.matches('persisting'));
  return isOpenAfter && !source.state.matches(proving(region, last));
}

function isGenuine({ label, source }: Edge, proof: keyof typeof genuine): boolean {
  const signature = known(source.state).signatureSeqno;
  const bySignature: Readonly<Record<number, string>> = genuine[proof];
  return signature !== undefined && bySignature[signature] === label;
}

function takesSignature({ source, event }: Edge): boolean {
  const { evidenceSeqno = 0, signatureSeqno = 0 } = known(source.state);
  return (
    event.type === 'rollback.occurred' &&
    source.state.matches({ 'awaiting-evidence': 'proving' }) &&
    signatureSeqno > event['seqno'] &&
    evidenceSeqno <= event['seqno']
  );
}

/** What a live generation must hear, by the state that it is in. */
const heardIn: Invariants['states'] = {
  'a generation that is not ending hears of each spool, and that it is cancelled': (state) =>
    state.status !== 'active' ||
    isReleasing(state) ||
    (state.can({ type: 'spool.opened' }) && state.can({ type: 'cancel.requested' })),
  'chain and writer are awaited, however they end': (state) =>
    state.status !== 'active' ||
    ['chain', 'writer'].every(
      (child) =>
        state.can(childFailed(child, new Error('broke'))) &&
        state.can(childDone(child, { status: 'discarded' })),
    ),
  'a verifier is awaited, whatever it finds': (state) =>
    Object.entries(verifiers).every(
      ([child, region]) =>
        !state.matches(proving(region, 'verifying')) ||
        (state.can(childDone(child, undefined)) && state.can(childFailed(child, new Error('no')))),
    ),
  'another content of the same state is heard, once one is known': (state) =>
    state.status !== 'active' ||
    isReleasing(state) ||
    known(state).digest === undefined ||
    ['d', 'e'].every((hex) => {
      const output = { kind: 'serialise', digest: digest(hex.repeat(64)), bytes: 1 };
      return state.can({ type: 'action.completed', output });
    }),
  'what waits for others waits no longer than it may': (state) =>
    ['serialised', 'awaiting-evidence'].every(
      (name) =>
        !state.matches(name) || state.can(delayPassed('evidenceTimeout', `generation.${name}`)),
    ),
  'a rollback is heard where it takes evidence or signature': (state) => {
    const { evidenceSeqno, submittedSeqno, signatureSeqno } = known(state);
    const newest = signatureSeqno ?? evidenceSeqno ?? submittedSeqno ?? at.evidence;
    return !isWaiting(state) || state.can(fact('rollback.occurred', newest - 1));
  },
  'the proof that is missing is heard, from the first seqno that it may have': (state) => {
    const { evidenceSeqno = 0, signatureSeqno } = known(state);
    const missing = {
      'signature.recorded': state.matches(proving('signature', 'missing')) && evidenceSeqno + 1,
      'tree.recorded': state.matches(proving('tree', 'missing')) && signatureSeqno,
      'commit.advanced': state.matches(proving('commit', 'waiting')) && signatureSeqno,
    };
    return Object.entries(missing).every(
      ([type, seqno]) => !seqno || state.can({ type, seqno, primary: true }),
    );
  },
  'its evidence is heard while none is known': (state) =>
    !(state.matches('serialised') || state.matches({ 'awaiting-evidence': 'unseen' })) ||
    state.can(evidence(at.evidence, at.snapshot)),
};

/** What a step may know that it did not know before. */
const learnt: Invariants['steps'] = {
  'evidence is of this snapshot and digest': ({ source, event, target }) =>
    known(source.state).evidenceSeqno === known(target.state).evidenceSeqno ||
    (event['snapshotSeqno'] === at.snapshot &&
      event['digest'] === known(source.state).digest &&
      event['seqno'] === known(target.state).evidenceSeqno),
  'evidence is collected as soon as it is seen': ({ source, event, target }) =>
    event.type !== 'evidence.recorded' ||
    known(source.state).evidenceSeqno !== undefined ||
    target.state.matches({ 'awaiting-evidence': 'proving' }) ===
      (known(target.state).evidenceSeqno !== undefined),
  'a verifier starts with the tree of the signature that is known': ({ source, event, target }) =>
    Object.values(verifiers).every(
      (region) =>
        !target.state.matches(proving(region, 'verifying')) ||
        source.state.matches(proving(region, 'verifying')) ||
        (event.type === 'tree.recorded' && event['seqno'] === known(source.state).signatureSeqno),
    ),
  'a genuine proof verifies': (edge) =>
    Object.entries(verifiers).every(
      ([child, region]) =>
        edge.event.type !== `xstate.done.actor.${child}` ||
        isReleasing(edge.target.state) ||
        opens(edge, region, 'verified'),
    ),
  'a signature that is recorded is the one that is known': ({ event, source, target }) =>
    event.type !== 'signature.recorded' ||
    known(source.state).signatureSeqno !== undefined ||
    (target.state.matches(proving('signature', 'recorded')) &&
      known(target.state).signatureSeqno === event['seqno']),
  'a rollback that takes the evidence ends it': ({ source, event, target }) => {
    const { evidenceSeqno, submittedSeqno = Number.POSITIVE_INFINITY } = known(source.state);
    return (
      event.type !== 'rollback.occurred' ||
      !isWaiting(source.state) ||
      (evidenceSeqno ?? submittedSeqno) <= event['seqno'] ||
      (isReleasing(target.state) && known(target.state).outcome === 'rolled-back')
    );
  },
};

export const generationInvariants: Invariants = {
  states: {
    ...heardIn,
    'evidence comes after the snapshot': (state) =>
      (known(state).evidenceSeqno ?? Number.POSITIVE_INFINITY) > known(state).seqno,
    'the signature comes after the evidence': (state) =>
      (known(state).signatureSeqno ?? Number.POSITIVE_INFINITY) >
      (known(state).evidenceSeqno ?? Number.NEGATIVE_INFINITY),
    'what is persisted has digest, evidence and signature': (state) =>
      !isPastGate(state) ||
      ![known(state).digest, known(state).evidenceSeqno, known(state).signatureSeqno].includes(
        undefined,
      ),
    'a final state has one of its outcomes': (state) =>
      state.status !== 'done' ||
      (outcomesOf[String(state.value)] ?? []).includes((state.output as GenerationOutput).outcome),
    'the outcome told is the one decided': (state) =>
      state.status !== 'done' ||
      (state.output as GenerationOutput).outcome === known(state).outcome,
    'a published file, and no other, is named': (state) =>
      state.status !== 'done' ||
      (state.matches('committed') || state.matches('notDurable')) ===
        ((state.output as GenerationOutput).file !== undefined),
  },
  steps: {
    ...learnt,
    'a signature is verified by its own genuine proof alone': (edge) =>
      !opens(edge, 'signature', 'verified') || isGenuine(edge, 'signature'),
    'a tree is verified by its own genuine proof alone': (edge) =>
      !opens(edge, 'tree', 'verified') || isGenuine(edge, 'tree'),
    'commit passes when it reaches the signature': (edge) =>
      !opens(edge, 'commit', 'passed') ||
      (edge.event.type === 'commit.advanced' &&
        edge.event['seqno'] >= (known(edge.source.state).signatureSeqno ?? Number.NaN)),
    'persisting is entered from proving alone': ({ source, target }) =>
      !target.state.matches('persisting') ||
      source.state.matches('persisting') ||
      source.state.matches({ 'awaiting-evidence': 'proving' }),
    'a rollback that takes the signature voids every proof': (edge) =>
      !takesSignature(edge) ||
      (known(edge.target.state).signatureSeqno === undefined &&
        ['signature', 'tree'].every((it) => edge.target.state.matches(proving(it, 'missing'))) &&
        edge.target.state.matches(proving('commit', 'waiting'))),
    'a rollback that takes nothing known changes nothing': ({ source, target, event }) => {
      const { submittedSeqno, evidenceSeqno, signatureSeqno } = known(source.state);
      const newest = signatureSeqno ?? evidenceSeqno ?? submittedSeqno;
      return (
        event.type !== 'rollback.occurred' ||
        newest === undefined ||
        newest > event['seqno'] ||
        source === target
      );
    },
    'only writing and releasing end': ({ source, target }) =>
      target.state.status === 'active' ||
      source.state.matches('releasing') ||
      source.state.matches({ persisting: 'writing' }),
    'releasing ends with chain and writer ended': ({ source, target, event }) =>
      !source.state.matches('releasing') ||
      target.state.status === 'active' ||
      ((source.state.matches({ releasing: { chain: 'stopped' } }) ||
        event.type.endsWith('.actor.chain')) &&
        (source.state.matches({ releasing: { writer: 'discarded' } }) ||
          event.type.endsWith('.actor.writer'))),
  },
};

const told = (run: LiveRun, child: string, type: string) =>
  run.children.filter(
    ({ what, detail, ...note }) =>
      note.child === child && what === 'received' && (detail as { type: string }).type === type,
  );

const inOrder = ['serialise', 'submit-evidence', 'build-receipt'];

function asked(run: LiveRun): readonly number[] {
  return told(run, 'chain', 'action.requested').map(({ detail }) =>
    inOrder.indexOf((detail as { action: { kind: string } }).action.kind),
  );
}

/** Steps with this sample while the generation still listened. */
const heard = (path: Path, label: string): Path =>
  path.filter((edge) => edge.label === label && !isReleasing(edge.source.state));

const indexOf = (run: LiveRun, note: ChildNote | undefined): number =>
  note ? run.children.indexOf(note) : Number.POSITIVE_INFINITY;

const ended = (run: LiveRun, child: string): boolean =>
  run.children.some((note) => note.child === child && note.what === 'ended');

export const generationRunLaws: RunLaws = {
  'the handle is released once, at the end': (run) =>
    run.actions.filter(({ type }) => type === 'releaseHandle').length ===
    (run.state.status === 'done' ? 1 : 0),
  'the owner is told of the end once': (run) =>
    run.reports.length === (run.state.status === 'done' ? 1 : 0),
  'it ends when its writer has, and its chain unless that is idle': (run) =>
    run.state.status !== 'done' ||
    (ended(run, 'writer') && (ended(run, 'chain') || run.states.at(-2)?.value?.persisting)),
  'releasing stops the chain and the writer, each once': (run, path) =>
    path
      .filter(({ source, target }) => isReleasing(target.state) && !isReleasing(source.state))
      .every(({ event }) =>
        Object.entries({ chain: 'cancel.requested', writer: 'discard.requested' }).every(
          ([child, type]) =>
            told(run, child, type).length === (event.type.endsWith(`.actor.${child}`) ? 0 : 1),
        ),
      ),
  'a leftover is known when the writer told of one, or broke off': (run, path) =>
    run.state.status !== 'done' ||
    (run.state.output as GenerationOutput).leftover ===
      path.some(
        ({ event }) =>
          event['output']?.leftover === true || event.type === 'xstate.error.actor.writer',
      ),
  'the chain is asked for evidence and receipt once, in order': (run) => {
    const once = asked(run).filter((kind) => kind > 0);
    return once.every((kind, index) => index === 0 || kind > (once[index - 1] ?? 0));
  },
  'the chain is asked for evidence once the digest is known, for the receipt once the gate is open':
    (run) =>
      ['serialised', 'persisting'].every(
        (phase, index) =>
          asked(run).includes(index + 1) === run.states.some((it) => it.matches(phase)),
      ),
  'what the chain is asked for names what is known': (run) =>
    told(run, 'chain', 'action.requested')
      .map(({ detail }) => (detail as { action: Partial<GenerationContext> }).action)
      .every((action) =>
        (['digest', 'evidenceSeqno', 'signatureSeqno'] as const).every((name) =>
          [undefined, known(run.state)[name]].includes(action[name]),
        ),
      ),
  'the chain is asked to serialise for each spool that was opened': (run, path) =>
    asked(run).filter((kind) => kind === 0).length === heard(path, 'spool opened').length,
  'a spool is filled with the one content that has the digest': (run, path) =>
    told(run, 'writer', 'spool.filled').length === heard(path, 'serialised').length,
  'the writer is given one receipt, when it is built and the spool is filled': (run) => {
    const [ready, ...again] = told(run, 'writer', 'receipt.ready');
    const [filled] = told(run, 'writer', 'spool.filled');
    const isBuilt = run.states.some((state) => state.matches({ persisting: 'writing' }));
    if (!ready) return !isBuilt;
    return again.length === 0 && isBuilt && run.children.indexOf(ready) > indexOf(run, filled);
  },
  'a verifier looks at the signature transaction that is known': (run) =>
    run.children
      .filter(({ child, what }) => what === 'started' && /^(verify|prove)/.test(child))
      .every(({ detail }) => (detail as { signatureSeqno: number }).signatureSeqno > at.evidence),
};

/** The laws, and the reference: with which receipt decides which proof is the right one. */
export const generationLaws = (receipt: ReceiptForm): RunLaws => ({
  ...generationRunLaws,
  'it ends as the reference says': ({ state }, path) =>
    (state.output as GenerationOutput | undefined)?.outcome === expectedOutcome(receipt, path),
});
