import { assign, type DoneActorEvent, type ErrorActorEvent, setup } from 'xstate';
import type { ErrorCode } from '../src/core/errors.ts';
import type { Seqno } from '../src/core/words.ts';
import { wordsOf } from './guards.ts';
import {
  type CandidateVerdict,
  type RecoverySources,
  type ReplayedLedger,
  recoveryPorts,
  type SnapshotCandidate,
} from './ports.ts';

/** A candidate that was passed over, and why. */
export interface RefusedCandidate extends SnapshotCandidate {
  readonly code: ErrorCode;
  readonly reason: string;
}

/**
 * Why nothing was recovered: a port failed, or `no-start`: no candidate is usable and the ledger does
 * not begin at seqno 1.
 */
export type RecoveryRefusal = 'listing-failed' | 'checking-failed' | 'replay-failed' | 'no-start';

/** Which snapshots are left to try, and which were refused. */
export interface RecoveryContext {
  /** Seqno that the ledger begins with; `undefined` without a ledger. */
  readonly first: Seqno | undefined;
  /** Candidates not yet decided on, newest first, sparse files last; the first is the one being checked. */
  readonly candidates: readonly SnapshotCandidate[];
  readonly refused: readonly RefusedCandidate[];
  /** The snapshot that was usable. */
  readonly start: SnapshotCandidate | undefined;
  /** Whether the whole ledger is replayed, for want of a snapshot. */
  readonly fromGenesis: boolean;
  readonly replayed: ReplayedLedger | undefined;
  readonly refusal: RecoveryRefusal | undefined;
  readonly reason: string | undefined;
}

/** Everything that a recovery is told from outside. */
export type RecoveryEvent =
  | { readonly type: 'cancel.requested' }
  | DoneActorEvent<RecoverySources, 'listSources'>
  | ErrorActorEvent<unknown, 'listSources'>
  | DoneActorEvent<CandidateVerdict, 'checkCandidate'>
  | ErrorActorEvent<unknown, 'checkCandidate'>
  | DoneActorEvent<ReplayedLedger, 'replayLedger'>
  | ErrorActorEvent<unknown, 'replayLedger'>;

/** How a recovery ended, with what is known of why. */
export interface RecoveryOutput
  extends Pick<
    RecoveryContext,
    'first' | 'refused' | 'start' | 'fromGenesis' | 'refusal' | 'reason'
  > {
  readonly status: 'recovered' | 'refused' | 'cancelled';
  /** Last entry that counts, of a recovered state. */
  readonly seqno: Seqno | undefined;
  readonly verifiedUntil: Seqno | undefined;
}

const recoverySetup = setup({
  types: {
    context: {} as RecoveryContext,
    events: {} as RecoveryEvent,
    output: {} as RecoveryOutput,
  },
  actors: recoveryPorts,
  actions: {
    rememberSources: assign((_, { candidates, first }: RecoverySources) => ({
      candidates: sparseLast(candidates),
      first,
    })),
    startAtCandidate: assign({
      start: ({ context }) => context.candidates[0],
      candidates: ({ context }) => context.candidates.slice(1),
    }),
    refuseCandidate: assign(({ context }, { verdict }: { verdict: CandidateVerdict }) => ({
      refused: withRefused(context, verdict),
      candidates: context.candidates.slice(1),
    })),
    startAtGenesis: assign({ fromGenesis: true }),
    rememberReplayed: assign((_, { replayed }: { replayed: ReplayedLedger }) => ({ replayed })),
    rememberFailure: assign(
      (_, { refusal, error }: { refusal: RecoveryRefusal; error: unknown }) => ({
        refusal,
        reason: wordsOf(error),
      }),
    ),
    rememberNoStart: assign(({ context }) => ({
      refusal: 'no-start' as const,
      reason:
        context.first === undefined
          ? 'there is neither a usable snapshot nor a ledger'
          : `the ledger begins at seqno ${context.first} and no snapshot is usable`,
    })),
  },
  guards: {
    candidateWaits: ({ context }) => context.candidates.length > 0,
    ledgerIsWhole: ({ context }) => context.first === 1,
    isUsable: (_, { verdict }: { verdict: CandidateVerdict }) => verdict.verdict === 'usable',
  },
});

/**
 * A hole takes no disk space, yet as long to read as data: a file of holes costs its maker nothing and its reader much.
 * It may be valid all the same, as on a disk that compresses.
 */
