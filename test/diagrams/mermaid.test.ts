import { JSDOM } from 'jsdom';
import { beforeAll, expect, test } from 'vitest';
import { drawnMachines } from '../../src/cli/commands/drawn-machines.ts';
import { machineToMermaid } from '../../src/diagrams/mermaid.ts';
import { smallMachine } from './small-machine.ts';

let parse: (text: string) => Promise<unknown>;

beforeAll(async () => {
  const { window } = new JSDOM('');
  // Mermaid looks for a browser when it is loaded.
  Object.assign(globalThis, { window, document: window.document });
  const { default: mermaid } = await import('mermaid');
  parse = (text) => mermaid.parse(text);
});

test.each(Object.entries(drawnMachines))(
  "machineToMermaid() draws %s so that Mermaid's own parser reads it",
  async (_, { machine, ...options }) => {
    const text = machineToMermaid(machine, options);
    await expect(parse(text)).resolves.toMatchObject({ diagramType: 'stateDiagram' });
  },
);

test("Mermaid's parser refuses what is no diagram", async () => {
  await expect(parse('stateDiagram-v2\n  awaiting-evidence {')).rejects.toThrow();
});

test('machineToMermaid() draws nested, parallel, final, guarded, delayed, automatic and ignored', () => {
  expect(machineToMermaid(smallMachine)).toBe(`stateDiagram-v2
  direction TB
  state "small" as s0 {
    [*] --> s1
    state "a-b" as s1
    state "both" as s2 {
      state "left" as s3 {
        [*] --> s4
        s4 : x
        s4 : GO [else] / wait
        state "y" as s5
        s5 --> [*]
      }
      --
      s6 : right
      s6 : BACK → both anew
    }
    state "end" as s7
    s7 --> [*]
    state "failed" as s8
    s8 --> [*]
  }
  s1 --> s2 : job done<br>always [ready]
  s1 --> s8 : job failed
  s1 --> s7 : after 100
  s2 --> s7 : all done [isWell least]
  s2 --> s1 : all done [else]
  s4 --> s5 : GO [isQuick]
  note right of s0
    at any time
    STOP → end
    NOTE / write
    PING is ignored
  end note
`);
});

test('machineToMermaid() writes names that would end a label as entities', async () => {
  const { createMachine } = await import('xstate');
  const machine = createMachine({
    id: 'odd',
    initial: 'a',
    states: { a: { on: { 'x:y;z': 'b', 'in:side': { actions: 'stay' } } }, b: {} },
  });
  const text = machineToMermaid(machine);
  expect(text).toContain('s1 --> s2 : x#58;y#59;z\n');
  expect(text).toContain('s1 : in#58;side / stay\n');
  await expect(parse(text)).resolves.toBeTruthy();
});
