import { describe, expect, test } from 'vitest';
import { type AnyStateMachine, createMachine, type MachineConfig } from 'xstate';
import { drawnMachines } from '../../src/cli/commands/drawn-machines.ts';
import { chartOf, statesOf } from '../../src/diagrams/chart.ts';
import { machineToJson } from '../../src/diagrams/json.ts';
import { smallMachine } from './small-machine.ts';

/** The machine that a reader of the file makes of it. */
function readBack(machine: AnyStateMachine): AnyStateMachine {
  const text = JSON.stringify(machineToJson(machine));
  // Whatever the file holds is tried: XState itself says whether it is a configuration.
  const config = JSON.parse(text) as MachineConfig<object, { type: string }>;
  return createMachine(config);
}

const machines = { ...drawnMachines, small: { machine: smallMachine } };

describe.each(Object.entries(machines))('machineToJson() of %s', (_, { machine }) => {
  const before = chartOf(machine);
  const after = chartOf(readBack(machine));

  test('has the same states, with kinds, actors and descriptions', () => {
    const facts = (root: typeof before) =>
      statesOf(root).map(({ transitions: _transitions, states: _states, ...rest }) => rest);
    expect(facts(after)).toEqual(facts(before));
  });

  test('has the same transitions, with guards, actions and targets', () => {
    const facts = (root: typeof before) => statesOf(root).flatMap(({ transitions }) => transitions);
    expect(facts(after)).toEqual(facts(before));
    expect(facts(after).length).toBeGreaterThan(5);
  });

  test('names every guard, action and actor', () => {
    expect(JSON.stringify(machineToJson(machine))).not.toContain('"inline"');
  });
});

test('machineToJson() keeps parameters that are data, and calls what is written in place inline', () => {
  const machine = createMachine({
    id: 'm',
    context: () => ({ count: 0 }),
    on: {
      A: { guard: { type: 'g', params: { of: [1, 'two'] } }, actions: () => {} },
      B: { guard: { type: 'g', params: () => ({}) }, actions: ['x', { type: 'y' }] },
    },
  });
  expect(machineToJson(machine)).toEqual({
    id: 'm',
    on: {
      A: { guard: { type: 'g', params: { of: [1, 'two'] } }, actions: { type: 'inline' } },
      B: { guard: { type: 'g' }, actions: ['x', { type: 'y' }] },
    },
  });
});
