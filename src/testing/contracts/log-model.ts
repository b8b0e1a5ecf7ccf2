import { assign, setup } from 'xstate';
import { explore } from '../graph/explore.ts';
import { edgePaths, type Path } from '../graph/paths.ts';
import type { Subject } from '../graph/subject.ts';

/** What may befall a store under a log, and the states that were frozen of it. */
export type LogEvent =
  | { readonly type: 'transaction.applied' }
  | { readonly type: 'state.frozen' }
  | { readonly type: 'release.requested'; readonly handle: 'older' | 'newer' }
  | { readonly type: 'rollback.requested'; readonly by: 1 | 2 }
  | { readonly type: 'commit.advanced' };

interface LogContext {
  readonly last: number;
  readonly committed: number;
  /** Seqnos of the states that are frozen, in the order of their freezing. */
  readonly frozen: readonly number[];
}

/** Bounds of the model: what happens with more of each happens with so many already. */
const appliedMax = 3;
const frozenMax = 2;

const logSetup = setup({
  types: { context: {} as LogContext, events: {} as LogEvent },
  actions: {
    apply: assign({ last: ({ context }) => context.last + 1 }),
    freeze: assign({ frozen: ({ context }) => [...context.frozen, context.last] }),
    release: assign(({ context }, { handle }: { handle: 'older' | 'newer' }) => ({
      frozen: handle === 'older' ? context.frozen.slice(1) : context.frozen.slice(0, -1),
    })),
    rollback: assign(({ context }, { by }: { by: number }) => ({
      last: context.last - by,
      frozen: context.frozen.filter((seqno) => seqno <= context.last - by),
    })),
    commit: assign({ committed: ({ context }) => context.last }),
  },
  guards: {
    mayApply: ({ context }) => context.last < appliedMax,
    mayFreeze: ({ context }) => context.last > 0 && context.frozen.length < frozenMax,
    isHeld: ({ context }, { handle }: { handle: 'older' | 'newer' }) =>
      context.frozen.length > (handle === 'older' ? 0 : 1),
    mayRollBack: ({ context }, { by }: { by: number }) => context.last - by >= context.committed,
    mayCommit: ({ context }) => context.last > context.committed,
  },
});

const handleOf = ({ event }: { event: { readonly handle: 'older' | 'newer' } }) => ({
  handle: event.handle,
});
const byOf = ({ event }: { event: { readonly by: number } }) => ({ by: event.by });

/**
 * A store under a log, as far as frozen states have to do with it: transactions are applied, taken back as long
 * as they are not committed, and compacted once they are; states are frozen and released meanwhile.
 */
const logModel = logSetup.createMachine({
  id: 'log',
  description: 'A store under a log, and the states that are frozen of it.',
  context: { last: 0, committed: 0, frozen: [] },
  initial: 'standing',
  states: {
    standing: {
      on: {
        'transaction.applied': { guard: 'mayApply', actions: 'apply' },
        'state.frozen': { guard: 'mayFreeze', actions: 'freeze' },
        'release.requested': {
          guard: { type: 'isHeld', params: handleOf },
          actions: { type: 'release', params: handleOf },
        },
        'rollback.requested': {
          guard: { type: 'mayRollBack', params: byOf },
          actions: { type: 'rollback', params: byOf },
        },
        'commit.advanced': { guard: 'mayCommit', actions: 'commit' },
      },
    },
  },
});

const samples = {
  apply: { type: 'transaction.applied' },
  freeze: { type: 'state.frozen' },
  'release the older': { type: 'release.requested', handle: 'older' },
  'release the newer': { type: 'release.requested', handle: 'newer' },
  'roll back by 1': { type: 'rollback.requested', by: 1 },
  'roll back by 2': { type: 'rollback.requested', by: 2 },
  commit: { type: 'commit.advanced' },
} as const satisfies Readonly<Record<string, LogEvent>>;

/** A step of a path through {@link logModel}. */
export type LogStep = keyof typeof samples;

const subjectWithout = (left: readonly LogStep[]): Subject => ({
  machine: logModel,
  samples: Object.fromEntries(
    Object.entries(samples).filter(([name]) => !left.some((step) => step === name)),
  ),
});

/**
 * Paths that together take each step in each state of {@link logModel}.
 * @param without steps that the store under test cannot do
 */
export function logPaths(without: readonly LogStep[] = []): readonly Path[] {
  return edgePaths(explore(subjectWithout(without)));
}

/** The steps of a path, by name. */
export function stepsOf(path: Path): readonly LogStep[] {
  // Labels are the names of the samples, and these are all of them.
  return path.map(({ label }) => label as LogStep);
}
