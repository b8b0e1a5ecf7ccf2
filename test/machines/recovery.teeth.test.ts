import { expect, test } from 'vitest';
import { explore } from '../../src/testing/graph/explore.ts';
import { brokenInvariants, brokenRunLaws } from '../../src/testing/graph/invariants.ts';
import { edgePaths } from '../../src/testing/graph/paths.ts';
import { recoveryInvariants, recoveryRunLaws } from './recovery-laws.ts';
import { recoverySubject } from './recovery-subject.ts';

// The machine is its own oracle in every generated path. These break one thing each, and show what notices.

const nameOf = (broken: string) => broken.split(':')[0];

const mutant = (parts: Parameters<typeof recoverySubject.machine.provide>[0]) =>
  explore({ ...recoverySubject, machine: recoverySubject.machine.provide(parts) });

test.each([
  ['ledgerIsWhole', true, 'a replay begins at a snapshot, or at seqno 1 when no candidate is left'],
  ['ledgerIsWhole', false, 'no start'],
  [
    'candidateWaits',
    false,
    'a replay begins at a snapshot, or at seqno 1 when no candidate is left',
  ],
])('an invariant notices the guard %s answering %s', (guard, answer, law) => {
  const graph = mutant({ guards: { [guard]: () => answer } });
  expect(brokenInvariants(graph, recoveryInvariants).map(nameOf)).toContain(law);
});

test('a law of runs notices a candidate taken in spite of its verdict', () => {
  const graph = mutant({ guards: { isUsable: () => true } });
  expect(brokenRunLaws(graph, edgePaths(graph), recoveryRunLaws).map(nameOf)).toContain(
    'every verdict against a candidate is remembered',
  );
});

test.each([
  ['startAtCandidate', 'a candidate is decided on once'],
  ['startAtGenesis', 'a replay begins at a snapshot, or at seqno 1 when no candidate is left'],
  ['rememberFailure', 'a refusal says why, and only a refusal'],
  ['rememberNoStart', 'a refusal says why, and only a refusal'],
  ['rememberReplayed', 'a recovered state, and no other, has a seqno'],
])('an invariant notices the action %s left out', (action, law) => {
  const graph = mutant({ actions: { [action]: () => {} } });
  expect(brokenInvariants(graph, recoveryInvariants).map(nameOf)).toContain(law);
});
