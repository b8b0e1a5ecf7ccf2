import { expect, test } from 'vitest';
import type { SnapshotterContext } from '../../machines/snapshotter-setup.ts';
import type { Seqno } from '../../src/core/words.ts';
import { explore } from '../../src/testing/graph/explore.ts';
import { brokenInvariants, brokenRunLaws } from '../../src/testing/graph/invariants.ts';
import { edgePaths } from '../../src/testing/graph/paths.ts';
import type { Subject } from '../../src/testing/graph/subject.ts';
import { generationSubject } from './alphabets.ts';
import { generationInvariants, generationRunLaws } from './generation-laws.ts';
import { snapshotterInvariants } from './snapshotter-laws.ts';
import {
  bySeconds,
  oneFullPoint,
  pointsByTime,
  pointsPast,
  snapshotterSubject,
} from './snapshotter-subject.ts';

// The machine is its own oracle in every generated path: with a gate left open all of them still
// pass. These break one thing each, and show what notices.

/** Every sample but the many ways in which chain and writer end: what is broken here is elsewhere. */
function proofSubject(receipt: 'cose' | 'json'): Subject {
  const few = generationSubject(receipt, 'lean').samples;
  const subject = generationSubject(receipt, 'full');
  const samples = Object.entries(subject.samples).filter(
    ([name]) => name in few || !/^(writer|chain) /.test(name),
  );
  return { ...subject, samples: Object.fromEntries(samples) };
}

const cose = proofSubject('cose');
const json = proofSubject('json');
const withGuard = (subject: Subject, guard: string): Subject => ({
  ...subject,
  machine: subject.machine.provide({ guards: { [guard]: () => true } }),
});
const nameOfLaw = (broken: string) => broken.split(':')[0];

test.each([
  ['coseSignatureVerified', cose, 'a signature is verified by its own genuine proof alone'],
  ['nodeSignatureVerified', json, 'a signature is verified by its own genuine proof alone'],
  ['treeProvesEvidence', cose, 'a tree is verified by its own genuine proof alone'],
  ['commitPassedSignature', cose, 'commit passes when it reaches the signature'],
  ['signatureCoversEvidence', cose, 'the signature comes after the evidence'],
  ['evidenceMatches', cose, 'evidence comes after the snapshot'],
  ['rollbackTakesEvidence', cose, 'a rollback that takes nothing known changes nothing'],
  ['rollbackTakesSignature', cose, 'a rollback that takes nothing known changes nothing'],
  ['endedAs', cose, 'the outcome told is the one decided'],
])('an invariant notices the guard %s left open', (guard, subject, law) => {
  const graph = explore(withGuard(subject, guard));
  expect(brokenInvariants(graph, generationInvariants).map(nameOfLaw)).toContain(law);
});

test('a law of runs notices another content in the spool that is written again', () => {
  const lean = generationSubject('cose', 'lean').samples;
  const otherwise = generationSubject('cose', 'full').samples['serialised otherwise'];
  const samples = { ...lean, 'serialised otherwise': otherwise };
  const graph = explore({ ...withGuard(cose, 'serialisedAlike'), samples } as Subject);
  expect(brokenRunLaws(graph, edgePaths(graph), generationRunLaws).map(nameOfLaw)).toContain(
    'a spool is filled with the one content that has the digest',
  );
});

test.each(['cancelChain', 'discardWriter', 'fillWriter'])(
  'a law of runs notices the action %s left out',
  (action) => {
    const machine = cose.machine.provide({ actions: { [action]: () => {} } });
    const graph = explore({ ...generationSubject('cose', 'lean'), machine });
    expect(brokenRunLaws(graph, edgePaths(graph), generationRunLaws)).not.toEqual([]);
  },
);

type Due = { context: SnapshotterContext };
type Signing = { seqno: Seqno; nowMs: number };

const dueByTime = (isDue: (context: SnapshotterContext, signing: Signing) => boolean) => ({
  isDue: ({ context }: Due, signing: Signing) =>
    signing.seqno > Math.max(context.committed, context.points.at(-1)?.seqno ?? 0) &&
    isDue(context, signing),
});
const transactions = ({ baseline, points }: SnapshotterContext, { seqno }: Signing) =>
  seqno - (points.at(-1)?.seqno ?? baseline);
const elapsedMs = ({ baselineMs, points }: SnapshotterContext, { nowMs }: Signing) =>
  nowMs - (points.at(-1)?.recordedMs ?? baselineMs);

test.each([
  ['two transactions as enough', 2, 1_000],
  ['four transactions as too few', 4, 1_000],
  ['a millisecond less as enough', 3, 999],
  ['a second as too little', 3, 1_001],
])('an invariant notices a time trigger that takes %s', (_, transactionsMin, elapsedMin) => {
  const subject = snapshotterSubject(pointsByTime, bySeconds);
  const guards = dueByTime(
    (context, signing) =>
      transactions(context, signing) >= transactionsMin &&
      elapsedMs(context, signing) >= elapsedMin,
  );
  const graph = explore({ ...subject, machine: subject.machine.provide({ guards }) });
  expect(brokenInvariants(graph, snapshotterInvariants).map(nameOfLaw)).toContain(
    'a signature is a point exactly when one is due',
  );
});

test('an invariant notices a status that is taken although it is older', () => {
  const subject = snapshotterSubject(oneFullPoint, { capacity: 1, whenFull: 'drop' });
  const machine = subject.machine.provide({ guards: { statusIsNewer: () => true } });
  const graph = explore({ ...subject, machine });
  expect(brokenInvariants(graph, snapshotterInvariants).map(nameOfLaw)).toContain(
    'the interval is never counted from further back',
  );
});

test.each([
  ['goesBack', false, 'commit never goes back'],
  ['wasLastSlot', true, 'a closed snapshotter has no slot taken and no point waiting'],
  ['noneLive', true, 'a closed snapshotter has no slot taken and no point waiting'],
])('an invariant notices the snapshotter answering %s with %s', (guard, answer, law) => {
  const subject = snapshotterSubject(pointsPast(2), { capacity: 2, whenFull: 'drop' });
  const machine = subject.machine.provide({ guards: { [guard]: () => answer } });
  const graph = explore({ ...subject, machine });
  expect(brokenInvariants(graph, snapshotterInvariants).map(nameOfLaw)).toContain(law);
});
