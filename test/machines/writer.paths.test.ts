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
import { edgePaths, simplePaths, titleOf } from '../../src/testing/graph/paths.ts';
import { refusedThatAct } from '../../src/testing/graph/refused.ts';
import type { LiveRun } from '../../src/testing/graph/runner.ts';
import { deadEnds, unreachedStates } from '../../src/testing/graph/structure.ts';
import { writerSubject } from './alphabets.ts';

const graph = explore(writerSubject);

const outputOf = ({ output }: AnyMachineSnapshot) => output as WriterOutput;
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
      !state.matches('publishing') || (state.context as WriterContext).file !== undefined,
  },
  steps: {
    'publishing is never left before its answer': ({ source, event }) =>
      !source.state.matches('publishing') || event.type.endsWith('.actor.publish'),
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

const laws: RunLaws = {
  'steps come in order, none twice': (run) => {
    const steps = noted(run, 'started').map((step) => order.indexOf(step));
    return steps.every((step, index) => index === 0 || step > (steps[index - 1] ?? 0));
  },
  'nothing is published before it is synced and closed': (run) =>
    !noted(run, 'started').includes('publish') ||
    ['syncSpool', 'closeSpool'].every((step) => noted(run, 'ended').includes(step)),
  'publishing, its sync and discarding are never cut short': (run) =>
    noted(run, 'stopped').every((step) => order.indexOf(step) < order.indexOf('publish')),
  'a writer that ends has discarded its spool, or published it': (run) =>
    run.state.status !== 'done' ||
    isPublished(run.state) !== noted(run, 'ended').includes('discardSpool'),
  'a spool is left over exactly when discarding it failed': (run) =>
    run.state.status !== 'done' ||
    outputOf(run.state).leftover ===
      run.children.some(({ child, detail }) => child === 'discardSpool' && detail instanceof Error),
  'the owner is told once that the spool is open, and once of the end': (run) =>
    run.reports.filter(({ type }) => type === 'spool.opened').length ===
      (run.states.some((state) => state.matches('spooling')) ? 1 : 0) &&
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

  test.each(simplePaths(graph).map((path) => [titleOf(path), path] as const))(
    'runs %s',
    (_, path) => {
      expect(brokenRunLaws(graph, [path], laws)).toEqual([]);
    },
  );

  test('takes every edge live, is moved by nothing that it refuses, and so takes every transition that it defines', () => {
    const warn = vi.spyOn(console, 'warn');
    const coverage = new Coverage();
    expect(brokenRunLaws(graph, edgePaths(graph), laws, coverage)).toEqual([]);
    expect(refusedThatAct(graph, coverage)).toEqual([]);
    expect(coverage.missing(writerMachine)).toEqual([]);
    expect(warn).not.toHaveBeenCalled();
  });

  test('has the paths that were reviewed', async () => {
    const titles = simplePaths(graph).map((path) => {
      const [status] = path.slice(-1).map(({ target }) => outputOf(target.state).status);
      return `${titleOf(path)} (${status})\n`;
    });
    await expect(titles.join('')).toMatchFileSnapshot('./__snapshots__/writer.paths.txt');
  });
});
