import { type WriterContext, writerMachine } from '../../../machines/writer.ts';
import { seqno } from '../../core/words.ts';
import { childDone, childFailed } from '../graph/alphabet.ts';
import type { Subject } from '../graph/subject.ts';
import { at, file } from './facts.ts';

const stepPorts = [
  'openSpool',
  'appendReceipt',
  'syncSpool',
  'closeSpool',
  'syncDirectory',
] as const;

/** A writer of which each step goes well or fails, with two spools at most. */
export const writerSubject: Subject = {
  machine: writerMachine,
  input: { generation: 1, seqno: seqno(at.snapshot), attemptsMax: 2 },
  samples: {
    'spool filled': { type: 'spool.filled' },
    'receipt ready': { type: 'receipt.ready', file },
    discard: { type: 'discard.requested' },
    published: childDone('publish', 'published'),
    'duplicate found': childDone('publish', 'duplicate'),
    'conflict found': childDone('publish', 'conflict'),
    'publish failed': childFailed('publish', new Error('publish failed')),
    'discardSpool done': childDone('discardSpool', undefined),
    'discardSpool failed': childFailed('discardSpool', new Error('discardSpool failed')),
    ...Object.fromEntries(
      stepPorts.flatMap((step) => [
        [`${step} done`, childDone(step, undefined)],
        [`${step} failed`, childFailed(step, new Error(`${step} failed`))],
      ]),
    ),
  },
  // A receipt is made once; it stays good for every spool.
  offers: (event, { state }) =>
    event.type !== 'receipt.ready' || (state.context as WriterContext).file === undefined,
};
