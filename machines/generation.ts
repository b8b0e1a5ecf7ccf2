import type { GenerationOutput } from './events.ts';
import {
  actionFailed,
  answered,
  brokeOff,
  cancelled,
  chainEnded,
  digestOf,
  endings,
  ends,
  eventOf,
  finalStates,
  generationSetup,
  initialContext,
  outputAs,
  outputOfAction,
  proofOf,
  proofRefused,
  receiptRequest,
  ref,
  serialisedOtherwise,
  signatureOf,
  writerEnded,
  writerOutput,
  writtenAs,
} from './generation-setup.ts';

/**
 * One snapshot's life, from the frozen state to the published file.
 *
 * `scheduled` → `serialised` → `awaiting-evidence` → `persisting` → `committed`. Every other way out
 * goes through `releasing`, which stops the chain and the writer and awaits both, so that a
 * generation that has ended works on nothing, holds nothing and leaves nothing behind.
 *
 * The frozen state is held to the end: in whatever phase the writer opens another spool after a failed
 * one, the state is serialised into it again, and must come out the same.
 *
 * The gate to `persisting` opens when three parallel regions are done: the signature's verifier and
 * the tree's verifier have each handed out a proof that only they can make, and the signature
 * transaction is committed. A rollback below the signature re-enters the regions, which voids a late
 * answer of either verifier.
 *
 * @see CCF `src/node/snapshotter.h`
 */
