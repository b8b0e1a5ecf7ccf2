import type { AnyEventObject, AnyMachineSnapshot } from 'xstate';
import type { Edge } from '../../testing/graph/explore.ts';
import { canonical } from '../../testing/graph/identity.ts';
import { isFinal, type Path, stateName, titleOf } from '../../testing/graph/paths.ts';
import type { TestgenTarget } from './testgen-target.ts';

/** Paths of a machine that are to be written. */
export interface Testgen {
  readonly target: TestgenTarget;
  /** The name of their kind. */
  readonly kind: string;
  readonly initial: AnyMachineSnapshot;
  readonly paths: readonly Path[];
}

/** A way to write paths: how the file's name ends, and its text. */
export interface TestgenFormat {
  readonly ending: string;
  write(testgen: Testgen): string;
}

/** Every format, by its name. **Order contract:** the text depends on the paths alone, so that two runs write the same. */
export const testgenFormats = {
  json: { ending: 'json', write: writeJson },
  vitest: { ending: 'test.js', write: writeVitest },
  gherkin: { ending: 'feature', write: writeGherkin },
} as const satisfies Readonly<Record<string, TestgenFormat>>;

/** The name of a format. */
export type FormatName = keyof typeof testgenFormats;

function writeJson({ target, kind, initial, paths }: Testgen): string {
  const head = { machine: target.name, paths: kind, initial: initial.value };
  const list = paths.map((path) => ({ title: titleOf(path), steps: path.map(stepOf) }));
  const lines = list.map((path) => `    ${JSON.stringify(path)}`);
  const text = JSON.stringify({ ...head, list: [] }, undefined, 2);
  return `${text.replace('"list": []', () => `"list": [\n${lines.join(',\n')}\n  ]`)}\n`;
}

function stepOf({ label, event, target: { state } }: Edge): object {
  const { value, status, output } = state;
  const end = status === 'active' ? {} : { status, output: plain(output) };
  return { sample: label, event: plain(event), state: value, ...end };
}

/** What JSON can say of a value: what it cannot is in words. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) {
    if (value instanceof Error) return { name: value.name, message: value.message };
    const isRecord = !ArrayBuffer.isView(value) && !(Symbol.iterator in value);
    if (!isRecord) return canonical(value);
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]));
  }
  return typeof value === 'bigint' || typeof value === 'function' ? canonical(value) : value;
}

function writeVitest({ target, kind, initial, paths }: Testgen): string {
  const uses = ['canonical', 'runSamples', 'stateName', ...target.uses].join(', ');
  const [first = '', ...others] = target.source;
  return `// Written by ledger-snapshotter testgen (${target.name}, ${kind}): change the machine or its samples, then write it anew.
import { expect, test } from 'vitest';
${[first, `import { ${uses} } from 'ledger-snapshotter/testing';`].sort().join('\n')}
${others.length === 0 ? '' : `${others.join('\n')}\n`}
test.each([
${paths.map((path) => caseOf(path, initial)).join('\n')}
])('$title', ({ samples, states, output }) => {
  const run = runSamples(subject, samples);
  expect(run.states.map(({ value }) => stateName(value))).toEqual(states);
  expect(run.state.status === 'active' ? undefined : canonical(run.state.output)).toBe(output);
});
`;
}

function caseOf(path: Path, initial: AnyMachineSnapshot): string {
  const states = [initial, ...path.map(({ target }) => target.state)];
  const last = path.at(-1)?.target;
  const output = last && isFinal(last) ? JSON.stringify(canonical(last.state.output)) : 'undefined';
  return `  {
    title: ${JSON.stringify(titleOf(path))},
    samples: ${JSON.stringify(path.map(({ label }) => label))},
    states: ${JSON.stringify(states.map(({ value }) => stateName(value)))},
    output: ${output},
  },`;
}

function writeGherkin({ target, kind, initial, paths }: Testgen): string {
  const { description } = target.subject.machine.root;
  const scenarios = paths.map((path) =>
    [
      `  Scenario: ${titleOf(path)}`,
      `    Given ${target.name} is in ${stateName(initial.value)}`,
      ...path.flatMap(sentencesOf),
    ].join('\n'),
  );
  const head = [
    `# Written by ledger-snapshotter testgen (${target.name}, ${kind}).`,
    `Feature: ${target.name}`,
    ...(description === undefined ? [] : [`  ${description.replaceAll('\n', ' ')}`]),
  ];
  return `${[head.join('\n'), ...scenarios].join('\n\n')}\n`;
}

function sentencesOf({ label, event, source, target }: Edge): readonly string[] {
  const name = stateName(target.state.value);
  const isSame = name === stateName(source.state.value);
  const end = { done: 'has ended', error: 'has broken' }[String(target.state.status)];
  return [
    `    When ${happening(event)}: ${label}`,
    `    Then it is ${isSame ? 'still ' : ''}in ${name}`,
    ...(end === undefined ? [] : [`    And it ${end}`]),
  ];
}

function happening({ type }: AnyEventObject): string {
  const child = /^xstate\.(done|error)\.actor\.(.+)$/.exec(type);
  if (child) return `its child ${child[2]} ${child[1] === 'done' ? 'is done' : 'fails'}`;
  const delay = /^xstate\.after\.(\d*)([^.]*)\./.exec(type);
  if (delay?.[1] !== undefined && delay[1] !== '') return `${delay[1]} ms have passed`;
  return delay ? `the time ${delay[2]} has passed` : `it is told ${type}`;
}
