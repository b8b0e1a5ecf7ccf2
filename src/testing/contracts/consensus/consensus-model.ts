import { assign, setup } from 'xstate';
import { explore } from '../../graph/explore.ts';
import { edgePaths, type Path } from '../../graph/paths.ts';

interface ConsensusContext {
  /** `e` an entry, `s` a signature. */
  readonly entries: string;
  readonly durable: number;
  readonly committed: number;
}

type ConsensusEvent =
  | { readonly type: 'entry.replicated'; readonly letter: 'e' | 's' }
  | { readonly type: 'ledger.persisted'; readonly what: 'next' | 'all' }
  | { readonly type: 'rollback.requested'; readonly to: 'committed' | 'durable' | 'before last' }
  | { readonly type: 'node.restarted' };

const entriesMax = 3;

const durableAfter = ({ entries, durable }: ConsensusContext, what: 'next' | 'all'): number =>
  what === 'all' ? entries.length : durable + 1;

/** What a rollback leaves. */
function targetOf({ entries, durable, committed }: ConsensusContext, to: string): number {
  if (to === 'committed') return committed;
  return Math.max(committed, to === 'durable' ? durable : entries.length - 1);
}

const committedOf = (context: ConsensusContext): number =>
  Math.max(context.committed, context.entries.slice(0, context.durable).lastIndexOf('s') + 1);

const consensusSetup = setup({
  types: { context: {} as ConsensusContext, events: {} as ConsensusEvent },
  actions: {
    replicate: assign(({ context }, { letter }: { letter: string }) => ({
      entries: context.entries + letter,
    })),
    persist: assign(({ context }, { what }: { what: 'next' | 'all' }) => {
      const durable = durableAfter(context, what);
      return { durable, committed: committedOf({ ...context, durable }) };
    }),
    rollback: assign(({ context }, { to }: { to: string }) => {
      const left = targetOf(context, to);
      return { entries: context.entries.slice(0, left), durable: Math.min(context.durable, left) };
    }),
    restart: assign(({ context }) => ({ entries: context.entries.slice(0, context.durable) })),
  },
  guards: {
    mayReplicate: ({ context }) => context.entries.length < entriesMax,
    mayPersist: ({ context }) => context.durable < context.entries.length,
  },
});

/** A node around its consensus: what it writes, makes durable, takes back and loses. */
const consensusModel = consensusSetup.createMachine({
  id: 'consensus',
  description: 'What a node may do with its consensus, in any order.',
  context: { entries: '', durable: 0, committed: 0 },
  initial: 'primary',
  states: {
    primary: {
      on: {
        'entry.replicated': {
          guard: 'mayReplicate',
          actions: {
            type: 'replicate',
            params: ({ event }) => ({ letter: event.letter }),
          },
        },
        'ledger.persisted': {
          guard: 'mayPersist',
          actions: { type: 'persist', params: ({ event }) => ({ what: event.what }) },
        },
        'rollback.requested': {
          actions: { type: 'rollback', params: ({ event }) => ({ to: event.to }) },
        },
        'node.restarted': { actions: 'restart' },
      },
    },
  },
});

const samples = {
  entry: { type: 'entry.replicated', letter: 'e' },
  signature: { type: 'entry.replicated', letter: 's' },
  'persist next': { type: 'ledger.persisted', what: 'next' },
  'persist all': { type: 'ledger.persisted', what: 'all' },
  'roll back to the commit': { type: 'rollback.requested', to: 'committed' },
  'roll back to what is durable': { type: 'rollback.requested', to: 'durable' },
  'roll back the last': { type: 'rollback.requested', to: 'before last' },
  restart: { type: 'node.restarted' },
} as const satisfies Readonly<Record<string, ConsensusEvent>>;

/** Paths that together take each step in each state of {@link consensusModel}. */
export function consensusPaths(): readonly Path[] {
  return edgePaths(explore({ machine: consensusModel, samples }));
}

/** Where a step of a path leads: entries, what is durable, what is committed. */
export function contextOf(edge: Path[number]): ConsensusContext {
  return edge.target.state.context as ConsensusContext;
}

/** The event of a step. */
export function eventOf(edge: Path[number]): ConsensusEvent {
  // The samples of this model are such events, and its paths have no others.
  return edge.event as ConsensusEvent;
}
