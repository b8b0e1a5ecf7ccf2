import { describe, expect, test, vi } from 'vitest';
import type { AnyMachineSnapshot } from 'xstate';
import type { ChainOutput } from '../../machines/events.ts';
import { type OrderedTasksContext, orderedTasksMachine } from '../../machines/ordered-tasks.ts';
import type { RunActionInput } from '../../machines/ports.ts';
import { forgedSamples, missingSamples, strangeSamples } from '../../src/testing/graph/alphabet.ts';
import { Coverage } from '../../src/testing/graph/coverage.ts';
import { explore } from '../../src/testing/graph/explore.ts';
import {
  brokenInvariants,
  brokenRunLaws,
  type Invariants,
  type RunLaws,
} from '../../src/testing/graph/invariants.ts';
import { edgePaths, simplePaths, stateName } from '../../src/testing/graph/paths.ts';
import { refusedThatAct } from '../../src/testing/graph/refused.ts';
import type { LiveRun } from '../../src/testing/graph/runner.ts';
import { deadEnds, unreachedStates } from '../../src/testing/graph/structure.ts';
import { chainSubject } from './alphabets.ts';
import { goldenOf } from './golden.ts';

// Two equal actions for the simple paths, three of two kinds for edges and laws.
const lean = explore(chainSubject(2, 'lean'));
const full = explore(chainSubject(3, 'full'));

const known = (state: AnyMachineSnapshot) => state.context as OrderedTasksContext;
const statusOf = ({ output }: AnyMachineSnapshot) => (output as ChainOutput | undefined)?.status;

const invariants: Invariants = {
  states: {
    'an action is under way exactly while running': (state) =>
      state.status !== 'active' || state.matches('running') === 'runAction' in state.children,
    'an idle chain has nothing to do': (state) =>
      !state.matches('idle') || known(state).queue.length === 0,
    'a running chain has something to do': (state) =>
      !state.matches('running') || known(state).queue.length > 0,
    'no action is run more often than it may': (state) =>
      known(state).attempt >= 1 && known(state).attempt <= known(state).attemptsMax,
    'a chain that ended says how many actions it leaves': (state) =>
      state.status !== 'done' ||
      (state.output as ChainOutput).unfinished === known(state).queue.length,
  },
  steps: {
    'a chain is poisoned by an action that throws, and by nothing else': ({
      event,
      source,
      target,
    }) =>
      target.state.matches('poisoned') ===
      (event.type === 'xstate.error.actor.runAction' &&
        !source.state.matches({ running: 'aborting' })),
    'a paused chain starts nothing': ({ source, target, event }) =>
      !source.state.matches('paused') ||
      !target.state.matches('running') ||
      event.type === 'resume.requested',
  },
};

const runs = (run: LiveRun) =>
  run.children
    .filter(({ what }) => what === 'started')
    .map(({ detail }) => detail as RunActionInput);

const laws: RunLaws = {
  'two actions never run at once': ({ children }) =>
    children.every(({ what }, index) => what === (index % 2 === 0 ? 'started' : 'ended')),
  'actions run in the order asked': (run, path) => {
    const asked = path.filter(({ event }) => event.type === 'action.requested');
    const ran = runs(run).filter(({ attempt }) => attempt === 1);
    return ran.every(({ action }, index) => action === asked[index]?.event['action']);
  },
  'an action is run again only when it has failed, and next': (run) =>
    runs(run).every(
      ({ action, attempt }, index, all) =>
        attempt === 1 ||
        (all[index - 1]?.action === action && all[index - 1]?.attempt === attempt - 1),
    ),
  'every action is reported once, when it needs no other run and is not aborted': (run, path) =>
    run.reports.filter(({ type }) => type.startsWith('action.')).length ===
    path.filter(
      ({ event, source }) =>
        event.type === 'xstate.done.actor.runAction' &&
        !source.state.matches({ running: 'aborting' }) &&
        (event['output'].status === 'completed' ||
          known(source.state).attempt === known(source.state).attemptsMax),
    ).length,
};

describe('ordered-tasks', () => {
  test('has a sample for all that it reacts to, none strange and none forged', () => {
    expect(missingSamples(lean.subject)).toEqual([]);
    expect(strangeSamples(full.subject)).toEqual([]);
    expect(forgedSamples(full.subject.samples)).toEqual([]);
  });

  test('reaches every state, and from each a final one', () => {
    expect(unreachedStates(lean)).toEqual([]);
    expect(deadEnds(lean)).toEqual([]);
    expect(deadEnds(full)).toEqual([]);
  });

  test('keeps its invariants in every state and step', () => {
    expect(brokenInvariants(full, invariants)).toEqual([]);
  });

  test('runs every simple path live', () => {
    expect(brokenRunLaws(lean, simplePaths(lean), laws)).toEqual([]);
  });

  test('takes every edge live, is moved by nothing that it refuses, and so takes every transition that it defines', () => {
    const warn = vi.spyOn(console, 'warn');
    const coverage = new Coverage();
    expect(brokenRunLaws(full, edgePaths(full), laws, coverage)).toEqual([]);
    expect(refusedThatAct(full, coverage)).toEqual([]);
    expect(coverage.missing(orderedTasksMachine)).toEqual([]);
    expect(warn).not.toHaveBeenCalled();
  });

  test('has the paths that were reviewed', async () => {
    const name = (state: AnyMachineSnapshot) =>
      `${stateName(state.value)} ${known(state).queue.length}#${known(state).attempt}`;
    const golden = goldenOf(lean, simplePaths(lean), name, (state) => `${statusOf(state)}`);
    await expect(golden).toMatchFileSnapshot('./__snapshots__/ordered-tasks.paths.txt');
  });
});
