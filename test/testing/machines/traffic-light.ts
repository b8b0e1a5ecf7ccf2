import { assign, setup } from 'xstate';
import { delayPassed, type Invariants, type Subject } from '../../../src/testing/kit.ts';

type LightEvent =
  | { type: 'button.pressed' }
  | { type: 'power.failed' }
  | { type: 'power.returned'; charge: number };

/** A light at a crossing: it never ends, and walks only whoever has asked for it. */
export const trafficLight = setup({
  types: {} as { context: { asked: boolean }; events: LightEvent },
  actions: {
    ask: assign({ asked: true }),
    serve: assign({ asked: false }),
  },
  guards: {
    isAsked: ({ context }) => context.asked,
    isCharged: (_, { charge }: { charge: number }) => charge >= 50,
  },
  delays: { greenTime: 30_000, amberTime: 3_000, walkTime: 8_000, flashTime: 4_000, idle: 10_000 },
}).createMachine({
  id: 'light',
  context: { asked: false },
  initial: 'green',
  on: { 'power.failed': '.blinking' },
  states: {
    green: { on: { 'button.pressed': { actions: 'ask' } }, after: { greenTime: 'amber' } },
    amber: { after: { amberTime: 'red' } },
    red: {
      initial: 'choosing',
      onDone: 'green',
      states: {
        choosing: { always: [{ guard: 'isAsked', target: 'walk' }, { target: 'stop' }] },
        walk: { entry: 'serve', after: { walkTime: 'flash' } },
        flash: { after: { flashTime: 'over' } },
        stop: { after: { idle: 'over' } },
        over: { type: 'final' },
      },
    },
    blinking: {
      on: {
        'power.failed': undefined,
        'power.returned': {
          guard: { type: 'isCharged', params: ({ event }) => event },
          target: 'red.stop',
        },
      },
    },
  },
});

export const trafficLightSubject: Subject = {
  machine: trafficLight,
  samples: {
    'button pressed': { type: 'button.pressed' },
    'green over': delayPassed('greenTime', 'light.green'),
    'amber over': delayPassed('amberTime', 'light.amber'),
    'walk over': delayPassed('walkTime', 'light.red.walk'),
    'flash over': delayPassed('flashTime', 'light.red.flash'),
    'stop over': delayPassed('idle', 'light.red.stop'),
    'power failed': { type: 'power.failed' },
    'power returned': { type: 'power.returned', charge: 80 },
    'power returned weakly': { type: 'power.returned', charge: 20 },
  },
};

export const trafficLightInvariants: Invariants = {
  states: {
    'nobody is left waiting once it walks': ({ context, ...state }) =>
      !state.matches({ red: 'walk' }) || context.asked === false,
  },
  steps: {
    'green goes to red by amber alone': ({ source, target }) =>
      !source.state.matches('green') || !target.state.matches('red'),
    'it walks only when asked': ({ source, target }) =>
      !target.state.matches({ red: 'walk' }) || source.state.context.asked,
  },
};
