import { describe, expect, test, vi } from 'vitest';
import { orderedTasksMachine } from '../../machines/ordered-tasks.ts';
import { forgedSamples, missingSamples, strangeSamples } from '../../src/testing/graph/alphabet.ts';
import { Coverage } from '../../src/testing/graph/coverage.ts';
import { explore } from '../../src/testing/graph/explore.ts';
import { brokenInvariants, brokenRunLaws } from '../../src/testing/graph/invariants.ts';
import { edgePaths, simplePaths } from '../../src/testing/graph/paths.ts';
import { refusedThatAct } from '../../src/testing/graph/refused.ts';
import { deadEnds, unreachedStates } from '../../src/testing/graph/structure.ts';
import { chainSubject } from './alphabets.ts';
import { goldens } from './goldens.ts';
import { chainInvariants, chainRunLaws } from './ordered-tasks-laws.ts';

// Two equal actions for the simple paths, three of two kinds for edges and laws.
const lean = explore(chainSubject(2, 'lean'));
const full = explore(chainSubject(3, 'full'));

describe('ordered-tasks', () => {
  test('has a sample for all that it reacts to, none strange and none forged', () => {
    expect(missingSamples(lean.subject)).toEqual([]);
    expect(strangeSamples(full.subject)).toEqual([]);
    expect(forgedSamples(full.subject.samples)).toEqual([]);
  });

  test('reaches every state, and from each a final one', () => {
    expect(unreachedStates(lean)).toEqual([]);
    expect(deadEnds(lean)).toEqual([]);
    expect(deadEnds(full)).toEqual([]);
  });

  test('keeps its invariants in every state and step', () => {
    expect(brokenInvariants(full, chainInvariants)).toEqual([]);
  });

  test('runs every simple path live', () => {
    expect(brokenRunLaws(lean, simplePaths(lean), chainRunLaws)).toEqual([]);
  });

  test('takes every edge live, is moved by nothing that it refuses, and so takes every transition that it defines', () => {
    const warn = vi.spyOn(console, 'warn');
    const coverage = new Coverage();
    expect(brokenRunLaws(full, edgePaths(full), chainRunLaws, coverage)).toEqual([]);
    expect(refusedThatAct(full, coverage)).toEqual([]);
    expect(coverage.missing(orderedTasksMachine)).toEqual([]);
    expect(warn).not.toHaveBeenCalled();
  });

  test('has the paths that were reviewed', async () => {
    const golden = goldens.orderedTasks(lean, simplePaths(lean));
    await expect(golden).toMatchFileSnapshot('./__snapshots__/ordered-tasks.paths.txt');
  });
});
