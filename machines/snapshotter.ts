import {
  advance,
  cancelGenerations,
  evidenceRecorded,
  fact,
  initialContext,
  proofRecorded,
  refuse,
  settle,
  settleBroken,
  snapshotterSetup,
  tellGenerations,
} from './snapshotter-setup.ts';

/**
 * Decides when a snapshot is due and leads its generations, each in a slot of its own.
 *
 * It is the only sender of its generations: evidence, signatures, trees, commit and rollback reach
 * them through it. A due point waits, frozen, until commit reaches it; of several reached at once the
 * newest becomes a generation. Every point and every generation ends with an emitted event.
 *
 * @see CCF `src/node/snapshotter.h`
 */
export const snapshotterMachine = snapshotterSetup.createMachine({
  id: 'snapshotter',
  description: 'Decides when a snapshot is due and leads its generations.',
  context: ({ input }) => initialContext(input),
  initial: 'open',
  states: {
    open: {
      initial: 'enabled',
      on: {
        'snapshot.forced': {
          description: 'The next signature is a point, whatever the interval.',
          actions: { type: 'force', params: ({ event }) => ({ receipt: event.receipt }) },
        },
        'committable.recorded': [
          {
            guard: { type: 'isDue', params: fact },
            actions: [
              { type: 'addPoint', params: fact },
              { type: 'heedClock', params: fact },
            ],
          },
          { guard: { type: 'isNotNew', params: fact }, actions: refuse },
          { actions: { type: 'heedClock', params: fact } },
        ],
        'status.recorded': {
          description:
            'A snapshot of the ledger, whoever took it, is what the intervals count from.',
          guard: { type: 'statusIsNewer', params: fact },
          actions: { type: 'adoptStatus', params: fact },
        },
        'freeze.taken': { actions: { type: 'markFrozen', params: fact } },
        'freeze.failed': { actions: { type: 'skipUnfrozen', params: fact } },
        'evidence.recorded': evidenceRecorded,
        'signature.recorded': proofRecorded,
        'tree.recorded': proofRecorded,
        'rollback.occurred': [
          { guard: { type: 'goesBack', params: fact }, actions: refuse },
          { actions: [{ type: 'dropAbove', params: fact }, tellGenerations] },
        ],
        'generation.cancelled': {
          actions: {
            type: 'cancelGeneration',
            params: ({ event }) => ({ generation: event.generation }),
          },
        },
        'shutdown.requested': [
          { guard: 'noneLive', target: 'closed', actions: 'cancelPoints' },
          { target: 'closing', actions: ['cancelPoints', cancelGenerations] },
        ],
        'xstate.done.actor.*': { actions: settle },
        'xstate.error.actor.*': { actions: settleBroken },
      },
      states: {
        enabled: {
          always: {
            description:
              'A point that commit has reached becomes a generation once a slot is free.',
            guard: 'pointFits',
            actions: 'startGeneration',
          },
          on: {
            'snapshots.disabled': 'disabled',
            'commit.advanced': [
              { guard: { type: 'goesBack', params: fact }, actions: refuse },
              {
                guard: { type: 'isBackup', params: fact },
                actions: [...advance, { type: 'skipReached', params: { reason: 'not-primary' } }],
              },
              {
                description: 'No slot is free, and what is reached is dropped as CCF does.',
                guard: 'dropsWhenFull',
                actions: [
                  ...advance,
                  'coalesceOlder',
                  { type: 'skipReached', params: { reason: 'limit' } },
                ],
              },
              {
                description: 'Where no slot is free a point that is reached waits for one.',
                actions: [...advance, 'coalesceOlder'],
              },
            ],
          },
        },
        disabled: {
          description: 'No generation starts; those that live go on.',
          on: {
            'snapshots.enabled': 'enabled',
            'commit.advanced': [
              { guard: { type: 'goesBack', params: fact }, actions: refuse },
              { actions: [...advance, { type: 'skipReached', params: { reason: 'disabled' } }] },
            ],
          },
        },
      },
    },
    closing: {
      description: 'Every generation was asked to end; each is awaited.',
      on: {
        'xstate.done.actor.*': [
          { guard: 'wasLastSlot', target: 'closed', actions: settle },
          { actions: settle },
        ],
        'xstate.error.actor.*': [
          { guard: 'wasLastSlot', target: 'closed', actions: settleBroken },
          { actions: settleBroken },
        ],
      },
    },
    closed: { type: 'final' },
  },
});
