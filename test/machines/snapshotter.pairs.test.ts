import { expect, test } from 'vitest';
import { explore } from '../../src/testing/graph/explore.ts';
import { brokenRunLaws } from '../../src/testing/graph/invariants.ts';
import { countPairs, edgePairPaths } from '../../src/testing/graph/pairs.ts';
import { snapshotterRunLaws } from './snapshotter-laws.ts';
import { pointsPast, snapshotterSubject } from './snapshotter-subject.ts';

// Beyond one slot the number of simple paths grows as a factorial. What two steps in succession can do
// wrong is still tried whole: every pair of edges, with a point more than there are slots.
test.each([
  { capacity: 2, whenFull: 'drop', pairs: 9_293 },
  { capacity: 2, whenFull: 'keep', pairs: 9_293 },
  { capacity: 3, whenFull: 'drop', pairs: 74_320 },
] as const)(
  'snapshotter takes all $pairs pairs of edges live, at capacity $capacity: $whenFull',
  ({ pairs, ...input }) => {
    const graph = explore(snapshotterSubject(pointsPast(input.capacity), input));
    expect(countPairs(graph)).toBe(pairs);
    expect(brokenRunLaws(graph, edgePairPaths(graph), snapshotterRunLaws)).toEqual([]);
  },
  300_000,
);
