import { assign, type DoneActorEvent, fromPromise, setup } from 'xstate';
import {
  childDone,
  childFailed,
  delayPassed,
  type Invariants,
  type Subject,
} from '../../../src/testing/kit.ts';

interface Answer {
  readonly status: number;
  readonly body: string;
}

const neverRuns = fromPromise(async (): Promise<Answer> => {
  throw new Error('a test drawn from the chart runs no promise');
});

/** A request that is tried three times, with a pause that can be cut short; only some answers are final. */
export const retriedFetch = setup({
  types: {} as {
    context: { url: string; tries: number; body: string | undefined };
    input: { url: string };
    output: { body: string | undefined; tries: number };
    events: { type: 'cancel' } | { type: 'retry' } | DoneActorEvent<Answer, 'request'>;
  },
  actors: { request: neverRuns },
  actions: {
    count: assign({ tries: ({ context }) => context.tries + 1 }),
    keep: assign({ body: (_, { body }: Answer) => body }),
  },
  guards: {
    isOk: (_, { status }: Answer) => status === 200,
    isFinal: (_, { status }: Answer) => status >= 400 && status < 500,
    isSpent: ({ context }) => context.tries >= 3,
  },
  delays: { patience: 10_000, pause: ({ context }) => 1_000 * 2 ** context.tries },
}).createMachine({
  id: 'fetch',
  context: ({ input }) => ({ url: input.url, tries: 0, body: undefined }),
  initial: 'loading',
  output: ({ context: { body, tries } }) => ({ body, tries }),
  on: { cancel: '.cancelled' },
  states: {
    loading: {
      entry: 'count',
      invoke: {
        id: 'request',
        systemId: 'network',
        src: 'request',
        onDone: [
          {
            guard: { type: 'isOk', params: ({ event }) => event.output },
            target: 'loaded',
            actions: { type: 'keep', params: ({ event }) => event.output },
          },
          { guard: { type: 'isFinal', params: ({ event }) => event.output }, target: 'refused' },
          { target: 'pausing' },
        ],
        onError: 'pausing',
      },
      after: { patience: 'pausing' },
    },
    pausing: {
      always: { guard: 'isSpent', target: 'refused' },
      on: { retry: 'loading' },
      after: { pause: 'loading' },
    },
    loaded: { type: 'final' },
    refused: { type: 'final' },
    cancelled: { type: 'final' },
  },
});

export const retriedFetchSubject: Subject = {
  machine: retriedFetch,
  input: { url: 'https://example.org/' },
  samples: {
    ok: childDone('request', { status: 200, body: 'hello' }),
    'not there': childDone('request', { status: 404, body: '' }),
    busy: childDone('request', { status: 503, body: '' }),
    'no network': childFailed('request', new Error('ENETUNREACH')),
    'no answer': delayPassed('patience', 'fetch.loading'),
    'pause over': delayPassed('pause', 'fetch.pausing'),
    retry: { type: 'retry' },
    cancel: { type: 'cancel' },
  },
};

export const retriedFetchInvariants: Invariants = {
  states: {
    'it is tried three times at most': ({ context }) => context.tries <= 3,
    'there is a body when it is loaded, and only then': (state) =>
      state.matches('loaded') === (state.context.body !== undefined),
    'a request is under way exactly while it loads': (state) =>
      state.status !== 'active' || state.matches('loading') === 'request' in state.children,
  },
  steps: {
    'it ends loaded by a good answer alone': ({ event, target }) =>
      !target.state.matches('loaded') || event['output'].status === 200,
  },
};
