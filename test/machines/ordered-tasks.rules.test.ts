import { expect, test, vi } from 'vitest';
import { createActor, fromPromise } from 'xstate';
import type { ChainRequest } from '../../machines/events.ts';
import { orderedTasksMachine } from '../../machines/ordered-tasks.ts';
import type { ActionRequest, ActionResult, RunActionInput } from '../../machines/ports.ts';
import { digest, seqno } from '../../src/core/words.ts';

// Single rules of CCF's task system, each against the live actor; the paths test has all paths.

const hex = digest('d'.repeat(64));
const actions = {
  serialise: { kind: 'serialise' },
  submit: { kind: 'submit-evidence', digest: hex },
} as const satisfies Record<string, ActionRequest>;

/** An action under way: how it ends is up to the test. */
interface Started {
  readonly kind: string;
  readonly attempt: number;
  readonly end: (result: ActionResult) => void;
  readonly fail: (error: Error) => void;
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
// XState warns of events for an actor that has ended; here some are sent on purpose.
vi.spyOn(console, 'warn').mockImplementation(() => {});

/** A chain whose actions are written down as they start, and asked to end. */
function startChain(attemptsMax = 1) {
  const started: Started[] = [];
  const aborted: number[] = [];
  const runAction = fromPromise<ActionResult, RunActionInput>(
    ({ input: { action, attempt } }) =>
      new Promise((end, fail) => {
        started.push({ kind: action.kind, attempt, end, fail });
      }),
  );
  const machine = orderedTasksMachine.provide({
    actors: { runAction },
    actions: { abortAction: () => aborted.push(started.length) },
  });
  const input = { generation: 1, seqno: seqno(10), attemptsMax };
  const actor = createActor(machine, { input }).start();
  const ask = (...events: ChainRequest[]) => {
    for (const event of events) actor.send(event);
  };
  return { actor, ask, started, aborted, kinds: () => started.map(({ kind }) => kind) };
}

const request = (action: ActionRequest): ChainRequest => ({ type: 'action.requested', action });
const serialise = request(actions.serialise);
const submit = request(actions.submit);
const pause = { type: 'pause.requested' } as const;
const resume = { type: 'resume.requested' } as const;
const cancel = { type: 'cancel.requested' } as const;

const serialised: ActionResult = {
  status: 'completed',
  output: { kind: 'serialise', digest: hex, bytes: 1 },
};
const submitted: ActionResult = {
  status: 'completed',
  output: { kind: 'submit-evidence', seqno: seqno(12) },
};
const failed: ActionResult = { status: 'failed', kind: 'serialise', reason: 'EIO' };

type Chain = ReturnType<typeof startChain>;

async function endNewest({ started }: Chain, result: ActionResult): Promise<void> {
  started.at(-1)?.end(result);
  await settle();
}

test('TSK-24 a chain runs its actions in the order asked, one at a time', async () => {
  const chain = startChain();
  chain.ask(serialise, submit, serialise);
  await settle();
  expect(chain.kinds()).toEqual(['serialise']);
  await endNewest(chain, serialised);
  expect(chain.kinds()).toEqual(['serialise', 'submit-evidence']);
  await endNewest(chain, submitted);
  expect(chain.kinds()).toEqual(['serialise', 'submit-evidence', 'serialise']);
});

test('TSK-24 different chains run side by side', () => {
  const chains = [startChain(), startChain()];
  for (const { ask } of chains) ask(serialise);
  expect(chains.map(({ kinds }) => kinds())).toEqual([['serialise'], ['serialise']]);
});

test('TSK-25 a chain starts by itself only when an action finds it idle', async () => {
  const chain = startChain();
  expect(chain.kinds()).toEqual([]);
  chain.ask(serialise);
  expect(chain.kinds()).toEqual(['serialise']);
  await endNewest(chain, serialised);
  expect(chain.actor.getSnapshot().value).toBe('idle');
  chain.ask(submit);
  expect(chain.kinds()).toEqual(['serialise', 'submit-evidence']);
});

test('TSK-25 an action that is asked while another runs waits behind those that were asked before', async () => {
  const chain = startChain();
  chain.ask(serialise, submit);
  await settle();
  chain.ask(serialise);
  await endNewest(chain, serialised);
  await endNewest(chain, submitted);
  expect(chain.kinds()).toEqual(['serialise', 'submit-evidence', 'serialise']);
});

test('TSK-26 a chain that is paused ends its action, keeps the others in order, and goes on when resumed', async () => {
  const chain = startChain();
  chain.ask(serialise, submit, pause);
  await endNewest(chain, serialised);
  expect(chain.actor.getSnapshot().value).toBe('paused');
  chain.ask(serialise);
  expect(chain.kinds()).toEqual(['serialise']);
  chain.ask(resume);
  await endNewest(chain, submitted);
  expect(chain.kinds()).toEqual(['serialise', 'submit-evidence', 'serialise']);
});

test('TSK-26 a chain without actions starts nothing when it is resumed', () => {
  const chain = startChain();
  chain.ask(pause, resume);
  expect([chain.actor.getSnapshot().value, chain.kinds()]).toEqual(['idle', []]);
});

test('TSK-27 a chain that is cancelled never runs the actions that wait, and says how many they are', async () => {
  const chain = startChain();
  chain.ask(serialise, submit, pause);
  await endNewest(chain, serialised);
  chain.ask(cancel, serialise);
  await settle();
  expect(chain.kinds()).toEqual(['serialise']);
  const { output } = chain.actor.getSnapshot();
  expect(output).toEqual({ status: 'cancelled', reason: 'cancelled', unfinished: 1 });
});

test('TSK-27 a chain that is cancelled asks the action under way to end, and awaits it', async () => {
  const chain = startChain();
  chain.ask(serialise, submit, cancel);
  await settle();
  expect([chain.aborted, chain.actor.getSnapshot().status]).toEqual([[1], 'active']);
  await endNewest(chain, serialised);
  expect(chain.actor.getSnapshot().output).toMatchObject({ status: 'cancelled', unfinished: 2 });
  expect(chain.kinds()).toEqual(['serialise']);
});

test('TSK-28 a chain shows how many actions it has, whether one runs and whether it is paused', async () => {
  const chain = startChain();
  const summary = () => {
    const state = chain.actor.getSnapshot();
    const active = 'runAction' in state.children;
    return [state.context.queue.length, active, state.matches('paused')];
  };
  expect(summary()).toEqual([0, false, false]);
  chain.ask(serialise, submit, pause);
  expect(summary()).toEqual([2, true, false]);
  await endNewest(chain, serialised);
  expect(summary()).toEqual([1, false, true]);
});

test('TSK-29 an action that throws poisons its chain: the others never run, and it says so', async () => {
  const chain = startChain();
  chain.ask(serialise, submit);
  chain.started[0]?.fail(new Error('boom'));
  await settle();
  chain.ask(serialise, resume);
  expect(chain.kinds()).toEqual(['serialise']);
  const { output } = chain.actor.getSnapshot();
  expect(output).toEqual({ status: 'poisoned', reason: 'boom', unfinished: 2 });
});

test('TSK-29 an action that says it failed poisons nothing: it is run again within its bound', async () => {
  const chain = startChain(2);
  chain.ask(serialise, submit);
  await endNewest(chain, failed);
  await endNewest(chain, failed);
  const runs = chain.started.map(({ kind, attempt }) => `${kind} ${attempt}`);
  expect(runs).toEqual(['serialise 1', 'serialise 2', 'submit-evidence 1']);
});

test.each([
  ['idle', []],
  ['paused', [pause]],
  ['running', [serialise]],
  ['pausing', [serialise, pause]],
])('TSK-42 a chain that is %s is reached by a cancel', async (_state, asked) => {
  const chain = startChain();
  chain.ask(...asked, cancel);
  await endNewest(chain, serialised);
  expect(chain.actor.getSnapshot().output).toMatchObject({ status: 'cancelled' });
});

test('TSK-43 a late resume does not revive a chain', async () => {
  const chain = startChain();
  chain.ask(serialise, submit, pause);
  await endNewest(chain, serialised);
  chain.ask(cancel, resume);
  await settle();
  expect(chain.kinds()).toEqual(['serialise']);
  expect(chain.actor.getSnapshot().status).toBe('done');
});
