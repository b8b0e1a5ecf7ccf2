import type { AnyMachineSnapshot } from 'xstate';
import type { ChainOutput } from '../../machines/events.ts';
import type { OrderedTasksContext } from '../../machines/ordered-tasks.ts';
import type { RunActionInput } from '../../machines/ports.ts';
import { childDone, childFailed } from '../../src/testing/graph/alphabet.ts';
import type { Edge } from '../../src/testing/graph/explore.ts';
import type { Invariants, RunLaws } from '../../src/testing/graph/invariants.ts';
import { stateName } from '../../src/testing/graph/paths.ts';
import type { LiveRun } from '../../src/testing/graph/runner.ts';

/** A chain's context. */
export const known = (state: AnyMachineSnapshot) => state.context as OrderedTasksContext;

/** Where a chain is after it was told something, or its action has ended without throwing. */
function placeAfter({ source, event, target }: Edge): string {
  const place = stateName(source.state.value);
  const more = known(target.state).queue.length > 0;
  const places: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'action.requested': { idle: 'running.working' },
    'pause.requested': { idle: 'paused', 'running.working': 'running.pausing' },
    'resume.requested': {
      'running.pausing': 'running.working',
      paused: more ? 'running.working' : 'idle',
    },
    'cancel.requested': {
      idle: 'cancelled',
      paused: 'cancelled',
      'running.working': 'running.aborting',
      'running.pausing': 'running.aborting',
    },
    'xstate.done.actor.runAction': {
      'running.working': more ? 'running.working' : 'idle',
      'running.pausing': 'paused',
      'running.aborting': 'cancelled',
    },
  };
  return places[event.type]?.[place] ?? place;
}

export const chainInvariants: Invariants = {
  states: {
    'an action is under way exactly while running': (state) =>
      state.status !== 'active' || state.matches('running') === 'runAction' in state.children,
    'an idle chain has nothing to do': (state) =>
      !state.matches('idle') || known(state).queue.length === 0,
    'a running chain has something to do': (state) =>
      !state.matches('running') || known(state).queue.length > 0,
    'no action is run more often than it may': (state) =>
      known(state).attempt >= 1 && known(state).attempt <= known(state).attemptsMax,
    'a live chain takes what it is asked, and can be told to end': (state) =>
      state.status !== 'active' ||
      (state.can({ type: 'action.requested', action: { kind: 'serialise' } }) &&
        (state.matches({ running: 'aborting' }) || state.can({ type: 'cancel.requested' }))),
    'a live chain can be paused, and resumed where it was': (state) =>
      state.status !== 'active' ||
      state.matches({ running: 'aborting' }) ||
      state.can({ type: 'pause.requested' }) !== state.can({ type: 'resume.requested' }),
    'an action under way is awaited, however it ends': (state) =>
      !state.matches('running') ||
      (state.can(childDone('runAction', { status: 'completed' })) &&
        state.can(childFailed('runAction', new Error('thrown')))),
    'a chain that ended says how many actions it leaves': (state) =>
      state.status !== 'done' ||
      (state.output as ChainOutput).unfinished === known(state).queue.length,
  },
  steps: {
    'a chain is where it was told to be': (edge) =>
      edge.event.type === 'xstate.error.actor.runAction' ||
      stateName(edge.target.state.value) === placeAfter(edge),
    'what is asked waits behind the others': ({ source, event, target }) =>
      event.type !== 'action.requested' ||
      (known(target.state).queue.length === known(source.state).queue.length + 1 &&
        known(target.state).queue.at(-1) === event['action']),
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

export const chainRunLaws: RunLaws = {
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
  'a report says how its action ended': (run, path) => {
    const ends = path
      .filter(({ event }) => event.type === 'xstate.done.actor.runAction')
      .map(({ event }) => event['output']);
    return run.reports
      .filter(({ type }) => type.startsWith('action.'))
      .every(({ type, ...said }) =>
        ends.some(({ status, output, kind, reason }) =>
          type === 'action.completed'
            ? status === 'completed' && said['output'] === output
            : status === 'failed' && said['kind'] === kind && said['reason'] === reason,
        ),
      );
  },
  'an action under way is asked to end, once, when its chain is cancelled': (run, path) =>
    run.actions.filter(({ type }) => type === 'abortAction').length ===
    path.filter(
      ({ source, target }) =>
        target.state.matches({ running: 'aborting' }) &&
        !source.state.matches({ running: 'aborting' }),
    ).length,
};
