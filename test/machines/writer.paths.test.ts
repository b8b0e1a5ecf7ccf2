import { describe, expect, test, vi } from 'vitest';
import type { AnyMachineSnapshot } from 'xstate';
import type { WriterOutput } from '../../machines/events.ts';
import { type WriterContext, writerMachine } from '../../machines/writer.ts';
import { forgedSamples, missingSamples, strangeSamples } from '../../src/testing/graph/alphabet.ts';
import { Coverage } from '../../src/testing/graph/coverage.ts';
import { explore } from '../../src/testing/graph/explore.ts';
import {
  brokenInvariants,
  brokenRunLaws,
  type Invariants,
  type RunLaws,
} from '../../src/testing/graph/invariants.ts';
import { edgePaths, simplePaths } from '../../src/testing/graph/paths.ts';
import { refusedThatAct } from '../../src/testing/graph/refused.ts';
import type { LiveRun } from '../../src/testing/graph/runner.ts';
import { deadEnds, unreachedStates } from '../../src/testing/graph/structure.ts';
import type { ChildNote } from '../../src/testing/graph/stub.ts';
import { writerSubject } from './alphabets.ts';
import { goldenOf } from './golden.ts';

const graph = explore(writerSubject);

const outputOf = ({ output }: AnyMachineSnapshot) => output as WriterOutput;
const contextOf = ({ context }: AnyMachineSnapshot) => context as WriterContext;
const isPublished = (state: AnyMachineSnapshot): boolean =>
  state.matches('durable') || state.matches('notDurable');

const invariants: Invariants = {
  states: {
    'a final state says what became of the file': (state) =>
      state.status !== 'done' ||
      (state.matches('durable')
        ? outputOf(state).status === 'durable'
        : state.matches('notDurable') === (outputOf(state).status === 'not-durable')),
    'a published file, and no other, is named': (state) =>
      state.status !== 'done' || isPublished(state) === (outputOf(state).file !== undefined),
    'the step that failed is named, and only that': (state) =>
      state.status !== 'done' ||
      ['failed', 'not-durable'].includes(outputOf(state).status) ===
        (outputOf(state).step !== undefined),
    'a name is known before a file is published': (state) =>
      !state.matches('publishing') || contextOf(state).file !== undefined,
  },
  steps: {
    'only a failed spool is followed by another, and no more of them than the bound': ({
      source,
      target,
    }) =>
      source.state.matches('opening') ||
      !target.state.matches('opening') ||
      (source.state.matches('discarding') &&
        contextOf(source.state).status === 'failed' &&
        contextOf(target.state).attempt < contextOf(target.state).attemptsMax),
    'publishing is never left before its answer': ({ source, event, target }) =>
      !source.state.matches('publishing') ||
      target.state.matches('publishing') ||
      event.type.endsWith('.actor.publish'),
    'a file that is not published was discarded': ({ source, target }) =>
      target.state.status === 'active' ||
      isPublished(target.state) ||
      source.state.matches('discarding'),
  },
};

const order = [
  'openSpool',
  'appendReceipt',
  'syncSpool',
  'closeSpool',
  'publish',
  'syncDirectory',
  'discardSpool',
];

const noted = ({ children }: LiveRun, what: 'started' | 'ended' | 'stopped') =>
  children.filter((note) => note.what === what).map(({ child }) => child);

/** What befell the steps of each spool that was opened. */
function spoolsOf({ children }: LiveRun): readonly (readonly ChildNote[])[] {
  const spools: ChildNote[][] = [];
  for (const note of children) {
    if (note.what === 'started' && note.child === 'openSpool') spools.push([]);
    spools.at(-1)?.push(note);
  }
  return spools;
}

const went = (notes: readonly ChildNote[], step: string): boolean =>
  notes.some(({ child, what, detail }) => {
    return child === step && what === 'ended' && !(detail instanceof Error);
  });