export const generationMachine = generationSetup.createMachine({
  id: 'generation',
  description: 'One snapshot, from the frozen state to the published file.',
  context: ({ input }) => initialContext(input),
  output: ({ event }) => event.output as GenerationOutput,
  exit: { type: 'releaseHandle', params: ref },
  invoke: [
    {
      id: 'chain',
      src: 'chain',
      input: ({ context }) => ({ ...ref({ context }), attemptsMax: context.attemptsMax }),
      onDone: {
        description: 'A chain that ends unasked was poisoned: one of its actions threw.',
        target: chainEnded,
        actions: {
          type: 'end',
          params: ({ event }) => ({ outcome: 'poisoned', reason: event.output.reason }),
        },
      },
      onError: {
        target: chainEnded,
        actions: brokeOff,
      },
    },
    {
      id: 'writer',
      src: 'writer',
      input: ({ context }) => ({ ...ref({ context }), attemptsMax: context.attemptsMax }),
      onDone: {
        description: 'A writer that ends unasked has failed.',
        target: writerEnded,
        actions: { type: 'rememberFile', params: writerOutput },
      },
      onError: {
        target: writerEnded,
        actions: [brokeOff, 'assumeLeftover'],
      },
    },
  ],
  on: {
    'cancel.requested': cancelled,
    'spool.opened': {
      description: 'Filled from the frozen state: the first spool, and each after one that failed.',
      actions: { type: 'requestAction', params: { action: { kind: 'serialise' } } },
    },
    'action.completed': [
      {
        description:
          'Another spool holds the same bytes: it takes the place of the one that failed.',
        guard: { type: 'serialisedAlike', params: outputOfAction },
        actions: 'fillWriter',
      },
      { guard: answered('serialise'), target: '.releasing', actions: serialisedOtherwise },
    ],
    'action.failed': actionFailed('serialise', 'serialise-failed'),
    'evidence.recorded': {
      description:
        'Evidence of this snapshot that is early, late or of another digest is refused and counted.',
      guard: { type: 'isOfThisSnapshot', params: eventOf },
      actions: 'refuseEvidence',
    },
  },
  initial: 'scheduled',
  states: {
    scheduled: {
      description: 'A worker serialises the frozen state into the spool and hashes it.',
      on: {
        'action.completed': {
          guard: answered('serialise'),
          target: 'serialised',
          actions: [
            {
              type: 'rememberDigest',
              params: ({ event }) => ({ digest: outputAs(event.output, 'serialise').digest }),
            },
            'fillWriter',
          ],
        },
      },
    },
    serialised: {
      description: 'The digest is known; the evidence transaction is being submitted.',
      entry: {
        type: 'requestAction',
        params: ({ context }) => ({
          action: { kind: 'submit-evidence', digest: digestOf(context) },
        }),
      },
      after: {
        evidenceTimeout: ends('timed-out', 'its evidence was neither accepted nor seen in time'),
      },
      on: {
        'evidence.recorded': {
          guard: { type: 'evidenceMatches', params: eventOf },
          target: 'awaiting-evidence.proving',
          actions: { type: 'rememberEvidence', params: eventOf },
        },
        'action.completed': {
          guard: answered('submit-evidence'),
          target: 'awaiting-evidence',
          actions: {
            type: 'rememberSubmission',
            params: ({ event }) => ({ seqno: outputAs(event.output, 'submit-evidence').seqno }),
          },
        },
        'action.failed': actionFailed('submit-evidence', 'evidence-refused'),
        'rollback.occurred': ends('rolled-back', 'rolled back while its evidence was in flight'),
      },
    },
    'awaiting-evidence': {
      description: 'Awaits evidence, a verified signature and tree over it, and their commit.',
      initial: 'unseen',
      after: {
        evidenceTimeout: ends(
          'timed-out',
          'evidence, signature, tree or commit did not come in time',
        ),
      },
      on: {
        'rollback.occurred': {
          guard: { type: 'rollbackTakesEvidence', params: eventOf },
          ...ends('rolled-back', 'its evidence was rolled back'),
        },
      },
      states: {
        unseen: {
          description: 'The evidence was accepted, but is not in the ledger yet.',
          on: {
            'evidence.recorded': {
              guard: { type: 'evidenceMatches', params: eventOf },
              target: 'proving',
              actions: { type: 'rememberEvidence', params: eventOf },
            },
          },
        },
        proving: {
          type: 'parallel',
          description: 'Collects the proofs that the evidence is signed and committed.',
          on: {
            'rollback.occurred': [
              {
                guard: { type: 'rollbackTakesEvidence', params: eventOf },
                ...ends('rolled-back', 'its evidence was rolled back'),
              },
              {
                description: 'Signature and tree are gone: collected anew, late answers are void.',
                guard: { type: 'rollbackTakesSignature', params: eventOf },
                target: 'proving',
                actions: 'forgetSignature',
              },
            ],
          },
          states: {
            signature: {
              initial: 'missing',
              states: {
                missing: {
                  on: {
                    'signature.recorded': {
                      guard: { type: 'signatureCoversEvidence', params: eventOf },
                      target: 'recorded',
                      actions: { type: 'rememberSignature', params: eventOf },
                    },
                  },
                },
                recorded: {
                  description: 'The tree of the same transaction holds the root that it signs.',
                  on: {
                    'tree.recorded': {
                      guard: { type: 'treeOfSignature', params: eventOf },
                      target: 'verifying',
                    },
                  },
                },
                verifying: {
                  invoke: {
                    id: 'verifySignature',
                    src: 'verifySignature',
                    input: ({ context }) => ({
                      ...ref({ context }),
                      receipt: context.receipt,
                      signatureSeqno: signatureOf(context),
                    }),
                    onDone: [
                      {
                        guard: { type: 'coseSignatureVerified', params: proofOf },
                        target: 'verified',
                      },
                      {
                        description: 'Old releases: JSON receipts, and CCF 1.x, which had none.',
                        guard: { type: 'nodeSignatureVerified', params: proofOf },
                        target: 'verified',
                      },
                      ends('proof-refused', 'the verifier vouched for another signature'),
                    ],
                    onError: proofRefused,
                  },
                },
                verified: { type: 'final' },
              },
            },
            tree: {
              initial: 'missing',
              states: {
                missing: {
                  on: {
                    'tree.recorded': {
                      guard: { type: 'treeOfSignature', params: eventOf },
                      target: 'verifying',
                    },
                  },
                },
                verifying: {
                  invoke: {
                    id: 'proveEvidence',
                    src: 'proveEvidence',
                    input: ({ context }) => ({
                      ...ref({ context }),
                      evidenceSeqno: context.evidenceSeqno ?? context.seqno,
                      signatureSeqno: signatureOf(context),
                    }),
                    onDone: [
                      {
                        guard: { type: 'treeProvesEvidence', params: proofOf },
                        target: 'verified',
                      },
                      ends('proof-refused', 'the verifier vouched for another tree'),
                    ],
                    onError: proofRefused,
                  },
                },
                verified: { type: 'final' },
              },
            },
            commit: {
              initial: 'waiting',
              states: {
                waiting: {
                  on: {
                    'commit.advanced': {
                      guard: { type: 'commitPassedSignature', params: eventOf },
                      target: 'passed',
                    },
                  },
                },
                passed: { type: 'final' },
              },
            },
          },
          onDone: '#generation.persisting',
        },
      },
    },
    persisting: {
      description:
        'The receipt is built and cross-checked, the file written, synced and published.',
      initial: 'building',
      states: {
        building: {
          entry: {
            type: 'requestAction',
            params: ({ context }) => ({ action: receiptRequest(context) }),
          },
          on: {
            'action.completed': {
              guard: answered('build-receipt'),
              target: 'writing',
              actions: {
                type: 'readyWriter',
                params: ({ event }) => ({ file: outputAs(event.output, 'build-receipt').file }),
              },
            },
            'action.failed': actionFailed('build-receipt', 'proof-refused'),
          },
        },
        writing: {
          on: {
            'xstate.done.actor.writer': [
              {
                guard: writtenAs('durable'),
                target: '#generation.committed',
                actions: { type: 'rememberFile', params: writerOutput },
              },
              {
                guard: writtenAs('not-durable'),
                target: '#generation.notDurable',
                actions: { type: 'rememberFile', params: writerOutput },
              },
            ],
          },
        },
      },
    },
    releasing: {
      type: 'parallel',
      description: 'Stops the chain and the writer, and awaits both.',
      on: {
        'cancel.requested': {},
        'spool.opened': {},
        'action.completed': {},
        'action.failed': {},
      },
      states: {
        chain: {
          initial: 'stopping',
          states: {
            stopping: {
              entry: 'cancelChain',
              on: { 'xstate.done.actor.chain': 'stopped', 'xstate.error.actor.chain': 'stopped' },
            },
            stopped: { type: 'final' },
          },
        },
        writer: {
          initial: 'discarding',
          states: {
            discarding: {
              entry: 'discardWriter',
              on: {
                'xstate.done.actor.writer': [
                  {
                    description: 'It was past the point of no return: the file is there.',
                    guard: writtenAs('durable', 'not-durable'),
                    target: 'discarded',
                    actions: { type: 'rememberFile', params: writerOutput },
                  },
                  {
                    target: 'discarded',
                    actions: { type: 'rememberLeftover', params: writerOutput },
                  },
                ],
                'xstate.error.actor.writer': { target: 'discarded', actions: 'assumeLeftover' },
              },
            },
            discarded: { type: 'final' },
          },
        },
      },
      onDone: endings,
    },
    ...finalStates,
  },
});
