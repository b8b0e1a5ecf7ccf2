import { createMachine } from 'xstate';

/** One of everything that a chart can hold. */
export const smallMachine = createMachine({
  id: 'small',
  description: 'Small & complete.',
  initial: 'a-b',
  on: { STOP: '.end', NOTE: { actions: 'write' }, PING: {} },
  states: {
    'a-b': {
      description: 'Where it begins.',
      invoke: { id: 'job', src: 'runJob', onDone: 'both', onError: 'failed' },
      always: { guard: 'ready', target: 'both' },
      after: { 100: 'end' },
    },
    both: {
      type: 'parallel',
      onDone: [
        { guard: { type: 'isWell', params: { at: 'least' } }, target: 'end' },
        { target: 'a-b' },
      ],
      states: {
        left: {
          initial: 'x',
          states: {
            x: { on: { GO: [{ guard: 'isQuick', target: 'y' }, { actions: 'wait' }] } },
            y: { type: 'final' },
          },
        },
        right: { on: { BACK: { target: '#small.both', reenter: true } } },
      },
    },
    end: { type: 'final' },
    failed: { type: 'final' },
  },
});