const laws: RunLaws = {
  "a spool's steps come in order, none twice": (run) =>
    spoolsOf(run).every((notes) => {
      const started = notes.filter(({ what }) => what === 'started');
      const steps = started.map(({ child }) => order.indexOf(child));
      return steps.every((step, index) => index === 0 || step > (steps[index - 1] ?? 0));
    }),
  'no spool is published before it is synced and closed': (run) =>
    spoolsOf(run).every(
      (notes) =>
        !notes.some(({ child }) => child === 'publish') ||
        (went(notes, 'syncSpool') && went(notes, 'closeSpool')),
    ),
  'each spool has a number of its own, and the earlier ones were discarded': (run) =>
    spoolsOf(run).every(
      ([opened, ...notes], index, spools) =>
        (opened?.detail as { attempt: number } | undefined)?.attempt === index &&
        (index === spools.length - 1 || notes.at(-1)?.child === 'discardSpool'),
    ),
  'a failed write is tried as often as the bound says, unless it is not wanted any more': (run) =>
    run.state.status !== 'done' ||
    outputOf(run.state).status !== 'failed' ||
    spoolsOf(run).length === 2,
  'publishing, its sync and discarding are never cut short': (run) =>
    noted(run, 'stopped').every((step) => order.indexOf(step) < order.indexOf('publish')),
  'a writer that ends has discarded its spool, or published it': (run) =>
    run.state.status !== 'done' ||
    isPublished(run.state) !==
      spoolsOf(run)
        .at(-1)
        ?.some(({ child, what }) => child === 'discardSpool' && what === 'ended'),
  'a spool is left over exactly when discarding it failed': (run) =>
    run.state.status !== 'done' ||
    outputOf(run.state).leftover ===
      run.children.some(({ child, detail }) => child === 'discardSpool' && detail instanceof Error),
  'the owner is told of each spool that is open, and once of the end': (run) =>
    run.reports.filter(({ type }) => type === 'spool.opened').length ===
      spoolsOf(run).filter((notes) => went(notes, 'openSpool')).length &&
    run.reports.filter(({ type }) => type.startsWith('xstate.')).length ===
      (run.state.status === 'done' ? 1 : 0),
};

describe('writer', () => {
  test('has a sample for all that it reacts to, none strange and none forged', () => {
    expect(missingSamples(writerSubject)).toEqual([]);
    expect(strangeSamples(writerSubject)).toEqual([]);
    expect(forgedSamples(writerSubject.samples)).toEqual([]);
  });

  test('reaches every state, and from each a final one', () => {
    expect(unreachedStates(graph)).toEqual([]);
    expect(deadEnds(graph)).toEqual([]);
  });

  test('keeps its invariants in every state and step', () => {
    expect(brokenInvariants(graph, invariants)).toEqual([]);
  });

  test('runs every simple path live', () => {
    expect(brokenRunLaws(graph, simplePaths(graph), laws)).toEqual([]);
  });

  test('takes every edge live, is moved by nothing that it refuses, and so takes every transition that it defines', () => {
    const warn = vi.spyOn(console, 'warn');
    const coverage = new Coverage();
    expect(brokenRunLaws(graph, edgePaths(graph), laws, coverage)).toEqual([]);
    expect(refusedThatAct(graph, coverage)).toEqual([]);
    expect(coverage.missing(writerMachine)).toEqual([]);
    expect(warn).not.toHaveBeenCalled();
  });

  test.each([
    [
      'tries once more than the bound',
      ({ status, attempt, attemptsMax }: WriterContext) =>
        status === 'failed' && attempt < attemptsMax,
    ],
    [
      'tries again what found another file there, or was told to end',
      ({ attempt }: WriterContext) => attempt < 1,
    ],
    ['never tries again', () => false],
  ])('breaks a law when it %s', (_, mayRunAgain) => {
    const guards = {
      mayRunAgain: ({ context }: { context: WriterContext }) => mayRunAgain(context),
    };
    const machine = writerMachine.provide({ guards });
    const broken = explore({ ...writerSubject, machine });
    expect([
      ...brokenInvariants(broken, invariants),
      ...brokenRunLaws(broken, edgePaths(broken), laws),
    ]).not.toEqual([]);
  });

  test('has the paths that were reviewed', async () => {
    const name = ({ value, context }: AnyMachineSnapshot) => {
      const { attempt, file, status } = context as WriterContext;
      return `${value} ${attempt}${file ? ' named' : ''}${status === 'failed' ? ' failed' : ''}`;
    };
    const golden = goldenOf(graph, simplePaths(graph), name, (state) => outputOf(state).status);
    await expect(golden).toMatchFileSnapshot('./__snapshots__/writer.paths.txt');
  });
});
