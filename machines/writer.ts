import { assign, enqueueActions, setup } from 'xstate';
import type { WriterStep } from '../src/core/words.ts';
import type { WriterOutput, WriterReport, WriterRequest } from './events.ts';
import { wordsOf } from './guards.ts';
import { type GenerationRef, ownerOf, type Published, writerPorts } from './ports.ts';

/** What a writer is begun with. */
export interface WriterInput extends GenerationRef {
  /** How many spools may be tried before a failed step ends the writer. */
  readonly attemptsMax: number;
}

/** How far the file has come, and what went wrong. */
export interface WriterContext extends WriterInput {
  /** Number of the spool, from 0, as in its name. */
  readonly attempt: number;
  /** The name to publish under, once the receipt is ready; it stays known when a new spool is opened. */
  readonly file: string | undefined;
  /** What the writer will say once the spool is discarded. */
  readonly status: WriterOutput['status'];
  readonly step: WriterStep | undefined;
  readonly reason: string | undefined;
  readonly leftover: boolean;
  /** Asked to end while its file was being named: if that fails, no other spool follows. */
  readonly isUnwanted: boolean;
}

/** What a writer has to say that was asked to end, or is about to try again. */
const nothingEnded = { status: 'discarded', step: undefined, reason: undefined } as const;

const writerSetup = setup({
  types: {
    context: {} as WriterContext,
    input: {} as WriterInput,
    events: {} as WriterRequest,
    output: {} as WriterOutput,
  },
  actors: writerPorts,
  actions: {
    reportOpened: enqueueActions(({ enqueue, self }) => {
      const owner = ownerOf(self);
      const report: WriterReport = { type: 'spool.opened' };
      if (owner) enqueue.sendTo(owner, report);
    }),
    rememberFile: assign({ file: (_, { file }: { file: string }) => file }),
    rememberFailure: assign(({ context }, { step, error }: { step: WriterStep; error: unknown }) =>
      context.isUnwanted && step === 'publishing'
        ? nothingEnded
        : { status: 'failed' as const, step, reason: wordsOf(error) },
    ),
    rememberExisting: assign(({ context }, { published }: { published: Published }) =>
      published === 'duplicate'
        ? { status: published, reason: `${context.file} was there already, identical` }
        : { status: 'conflict' as const, reason: `another ${context.file} is there: kept` },
    ),
    rememberLeftover: assign({ leftover: true }),
    countAttempt: assign(({ context }) => ({ ...nothingEnded, attempt: context.attempt + 1 })),
    rememberUnwanted: assign({ isUnwanted: true }),
    giveUp: assign(({ context }) => (context.status === 'failed' ? nothingEnded : {})),
  },
  guards: {
    mayRunAgain: ({ context }) =>
      context.status === 'failed' && context.attempt + 1 < context.attemptsMax,
    receiptIsReady: ({ context }) => context.file !== undefined,
    isPublished: (_, { published }: { published: Published }) => published === 'published',
  },
});

const ref = ({ context }: { context: WriterContext }): GenerationRef => ({
  generation: context.generation,
  seqno: context.seqno,
});

const fails = (step: WriterStep) =>
  ({
    target: 'discarding',
    actions: {
      type: 'rememberFailure',
      params: ({ event }: { event: { readonly error: unknown } }) => ({ step, error: event.error }),
    },
  }) as const;

const outputOf = ({ context }: { context: WriterContext }): WriterOutput => ({
  status: context.status,
  file: context.status === 'durable' || context.status === 'not-durable' ? context.file : undefined,
  step: context.step,
  reason: context.reason,
  leftover: context.leftover,
});

const rememberFile = {
  type: 'rememberFile',
  params: ({ event }: { event: { readonly file: string } }) => ({ file: event.file }),
} as const;

const publishedOf = ({ event }: { event: { readonly output: Published } }) => ({
  published: event.output,
});

/**
 * One snapshot file, one state for each step on the file system.
 *
 * The spool is opened exclusively and a worker fills it; nothing bears the snapshot's name before its
 * bytes are synced. A failed step leaves a file of unknown content: its spool is unlinked, and within a
 * bound the file is written again from the beginning, as another spool. Publishing is the point of no
 * return: asked to discard while it is under way, the writer first learns what became of it. Every other
 * way out unlinks the spool.
 *
 * @see CCF `src/snapshots/snapshot_writer.h`
 */
