import { describe, expect, test, vi } from 'vitest';
import { snapshotterMachine } from '../../machines/snapshotter.ts';
import { forgedSamples, missingSamples, strangeSamples } from '../../src/testing/graph/alphabet.ts';
import { Coverage } from '../../src/testing/graph/coverage.ts';
import { explore } from '../../src/testing/graph/explore.ts';
import { brokenInvariants, brokenRunLaws } from '../../src/testing/graph/invariants.ts';
import { edgePaths, simplePaths } from '../../src/testing/graph/paths.ts';
import { refusedThatAct } from '../../src/testing/graph/refused.ts';
import { LiveRun } from '../../src/testing/graph/runner.ts';
import { deadEnds, unreachedStates } from '../../src/testing/graph/structure.ts';

import { goldens } from './goldens.ts';
import { snapshotterInvariants, snapshotterRunLaws } from './snapshotter-laws.ts';
import {
  bySeconds,
  oneFullPoint,
  oneLeanPoint,
  pointsByTime,
  pointsPast,
  snapshotterSubject,
} from './snapshotter-subject.ts';

// Capacity 1: every simple path of one point with all that turns it away, and of two points that
// share the one slot. Capacity 2 and 3: every edge, with a point more than there are slots.
const onePoint = explore(snapshotterSubject(oneLeanPoint, { capacity: 1, whenFull: 'drop' }));
const twoPoints = (['drop', 'keep'] as const).map((whenFull) => ({
  whenFull,
  graph: explore(snapshotterSubject(pointsPast(1), { capacity: 1, whenFull })),
}));
const full = explore(snapshotterSubject(oneFullPoint, { capacity: 1, whenFull: 'drop' }));
const many = (
  [
    { capacity: 2, whenFull: 'drop' },
    { capacity: 2, whenFull: 'keep' },
    { capacity: 3, whenFull: 'drop' },
  ] as const
).map((input) => explore(snapshotterSubject(pointsPast(input.capacity), input)));
const byTime = explore(snapshotterSubject(pointsByTime, bySeconds));
const all = [onePoint, full, byTime, ...twoPoints.map(({ graph }) => graph), ...many];

describe('snapshotter', () => {
  test('has a sample for all that it reacts to, none strange and none forged', () => {
    expect(missingSamples(full.subject)).toEqual([]);
    expect(strangeSamples(full.subject)).toEqual([]);
    expect(forgedSamples(full.subject.samples)).toEqual([]);
  });

  test('reaches every state, and from each the final one', () => {
    expect(unreachedStates(onePoint)).toEqual([]);
    expect(all.flatMap(deadEnds)).toEqual([]);
  });

  test('keeps its invariants in every state and step', () => {
    expect(all.flatMap((graph) => brokenInvariants(graph, snapshotterInvariants))).toEqual([]);
  });

  test('runs every simple path of one point live', () => {
    expect(brokenRunLaws(onePoint, simplePaths(onePoint), snapshotterRunLaws)).toEqual([]);
  });

  test.each(twoPoints)('runs every simple path of two points live: $whenFull', ({ graph }) => {
    expect(brokenRunLaws(graph, simplePaths(graph), snapshotterRunLaws)).toEqual([]);
  });

  test('takes every edge live, is moved by nothing that it refuses, and so takes every transition that it defines', () => {
    const warn = vi.spyOn(console, 'warn');
    const coverage = new Coverage();
    for (const graph of all) {
      expect(brokenRunLaws(graph, edgePaths(graph), snapshotterRunLaws, coverage)).toEqual([]);
    }
    expect(refusedThatAct(full, coverage)).toEqual([]);
    expect(coverage.missing(snapshotterMachine)).toEqual([]);
    expect(warn).not.toHaveBeenCalled();
  });

  test.each([
    ['json', 'json'],
    [undefined, 'cose'],
  ] as const)('starts a forced point with receipt %s as %s', (receipt, expected) => {
    const run = new LiveRun(full);
    run.take({ type: 'snapshot.forced', receipt });
    for (const name of ['point 15', 'frozen 15', 'commit 15'] as const)
      run.take(oneFullPoint[name]);
    expect(run.children).toMatchObject([
      { what: 'started', detail: { seqno: 15, receipt: expected } },
    ]);
  });

  test('has the paths that were reviewed', async () => {
    const golden = goldens.snapshotter(onePoint, simplePaths(onePoint));
    await expect(golden).toMatchFileSnapshot('./__snapshots__/snapshotter.paths.txt');
  });
});
