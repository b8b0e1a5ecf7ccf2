import {
  assign,
  type DoneActorEvent,
  type ErrorActorEvent,
  enqueueActions,
  sendTo,
  setup,
} from 'xstate';
import { childDone, childFailed, type Invariants, type Subject } from '../../../src/testing/kit.ts';

const upload = setup({
  types: {} as { input: { file: string }; events: { type: 'pause' } },
}).createMachine({
  initial: 'sending',
  states: { sending: { on: { pause: 'paused' } }, paused: {} },
});

type QueueEvent =
  | { type: 'file.added'; file: string }
  | { type: 'file.removed'; file: string }
  | { type: 'all.paused' }
  | { type: 'closed' }
  | DoneActorEvent<number>
  | ErrorActorEvent;

const idOf = (file: string) => `upload:${file}`;

/** Uploads, each a child that is spawned when a file comes, at most two at once; it ends when it is empty and closed. */
export const uploadQueue = setup({
  types: {} as {
    context: { live: ReadonlySet<string>; failed: readonly string[]; bytes: bigint };
    events: QueueEvent;
  },
  actors: { upload },
  actions: {
    add: enqueueActions(({ enqueue, context }, { file }: { file: string }) => {
      enqueue.spawnChild('upload', { id: idOf(file), input: { file } });
      enqueue.assign({ live: new Set([...context.live, idOf(file)]) });
    }),
    remove: enqueueActions(({ enqueue, context }, { id }: { id: string }) => {
      enqueue.stopChild(id);
      enqueue.assign({ live: new Set([...context.live].filter((other) => other !== id)) });
    }),
    sum: assign({
      bytes: ({ context }, { bytes }: { bytes: number }) => context.bytes + BigInt(bytes),
    }),
    note: assign({ failed: ({ context }, { id }: { id: string }) => [...context.failed, id] }),
    pauseAll: enqueueActions(({ enqueue, context }) => {
      for (const id of context.live) enqueue(sendTo(id, { type: 'pause' }));
    }),
  },
  guards: {
    isFree: ({ context }, { file }: { file: string }) =>
      context.live.size < 2 && !context.live.has(idOf(file)),
    isLive: ({ context }, { file }: { file: string }) => context.live.has(idOf(file)),
    isEmpty: ({ context }) => context.live.size === 0,
  },
}).createMachine({
  id: 'uploads',
  context: { live: new Set(), failed: [], bytes: 0n },
  initial: 'open',
  on: {
    'file.removed': {
      guard: { type: 'isLive', params: ({ event }) => event },
      actions: { type: 'remove', params: ({ event }) => ({ id: idOf(event.file) }) },
    },
    'all.paused': { actions: 'pauseAll' },
    'xstate.done.actor.*': {
      actions: [
        { type: 'sum', params: ({ event }) => ({ bytes: event.output }) },
        { type: 'remove', params: ({ event }) => ({ id: event.actorId }) },
      ],
    },
    'xstate.error.actor.*': {
      actions: [
        { type: 'note', params: ({ event }) => ({ id: event.actorId }) },
        { type: 'remove', params: ({ event }) => ({ id: event.actorId }) },
      ],
    },
  },
  states: {
    open: {
      on: {
        'file.added': {
          guard: { type: 'isFree', params: ({ event }) => event },
          actions: { type: 'add', params: ({ event }) => event },
        },
        closed: 'closing',
      },
    },
    closing: { always: { guard: 'isEmpty', target: 'over' } },
    over: { type: 'final' },
  },
});

const files = ['a', 'b', 'c'] as const;

/** Three files, each added once; how many bytes and failures there were is not what tells states apart. */
export const uploadQueueSubject: Subject = {
  machine: uploadQueue,
  samples: {
    ...Object.fromEntries(
      files.flatMap((file) => [
        [`add ${file}`, { type: 'file.added', file }],
        [`${file} sent`, childDone(idOf(file), 7)],
      ]),
    ),
    'remove a': { type: 'file.removed', file: 'a' },
    'b failed': childFailed(idOf('b'), new Error('EPIPE')),
    pause: { type: 'all.paused' },
    close: { type: 'closed' },
  },
  identity: ({ value, context, status }) => [value, context.live, status],
};

export const uploadQueueInvariants: Invariants = {
  states: {
    'two at most are under way': ({ context }) => context.live.size <= 2,
    'who is under way is a child, and nobody else': ({ status, context, children }) =>
      status !== 'active' ||
      Object.keys(children).sort().join() === [...context.live].sort().join(),
    'it ends empty': ({ status, context }) => status === 'active' || context.live.size === 0,
  },
  steps: {
    'closing takes no file': ({ source, event }) =>
      !source.state.matches('closing') || event.type !== 'file.added',
  },
};
