import { expect, test } from 'vitest';
import { createMachine } from 'xstate';
import { machineToMermaid } from '../../src/diagrams/mermaid.ts';
import { textOf } from '../architecture/sources.ts';
import { drawnMachines } from './machines.ts';

test.each(Object.entries(drawnMachines))(
  'the diagram of %s is fresh: npm run diagrams draws it',
  (name, machine) => {
    expect(textOf(`visualizations/diagrams/${name}.mmd`)).toBe(machineToMermaid(machine));
  },
);

test('machineToMermaid() draws nested, parallel, final, guarded, delayed and automatic', () => {
  const machine = createMachine({
    id: 'small',
    initial: 'a-b',
    on: { STOP: '.end' },
    states: {
      'a-b': { always: { guard: 'ready', target: 'both' }, after: { 100: 'end' } },
      both: {
        type: 'parallel',
        onDone: 'end',
        states: {
          left: { initial: 'x', states: { x: { on: { GO: 'y' } }, y: { type: 'final' } } },
          right: {},
        },
      },
      end: { type: 'final' },
    },
  });
  expect(machineToMermaid(machine)).toBe(`stateDiagram-v2
  state "small" as s0 {
    [*] --> s1
    state "a-b" as s1
    state "both" as s2 {
      state "left" as s3 {
        [*] --> s4
        state "x" as s4
        state "y" as s5
        s5 --> [*]
      }
      --
      state "right" as s6
    }
    state "end" as s7
    s7 --> [*]
  }
  s0 --> s7 : STOP
  s1 --> s7 : after 100
  s1 --> s2 : always [ready]
  s2 --> s7 : all done
  s4 --> s5 : GO
`);
});
