import { assign, enqueueActions, setup } from 'xstate';
import type { WriterStep } from '../src/core/words.ts';
import type { WriterOutput, WriterReport, WriterRequest } from './events.ts';
import { wordsOf } from './guards.ts';
import { type GenerationRef, ownerOf, type Published, writerPorts } from './ports.ts';

export interface WriterContext extends GenerationRef {
  readonly file: string | undefined;
  /** What the writer will say once the spool is discarded. */
  readonly status: WriterOutput['status'];
  readonly step: WriterStep | undefined;
  readonly reason: string | undefined;
  readonly leftover: boolean;
}

const writerSetup = setup({
  types: {
    context: {} as WriterContext,
    input: {} as GenerationRef,
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
    rememberFailure: assign((_, { step, error }: { step: WriterStep; error: unknown }) => ({
      status: 'failed' as const,
      step,
      reason: wordsOf(error),
    })),
    rememberExisting: assign(({ context }, { published }: { published: Published }) =>
      published === 'duplicate'
        ? { status: published, reason: `${context.file} was there already, identical` }
        : { status: 'conflict' as const, reason: `another ${context.file} is there: kept` },
    ),
    rememberLeftover: assign({ leftover: true }),
  },
  guards: {
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

const publishedOf = ({ event }: { event: { readonly output: Published } }) => ({
  published: event.output,
});

/**
 * One snapshot file, one state for each step on the file system.
 *
 * The spool is opened exclusively and a worker fills it; nothing bears the snapshot's name before its
 * bytes are synced. Publishing is the point of no return: asked to discard while it is under way, the
 * writer first learns what became of it. Every other way out unlinks the spool.
 *
 * @see CCF `src/snapshots/snapshot_writer.h`
 */
export const writerMachine = writerSetup.createMachine({
  id: 'writer',
  description: 'One snapshot file, from the spool to its durable name.',
  context: ({ input }) => ({
    generation: input.generation,
    seqno: input.seqno,
    file: undefined,
    status: 'discarded',
    step: undefined,
    reason: undefined,
    leftover: false,
  }),
  output: ({ event }) => event.output as WriterOutput,
  initial: 'opening',
  states: {
    opening: {
      description: 'Creates the spool, exclusively, and keeps its descriptor to the end.',
      invoke: {
        id: 'openSpool',
        src: 'openSpool',
        input: ref,
        onDone: { target: 'spooling', actions: 'reportOpened' },
        onError: fails('opening'),
      },
      on: { 'discard.requested': 'discarding' },
    },
    spooling: {
      description: 'A worker fills the spool with the snapshot.',
      on: { 'spool.filled': 'spooled', 'discard.requested': 'discarding' },
    },
    spooled: {
      description: 'The snapshot is in the spool; its receipt is still to come.',
      on: {
        'receipt.ready': {
          target: 'appending',
          actions: { type: 'rememberFile', params: ({ event }) => ({ file: event.file }) },
        },
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
      description: 'The one sync of this file; a failed one is never tried again on it.',
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
      description: 'Closes and unlinks the spool.',
      invoke: {
        id: 'discardSpool',
        src: 'discardSpool',
        input: ref,
        onDone: 'discarded',
        onError: { target: 'discarded', actions: 'rememberLeftover' },
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