function sparseLast(candidates: readonly SnapshotCandidate[]): readonly SnapshotCandidate[] {
  const isSparse = ({ isSparse: sparse = false }: SnapshotCandidate) => sparse;
  return [...candidates.filter((one) => !isSparse(one)), ...candidates.filter(isSparse)];
}

function withRefused(
  { refused, candidates: [candidate] }: RecoveryContext,
  verdict: CandidateVerdict,
): readonly RefusedCandidate[] {
  if (candidate === undefined || verdict.verdict !== 'refused') return refused;
  const { code, reason } = verdict;
  return [...refused, { ...candidate, code, reason }];
}

const verdictOf = ({ event }: { event: { readonly output: CandidateVerdict } }) => ({
  verdict: event.output,
});

const fails = (refusal: RecoveryRefusal) =>
  ({
    target: 'refused',
    actions: {
      type: 'rememberFailure',
      params: ({ event }: { event: { readonly error: unknown } }) => ({
        refusal,
        error: event.error,
      }),
    },
  }) as const;

const endsAs =
  (status: RecoveryOutput['status']) =>
  ({ context }: { context: RecoveryContext }): RecoveryOutput => ({
    status,
    first: context.first,
    refused: context.refused,
    start: context.start,
    fromGenesis: context.fromGenesis,
    refusal: context.refusal,
    reason: context.reason,
    seqno: context.replayed?.seqno,
    verifiedUntil: context.replayed?.verifiedUntil,
  });

/**
 * Files back to a verified state: the newest snapshot that verifies, then the ledger behind it.
 *
 * A candidate that cannot be used never ends the recovery: it is remembered with its code, and the next
 * older one is tried. A ledger that does not hold always does, since an older snapshot would lead through
 * the same entries.
 */
export const recoveryMachine = recoverySetup.createMachine({
  id: 'recovery',
  description: 'Files back to a verified state: newest usable snapshot, then the ledger.',
  context: {
    first: undefined,
    candidates: [],
    refused: [],
    start: undefined,
    fromGenesis: false,
    replayed: undefined,
    refusal: undefined,
    reason: undefined,
  },
  output: ({ event }) => event.output as RecoveryOutput,
  initial: 'listing',
  on: { 'cancel.requested': '.cancelled' },
  states: {
    listing: {
      description: 'Looks at the names of both directories.',
      invoke: {
        id: 'listSources',
        src: 'listSources',
        onDone: {
          target: 'choosing',
          actions: { type: 'rememberSources', params: ({ event }) => event.output },
        },
        onError: fails('listing-failed'),
      },
    },
    choosing: {
      description: 'Where to begin: at the newest candidate left, else at seqno 1.',
      always: [
        { guard: 'candidateWaits', target: 'checking' },
        { guard: 'ledgerIsWhole', target: 'replaying', actions: 'startAtGenesis' },
        { target: 'refused', actions: 'rememberNoStart' },
      ],
    },
    checking: {
      description: 'One candidate: does it verify, is it of this ledger, does it open?',
      invoke: {
        id: 'checkCandidate',
        src: 'checkCandidate',
        input: ({ context }) => firstCandidate(context.candidates),
        onDone: [
          {
            guard: { type: 'isUsable', params: verdictOf },
            target: 'replaying',
            actions: 'startAtCandidate',
          },
          { target: 'choosing', actions: { type: 'refuseCandidate', params: verdictOf } },
        ],
        onError: fails('checking-failed'),
      },
    },
    replaying: {
      description: 'Verifies and applies the entries behind the start.',
      invoke: {
        id: 'replayLedger',
        src: 'replayLedger',
        input: ({ context }) => ({ start: context.start }),
        onDone: {
          target: 'recovered',
          actions: {
            type: 'rememberReplayed',
            params: ({ event }) => ({ replayed: event.output }),
          },
        },
        onError: fails('replay-failed'),
      },
    },
    recovered: { type: 'final', output: endsAs('recovered') },
    refused: { type: 'final', output: endsAs('refused') },
    cancelled: { type: 'final', output: endsAs('cancelled') },
  },
});

/** The candidate to check; the state is entered only while one waits. */
function firstCandidate(candidates: readonly SnapshotCandidate[]): SnapshotCandidate {
  const [first] = candidates;
  if (first === undefined) throw new Error('assertion failed: a candidate waits to be checked');
  return first;
}
