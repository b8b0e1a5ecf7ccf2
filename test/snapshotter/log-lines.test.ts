import { expect, test } from 'vitest';
import type { SnapshotterEmitted } from '../../machines/events.ts';
import type { Outcome } from '../../src/core/words.ts';
import { seqno } from '../../src/core/words.ts';
import { logEmitted } from '../../src/snapshotter/log-lines.ts';
import { setUp, untilCommitted } from '../helpers/set-up-host.ts';

/** A logger that remembers level and message of each line. */
function lines() {
  const said: string[] = [];
  const details: object[] = [];
  const at = (level: string) => (given: object, message: string) => {
    said.push(`${level}: ${message}`);
    details.push(given);
  };
  return { said, details, info: at('info'), warn: at('warn'), error: at('error') };
}

const endedWith = (outcome: Outcome): SnapshotterEmitted => ({
  ...{ type: 'generation.ended', generation: 1, seqno: seqno(6), outcome, reason: 'because' },
  ...{ digest: undefined, evidenceSeqno: undefined, signatureSeqno: undefined, file: undefined },
  ...{ step: undefined, refusedEvidence: 0, leftover: false },
});

const levels: Readonly<Record<Outcome, string>> = {
  committed: 'info: a snapshot is there',
  duplicate: 'info: a snapshot is there',
  'committed-not-durable': 'warn: a snapshot is there, but a power cut may take it',
  conflict: 'warn: a snapshot came to nothing',
  'serialise-failed': 'warn: a snapshot came to nothing',
  'evidence-refused': 'warn: a snapshot came to nothing',
  'proof-refused': 'warn: a snapshot came to nothing',
  'rolled-back': 'info: a snapshot was given up',
  'persist-failed': 'warn: a snapshot came to nothing',
  cancelled: 'info: a snapshot was given up',
  'timed-out': 'warn: a snapshot came to nothing',
  poisoned: 'warn: a snapshot came to nothing',
};

test.each(Object.entries(levels))('logEmitted() tells of %s as %s', (outcome, line) => {
  const logger = lines();
  logEmitted(logger, endedWith(outcome as Outcome));
  expect(logger.said).toEqual([line]);
  expect(logger.details).toMatchObject([{ generation: 1, seqno: 6, outcome, reason: 'because' }]);
});

test('logEmitted() tells of a skipped point and of a refused event, and of no beginning', () => {
  const logger = lines();
  logEmitted(logger, { type: 'generation.started', generation: 1, seqno: seqno(6) });
  logEmitted(logger, { type: 'point.ended', seqno: seqno(6), end: 'generated', reason: undefined });
  logEmitted(logger, { type: 'point.ended', seqno: seqno(8), end: 'skipped', reason: 'limit' });
  logEmitted(logger, { type: 'event.refused', event: 'commit.advanced', seqno: seqno(3) });
  expect(logger.said).toEqual(['info: a snapshot point was skipped', 'info: an event was refused']);
  expect(logger.details).toEqual([
    { seqno: 8, reason: 'limit' },
    { event: 'commit.advanced', seqno: 3 },
  ]);
});

test('a snapshotter logs where its snapshot is', async () => {
  const logger = lines();
  await untilCommitted(await setUp({ logger }));
  await Promise.resolve();
  expect(logger.said).toEqual([
    'info: cose-js passed its self-test: it checks receipts',
    'info: a snapshot is there',
  ]);
  expect(logger.details).toMatchObject([
    { crossCheck: 'when-available' },
    { seqno: 6, file: 'snapshot_6_7.committed' },
  ]);
});
