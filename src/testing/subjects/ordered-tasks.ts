import { type OrderedTasksContext, orderedTasksMachine } from '../../../machines/ordered-tasks.ts';
import type { ActionRequest } from '../../../machines/ports.ts';
import { seqno } from '../../core/words.ts';
import { childDone, childFailed } from '../graph/alphabet.ts';
import type { Subject } from '../graph/subject.ts';
import { at, serialised, snapshotDigest } from './facts.ts';

const request = (action: ActionRequest) => ({ type: 'action.requested' as const, action });
const ranWell = { status: 'completed', output: serialised.output } as const;
const ranBadly = { status: 'failed', kind: 'serialise', reason: 'EIO' } as const;

/** A chain that holds at most `queueMax` actions, each run at most twice. */
export function chainSubject(queueMax: number, size: 'lean' | 'full'): Subject {
  const another = request({ kind: 'submit-evidence', digest: snapshotDigest });
  return {
    machine: orderedTasksMachine,
    input: { generation: 1, seqno: seqno(at.snapshot), attemptsMax: 2 },
    samples: {
      request: request({ kind: 'serialise' }),
      ...(size === 'full' ? { 'request another': another } : {}),
      completed: childDone('runAction', ranWell),
      failed: childDone('runAction', ranBadly),
      threw: childFailed('runAction', new Error('thrown')),
      pause: { type: 'pause.requested' },
      resume: { type: 'resume.requested' },
      cancel: { type: 'cancel.requested' },
    },
    offers: (event, { state }) =>
      event.type !== another.type || (state.context as OrderedTasksContext).queue.length < queueMax,
  };
}
