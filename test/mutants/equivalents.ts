/**
 * Mutants that no check could notice, by machine and name, each with its proof. An entry that names no mutant, or one
 * that a check notices, fails the campaign; so do more of them than three in a hundred.
 */
export const equivalents: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  generation: {
    'generation-setup generationSetup.guards.endedAs: without context.outcome !== undefined':
      'no list of outcomes has undefined in it: the operand is there for the types',
    'generation-setup receiptRequest: without digest === undefined':
      'an assertion: the gate opens behind a state that is serialised',
    'generation-setup receiptRequest: without evidenceSeqno === undefined':
      'an assertion: proving is entered with the evidence',
    'generation-setup receiptRequest: without signatureSeqno === undefined':
      'an assertion: commit cannot pass a signature that is not known',
    'guards signatureCoversEvidence: without collected.evidenceSeqno !== undefined':
      'a comparison with undefined is false: the operand is there for the types',
    'guards commitPassedSignature: without collected.signatureSeqno !== undefined':
      'a comparison with undefined is false: the operand is there for the types',
  },
  recovery: {
    'recovery withRefused: without candidate === undefined':
      'checking is entered only while a candidate waits, and else throws',
    "recovery withRefused: without verdict.verdict !== 'refused'":
      'isUsable has taken every other verdict',
  },
  snapshotter: {
    'snapshotter.open.enabled on always [0]: guard pointFits always':
      'startGeneration does nothing without a point or a slot, so the machine comes to rest as it was',
    'snapshotter-setup snapshotterSetup.actions.startGeneration: without point === undefined':
      'pointFits has seen the point: the operand is there for the types',
    'snapshotter-setup snapshotterSetup.actions.startGeneration: without id === undefined':
      'pointFits has seen the free slot: the operand is there for the types',
    'snapshotter-setup snapshotterSetup.guards.pointFits: without reachedPoint(context) !== undefined':
      'startGeneration does nothing without a point, so the machine comes to rest as it was',
    'snapshotter-setup snapshotterSetup.guards.pointFits: without freeSlot(context) !== undefined':
      'startGeneration does nothing without a free slot, so the machine comes to rest as it was',
  },
};
