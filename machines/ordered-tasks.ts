import { assign, type DoneActorEvent, type ErrorActorEvent, enqueueActions, setup } from 'xstate';
import type { ChainOutput, ChainReport, ChainRequest } from './events.ts';
import { wordsOf } from './guards.ts';
import {
  type ActionRequest,
  type ActionResult,
  chainPorts,
  type GenerationRef,
  ownerOf,
} from './ports.ts';

/** What a chain is begun with. */
export interface OrderedTasksInput extends GenerationRef {
  /** How often one action may run before its failure is reported. */
  readonly attemptsMax: number;
}

/** Which actions wait, which one runs, and how often it was tried. */
export interface OrderedTasksContext extends OrderedTasksInput {
  /** Actions not yet done; the first is the one that runs. */
  readonly queue: readonly ActionRequest[];
  /** Runs of the first action so far, the one under way included. */
  readonly attempt: number;
}

type OrderedTasksEvent =
  | ChainRequest
  | DoneActorEvent<ActionResult, 'runAction'>
  | ErrorActorEvent<unknown, 'runAction'>;

const chainSetup = setup({
  types: {
    context: {} as OrderedTasksContext,
    input: {} as OrderedTasksInput,
    events: {} as OrderedTasksEvent,
    output: {} as ChainOutput,
  },
  actors: chainPorts,
  actions: {
    enqueue: assign({
      queue: ({ context }, { action }: { action: ActionRequest }) => [...context.queue, action],
    }),
    countAttempt: assign({ attempt: ({ context }) => context.attempt + 1 }),
    dropFirst: assign({ queue: ({ context }) => context.queue.slice(1), attempt: 1 }),
    /** Port: asks the running action to end; its answer is awaited all the same. */
    abortAction: (_, _ref: GenerationRef) => {},
    report: enqueueActions(({ enqueue, self }, { result }: { result: ActionResult }) => {
      const owner = ownerOf(self);
      const report: ChainReport =
        result.status === 'completed'
          ? { type: 'action.completed', output: result.output }
          : failureOf(result);
      if (owner) enqueue.sendTo(owner, report);
    }),
  },
  guards: {
    mayRunAgain: ({ context }, { result }: { result: ActionResult }) =>
      result.status === 'failed' && context.attempt < context.attemptsMax,
    moreFollow: ({ context }) => context.queue.length > 1,
    actionWaits: ({ context }) => context.queue.length > 0,
  },
});

type DoneArgs = { event: DoneActorEvent<ActionResult, 'runAction'> };
const resultOf = ({ event }: DoneArgs) => ({ result: event.output });
const mayRunAgain = { type: 'mayRunAgain', params: resultOf } as const;
const report = [{ type: 'report', params: resultOf }, 'dropFirst'] as const;

/**
 * A chain of actions: in the order asked, one at a time, each re-run within a bound when it fails.
 *
 * It starts each action through the port `runAction` and reports each end to its owner as
 * `action.completed` or `action.failed`. An action that throws poisons the chain, which then ends.
 * Cancelling aborts the running action and awaits its answer, so that nothing works on afterwards.
 *
 * @see CCF `src/tasks/ordered_tasks.h`
 */
export const orderedTasksMachine = chainSetup.createMachine({
  id: 'ordered-tasks',
  description: 'A chain of actions: in order, one at a time, with bounded re-runs.',
  context: ({ input }) => ({ ...input, queue: [], attempt: 1 }),
  output: ({ event }) => event.output as ChainOutput,
  initial: 'idle',
  on: {
    'action.requested': {
      description: 'Waits behind the actions that were asked before.',
      actions: { type: 'enqueue', params: ({ event }) => ({ action: event.action }) },
    },
  },
  states: {
    idle: {
      description: 'Nothing to do.',
      on: {
        'action.requested': {
          target: 'running',
          actions: { type: 'enqueue', params: ({ event }) => ({ action: event.action }) },
        },
        'pause.requested': 'paused',
        'cancel.requested': 'cancelled',
      },
    },
    running: {
      description: 'The first action of the queue is under way.',
      initial: 'working',
      invoke: {
        id: 'runAction',
        src: 'runAction',
        input: ({ context }) => ({
          generation: context.generation,
          seqno: context.seqno,
          action: firstAction(context.queue),
          attempt: context.attempt,
        }),
      },
      on: {
        'xstate.error.actor.runAction': {
          description: 'An action threw: what it left behind is unknown.',
          target: 'poisoned',
        },
      },
      states: {
        working: {
          on: {
            'pause.requested': 'pausing',
            'cancel.requested': 'aborting',
            'xstate.done.actor.runAction': [
              {
                guard: mayRunAgain,
                target: '#ordered-tasks.running',
                actions: 'countAttempt',
              },
              {
                guard: 'moreFollow',
                target: '#ordered-tasks.running',
                actions: report,
              },
              { target: '#ordered-tasks.idle', actions: report },
            ],
          },
        },
        pausing: {
          description: 'Pauses once the action under way has ended.',
          on: {
            'resume.requested': 'working',
            'cancel.requested': 'aborting',
            'xstate.done.actor.runAction': [
              { guard: mayRunAgain, target: '#ordered-tasks.paused', actions: 'countAttempt' },
              { target: '#ordered-tasks.paused', actions: report },
            ],
          },
        },
        aborting: {
          description: 'The action was asked to end; its answer is awaited, then void.',
          entry: {
            type: 'abortAction',
            params: ({ context }) => ({ generation: context.generation, seqno: context.seqno }),
          },
          on: {
            'xstate.done.actor.runAction': '#ordered-tasks.cancelled',
            'xstate.error.actor.runAction': '#ordered-tasks.cancelled',
          },
        },
      },
    },
    paused: {
      description: 'Holds its actions back until it is resumed.',
      on: {
        'resume.requested': [{ guard: 'actionWaits', target: 'running' }, { target: 'idle' }],
        'cancel.requested': 'cancelled',
      },
    },
    cancelled: {
      type: 'final',
      output: ({ context }: { context: OrderedTasksContext }): ChainOutput => ({
        status: 'cancelled',
        reason: 'cancelled',
        unfinished: context.queue.length,
      }),
    },
    poisoned: {
      type: 'final',
      output: ({
        context,
        event,
      }: {
        context: OrderedTasksContext;
        event: OrderedTasksEvent;
      }): ChainOutput => ({
        status: 'poisoned',
        reason: 'error' in event ? wordsOf(event.error) : event.type,
        unfinished: context.queue.length,
      }),
    },
  },
});

function failureOf(failed: Extract<ActionResult, { status: 'failed' }>): ChainReport {
  const { status: _, ...failure } = failed;
  return { type: 'action.failed', ...failure };
}

/** The action to run; a chain runs only while one is there. */
function firstAction(queue: readonly ActionRequest[]): ActionRequest {
  const first = queue[0];
  if (first === undefined) throw new Error('assertion failed: a running chain has an action');
  return first;
}
