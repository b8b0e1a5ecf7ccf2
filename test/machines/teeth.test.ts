import { expect, test } from 'vitest';
import { explore } from '../../src/testing/graph/explore.ts';
import { brokenInvariants, brokenRunLaws } from '../../src/testing/graph/invariants.ts';
import { edgePaths } from '../../src/testing/graph/paths.ts';
import type { Subject } from '../../src/testing/graph/subject.ts';
import { generationSubject, pointsPast, snapshotterSubject } from './alphabets.ts';
import { generationInvariants, generationRunLaws } from './generation-laws.ts';
import { snapshotterInvariants } from './snapshotter-laws.ts';

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

test.each(['cancelChain', 'discardWriter', 'fillWriter'])(
  'a law of runs notices the action %s left out',
  (action) => {
    const machine = cose.machine.provide({ actions: { [action]: () => {} } });
    const graph = explore({ ...generationSubject('cose', 'lean'), machine });
    expect(brokenRunLaws(graph, edgePaths(graph), generationRunLaws)).not.toEqual([]);
  },
);

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