export const writerMachine = writerSetup.createMachine({
  id: 'writer',
  description: 'One snapshot file, from the spool to its durable name.',
  context: ({ input }) => ({
    ...input,
    ...nothingEnded,
    attempt: 0,
    file: undefined,
    leftover: false,
    isUnwanted: false,
  }),
  output: ({ event }) => event.output as WriterOutput,
  initial: 'opening',
  on: {
    'receipt.ready': {
      description: 'Kept until the spool is filled.',
      actions: rememberFile,
    },
  },
  states: {
    opening: {
      description: 'Creates the spool, exclusively, and keeps its descriptor to the end.',
      invoke: {
        id: 'openSpool',
        src: 'openSpool',
        input: ({ context }) => ({ ...ref({ context }), attempt: context.attempt }),
        onDone: { target: 'spooling', actions: 'reportOpened' },
        onError: fails('opening'),
      },
      on: { 'discard.requested': 'discarding' },
    },
    spooling: {
      description: 'A worker fills the spool with the snapshot.',
      on: {
        'spool.filled': [
          {
            description: 'An earlier spool failed after its receipt was ready.',
            guard: 'receiptIsReady',
            target: 'appending',
          },
          { target: 'spooled' },
        ],
        'discard.requested': 'discarding',
      },
    },
    spooled: {
      description: 'The snapshot is in the spool; its receipt is still to come.',
      on: {
        'receipt.ready': { target: 'appending', actions: rememberFile },
        'discard.requested': 'discarding',
      },
    },
    appending: {
      invoke: {
        id: 'appendReceipt',
        src: 'appendReceipt',
        input: ref,
        onDone: 'syncing',
        onError: fails('appending'),
      },
      on: { 'discard.requested': 'discarding' },
    },
    syncing: {
      description: 'The one sync of this spool; a failed one is never tried again on it.',
      invoke: {
        id: 'syncSpool',
        src: 'syncSpool',
        input: ref,
        onDone: 'closing',
        onError: fails('syncing'),
      },
      on: { 'discard.requested': 'discarding' },
    },
    closing: {
      invoke: {
        id: 'closeSpool',
        src: 'closeSpool',
        input: ref,
        onDone: 'publishing',
        onError: fails('closing'),
      },
      on: { 'discard.requested': 'discarding' },
    },
    publishing: {
      description:
        'Gives the file its name, never over another; its answer is awaited in any case.',
      invoke: {
        id: 'publish',
        src: 'publish',
        input: ({ context }) => ({ ...ref({ context }), file: context.file ?? '' }),
        onDone: [
          { guard: { type: 'isPublished', params: publishedOf }, target: 'syncingDirectory' },
          { target: 'discarding', actions: { type: 'rememberExisting', params: publishedOf } },
        ],
        onError: fails('publishing'),
      },
      on: {
        'discard.requested': {
          description: 'Its answer is awaited; should it fail, no other spool will follow.',
          actions: 'rememberUnwanted',
        },
      },
    },
    syncingDirectory: {
      description: 'Makes the name itself durable, before anyone is told of it.',
      invoke: {
        id: 'syncDirectory',
        src: 'syncDirectory',
        input: ref,
        onDone: 'durable',
        onError: {
          target: 'notDurable',
          actions: {
            type: 'rememberFailure',
            params: ({ event }) => ({ step: 'syncingDirectory' as const, error: event.error }),
          },
        },
      },
    },
    discarding: {
      description:
        'Closes and unlinks the spool; a failed one is followed by another, within a bound.',
      invoke: {
        id: 'discardSpool',
        src: 'discardSpool',
        input: ref,
        onDone: [
          { guard: 'mayRunAgain', target: 'opening', actions: 'countAttempt' },
          { target: 'discarded' },
        ],
        onError: [
          {
            description: 'The next spool has another name: the failed one is left to the sweep.',
            guard: 'mayRunAgain',
            target: 'opening',
            actions: ['rememberLeftover', 'countAttempt'],
          },
          { target: 'discarded', actions: 'rememberLeftover' },
        ],
      },
      on: {
        'discard.requested': { description: 'No other spool will follow.', actions: 'giveUp' },
      },
    },
    durable: {
      type: 'final',
      output: ({ context }): WriterOutput =>
        outputOf({ context: { ...context, status: 'durable' } }),
    },
    notDurable: {
      type: 'final',
      output: ({ context }): WriterOutput =>
        outputOf({ context: { ...context, status: 'not-durable' } }),
    },
    discarded: { type: 'final', output: outputOf },
  },
});
