import { describe, expect, test, vi } from 'vitest';
import { recoveryMachine } from '../../machines/recovery.ts';
import { forgedSamples, missingSamples, strangeSamples } from '../../src/testing/graph/alphabet.ts';
import { Coverage } from '../../src/testing/graph/coverage.ts';
import { explore } from '../../src/testing/graph/explore.ts';
import { brokenInvariants, brokenRunLaws } from '../../src/testing/graph/invariants.ts';
import { edgePaths, simplePaths, titleOf } from '../../src/testing/graph/paths.ts';
import { refusedThatAct } from '../../src/testing/graph/refused.ts';
import { deadEnds, unreachedStates } from '../../src/testing/graph/structure.ts';
import { goldens } from './goldens.ts';
import { recoveryInvariants, recoveryRunLaws } from './recovery-laws.ts';
import { recoverySubject } from './recovery-subject.ts';

const graph = explore(recoverySubject);

describe('recovery', () => {
  test('has a sample for all that it reacts to, none strange and none forged', () => {
    expect(missingSamples(recoverySubject)).toEqual([]);
    expect(strangeSamples(recoverySubject)).toEqual([]);
    expect(forgedSamples(recoverySubject.samples)).toEqual([]);
  });

  test('reaches every state, and from each a final one', () => {
    expect(unreachedStates(graph)).toEqual([]);
    expect(deadEnds(graph)).toEqual([]);
  });

  test('keeps its invariants in every state and step', () => {
    expect(brokenInvariants(graph, recoveryInvariants)).toEqual([]);
  });

  test.each(simplePaths(graph).map((path) => [titleOf(path), path] as const))(
    'runs %s',
    (_, path) => {
      expect(brokenRunLaws(graph, [path], recoveryRunLaws)).toEqual([]);
    },
  );

  test('takes every edge live, is moved by nothing that it refuses, and so takes every transition that it defines', () => {
    const warn = vi.spyOn(console, 'warn');
    const coverage = new Coverage();
    expect(brokenRunLaws(graph, edgePaths(graph), recoveryRunLaws, coverage)).toEqual([]);
    expect(refusedThatAct(graph, coverage)).toEqual([]);
    expect(coverage.missing(recoveryMachine)).toEqual([]);
    expect(warn).not.toHaveBeenCalled();
  });

  test('has the paths that were reviewed', async () => {
    const golden = goldens.recovery(graph, simplePaths(graph));
    await expect(golden).toMatchFileSnapshot('./__snapshots__/recovery.paths.txt');
  });
});
