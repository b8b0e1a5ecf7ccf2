import type { AnyMachineSnapshot } from 'xstate';
import type { WriterOutput } from '../../machines/events.ts';
import type { WriterContext } from '../../machines/writer.ts';
import { childDone, childFailed } from '../../src/testing/graph/alphabet.ts';
import type { Invariants, RunLaws } from '../../src/testing/graph/invariants.ts';
import type { LiveRun } from '../../src/testing/graph/runner.ts';
import type { ChildNote } from '../../src/testing/graph/stub.ts';

/** Where each step leads that is done. */
const next: Readonly<Record<string, string>> = {
  opening: 'spooling',
  appending: 'syncing',
  syncing: 'closing',
  closing: 'publishing',
  publishing: 'syncingDirectory',
  syncingDirectory: 'durable',
};

/** What a writer that has ended says. */
export const outputOf = ({ output }: AnyMachineSnapshot) => output as WriterOutput;
const contextOf = ({ context }: AnyMachineSnapshot) => context as WriterContext;
const isPublished = (state: AnyMachineSnapshot): boolean =>
  state.matches('durable') || state.matches('notDurable');

export const writerInvariants: Invariants = {
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
    'a step under way is awaited, however it ends': (state) =>
      state.status !== 'active' ||
      Object.keys(state.children).every(
        (step) =>
          [undefined, 'published', 'duplicate'].every((output) =>
            state.can(childDone(step, output)),
          ) && state.can(childFailed(step, new Error('EIO'))),
      ),
    'a writer can be told to end, unless its file is published already': (state) =>
      state.status !== 'active' ||
      state.matches('syncingDirectory') ||
      state.can({ type: 'discard.requested' }),
    'a receipt is taken as soon as it is ready': (state) =>
      state.status !== 'active' || state.can({ type: 'receipt.ready', file: 'ready' }),
  },
  steps: {
    'a step that is done leads to the next one, and only that': ({ source, event, target }) =>
      !event.type.startsWith('xstate.done.actor.') ||
      source.state.matches('discarding') ||
      ['duplicate', 'conflict'].includes(event['output']) ||
      target.state.matches(next[String(source.state.value)] ?? ''),
    'a spool that is filled waits for its receipt, and no longer than that': (edge) => {
      const { source, event, target } = edge;
      const isNamed = contextOf(target.state).file !== undefined;
      if (event.type === 'spool.filled') {
        return target.state.matches(isNamed ? 'appending' : 'spooled');
      }
      return (
        event.type !== 'receipt.ready' ||
        (isNamed &&
          target.state.matches(source.state.matches('spooled') ? 'appending' : source.state.value))
      );
    },
    'a step that fails leads to discarding, and is the one that is named': (edge) => {
      const { source, event, target } = edge;
      if (!event.type.startsWith('xstate.error.') || source.state.matches('discarding'))
        return true;
      if (source.state.matches('syncingDirectory')) return target.state.matches('notDurable');
      const isForgiven = source.state.matches('publishing') && contextOf(source.state).isUnwanted;
      const { status, step } = contextOf(target.state);
      return (
        target.state.matches('discarding') &&
        (isForgiven ? status === 'discarded' : status === 'failed' && step === source.state.value)
      );
    },
    'a file that is there already is named as what it is': ({ event, target }) =>
      !['duplicate', 'conflict'].includes(event['output']) ||
      (target.state.matches('discarding') && contextOf(target.state).status === event['output']),
    'a writer that is told to end discards its spool and tries no other': (edge) => {
      const { source, event, target } = edge;
      if (event.type !== 'discard.requested') return true;
      return source.state.matches('publishing')
        ? contextOf(target.state).isUnwanted
        : target.state.matches('discarding') && contextOf(target.state).status !== 'failed';
    },
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

export const writerRunLaws: RunLaws = {
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
