import { type Actor, assign, createActor, fromPromise, setup, toPromise } from 'xstate';
import type { SnapshotterEvent } from '../../../machines/events.ts';
import { generationMachine } from '../../../machines/generation.ts';
import { orderedTasksMachine } from '../../../machines/ordered-tasks.ts';
import type {
  ActionRequest,
  ActionResult,
  GenerationRef,
  OpenSpoolInput,
  ProveEvidenceInput,
  Published,
  PublishInput,
  RunActionInput,
  VerifySignatureInput,
} from '../../../machines/ports.ts';
import { snapshotterMachine } from '../../../machines/snapshotter.ts';
import { writerMachine } from '../../../machines/writer.ts';
import { InclusionProof, SignatureProof } from '../../../src/core/proofs.ts';
import { digest, type Seqno, seqno } from '../../../src/core/words.ts';
import { costOf } from '../on-cpu.ts';
import type { Measure } from '../rounds.ts';
import { answerAsks } from './answer-asks.ts';

/** What the statecharts of a generation cost by themselves: every port answers at once. */

const snapshotDigest = digest('d'.repeat(64));
const root = digest('a'.repeat(64));

const immediate = <Output, Input = GenerationRef>(answer: (input: Input) => Output) =>
  fromPromise<Output, Input>(async ({ input }) => answer(input));

/** Called when a generation asks for its evidence. */
let onSubmitted: (version: Seqno) => void = () => {};

function answerTo({ action, seqno: version }: RunActionInput): ActionResult {
  return { status: 'completed', output: outputOf(action, version) };
}

function outputOf(
  action: ActionRequest,
  version: Seqno,
): Extract<ActionResult, { status: 'completed' }>['output'] {
  switch (action.kind) {
    case 'serialise':
      return { kind: 'serialise', digest: snapshotDigest, bytes: 1000 };
    case 'submit-evidence':
      queueMicrotask(() => onSubmitted(version));
      return { kind: 'submit-evidence', seqno: seqno(version + 1) };
    case 'build-receipt':
      return { kind: 'build-receipt', file: 'snapshot_1_2.committed', bytes: 100 };
  }
}

const chain = orderedTasksMachine.provide({
  actors: { runAction: immediate(answerTo) },
  actions: { abortAction: () => {} },
});

const writer = writerMachine.provide({
  actors: {
    openSpool: immediate<void, OpenSpoolInput>(() => {}),
    appendReceipt: immediate<void>(() => {}),
    syncSpool: immediate<void>(() => {}),
    closeSpool: immediate<void>(() => {}),
    publish: immediate<Published, PublishInput>(() => 'published'),
    syncDirectory: immediate<void>(() => {}),
    discardSpool: immediate<void>(() => {}),
  },
});

const generation = generationMachine.provide({
  actors: {
    chain,
    writer,
    verifySignature: immediate<SignatureProof, VerifySignatureInput>(
      ({ signatureSeqno }) => new SignatureProof('cose', signatureSeqno, root),
    ),
    proveEvidence: immediate<InclusionProof, ProveEvidenceInput>(
      ({ evidenceSeqno, signatureSeqno }) =>
        new InclusionProof(evidenceSeqno, signatureSeqno, root),
    ),
  },
  actions: { releaseHandle: () => {} },
});

/** A ledger that exists as seqnos alone. */
class Charts {
  readonly #actor: Actor<typeof snapshotterMachine>;
  #last = 0;
  #ended: (outcome: string) => void = () => {};

  constructor() {
    const machine = snapshotterMachine.provide({ actors: { generation } });
    this.#actor = createActor(machine, {
      input: {
        capacity: 5,
        txInterval: 2 ** 31 - 1,
        whenFull: 'keep',
        receipt: 'cose',
        attemptsMax: 3,
        evidenceTimeoutMs: 2 ** 31 - 1,
      },
    });
    this.#actor.on('generation.ended', ({ outcome }) => this.#ended(outcome));
    this.#actor.start();
    onSubmitted = (version) => this.#answer(version);
  }

  async generation(): Promise<void> {
    const ended = new Promise<string>((resolve) => {
      this.#ended = resolve;
    });
    const at = this.#next();
    this.#send({ type: 'snapshot.forced', receipt: undefined });
    this.#sign(at);
    this.#send({ type: 'freeze.taken', seqno: at });
    this.#send({ type: 'commit.advanced', seqno: at, primary: true });
    const outcome = await ended;
    if (outcome !== 'committed') throw new Error(`the generation ended as ${outcome}`);
  }

  #answer(version: Seqno): void {
    const evidence = this.#next();
    const type = 'evidence.recorded';
    this.#send({ type, seqno: evidence, snapshotSeqno: version, digest: snapshotDigest });
    const signature = this.#next();
    this.#sign(signature);
    this.#send({ type: 'commit.advanced', seqno: signature, primary: true });
  }

  #sign(at: Seqno): void {
    this.#send({ type: 'committable.recorded', seqno: at, nowMs: at });
    this.#send({ type: 'signature.recorded', seqno: at });
    this.#send({ type: 'tree.recorded', seqno: at });
  }

  #next(): Seqno {
    return seqno(++this.#last);
  }

  #send(event: SnapshotterEvent): void {
    this.#actor.send(event);
  }
}

/** The least that a chart can be which awaits as many promises: one state behind the other, and a count. */
const bareMachine = setup({
  types: { context: {} as { done: number } },
  actors: { port: fromPromise(async () => 1) },
  actions: { count: assign({ done: ({ context }) => context.done + 1 }) },
}).createMachine({
  id: 'bare',
  context: { done: 0 },
  initial: 'open',
  states: {
    open: { invoke: { src: 'port', onDone: { target: 'serialise', actions: 'count' } } },
    serialise: { invoke: { src: 'port', onDone: { target: 'submit', actions: 'count' } } },
    submit: { invoke: { src: 'port', onDone: { target: 'verify', actions: 'count' } } },
    verify: { invoke: { src: 'port', onDone: { target: 'prove', actions: 'count' } } },
    prove: { invoke: { src: 'port', onDone: { target: 'build', actions: 'count' } } },
    build: { invoke: { src: 'port', onDone: { target: 'append', actions: 'count' } } },
    append: { invoke: { src: 'port', onDone: { target: 'sync', actions: 'count' } } },
    sync: { invoke: { src: 'port', onDone: { target: 'close', actions: 'count' } } },
    close: { invoke: { src: 'port', onDone: { target: 'publish', actions: 'count' } } },
    publish: { invoke: { src: 'port', onDone: { target: 'syncDirectory', actions: 'count' } } },
    syncDirectory: { invoke: { src: 'port', onDone: { target: 'done', actions: 'count' } } },
    done: { type: 'final' },
  },
});

const charts = new Charts();

async function bare(): Promise<void> {
  await toPromise(createActor(bareMachine).start());
}

const repeated =
  (work: () => Promise<void>) =>
  async ({ times }: { readonly times: number }): Promise<Measure> => {
    const { ms, cpuMs } = await costOf(async () => {
      for (let i = 0; i < times; i++) await work();
    });
    return { ms: ms / times, cpuMs: cpuMs / times };
  };

answerAsks({ generation: repeated(() => charts.generation()), bare: repeated(bare) });
