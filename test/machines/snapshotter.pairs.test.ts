import { expect, test } from 'vitest';
import { type Edge, explore } from '../../src/testing/graph/explore.ts';
import { brokenRunLaws } from '../../src/testing/graph/invariants.ts';
import { countPairs, edgePairPaths } from '../../src/testing/graph/pairs.ts';
import type { Path } from '../../src/testing/graph/paths.ts';
import { snapshotterRunLaws } from './snapshotter-laws.ts';
import { pointsPast, snapshotterSubject } from './snapshotter-subject.ts';

// Beyond one slot the number of simple paths grows as a factorial. What two steps in succession can do
// wrong is still tried whole: every pair of edges, with a point more than there are slots.
test.each([
  { capacity: 2, whenFull: 'drop' },
  { capacity: 2, whenFull: 'keep' },
  { capacity: 3, whenFull: 'drop' },
] as const)(
  'snapshotter takes every pair of edges live, at capacity $capacity: $whenFull',
  (input) => {
    const graph = explore(snapshotterSubject(pointsPast(input.capacity), input));
    const paths = edgePairPaths(graph);
    expect(pairsTaken(paths)).toBe(countPairs(graph));
    expect(brokenRunLaws(graph, paths, snapshotterRunLaws)).toEqual([]);
  },
  300_000,
);

function pairsTaken(paths: readonly Path[]): number {
  const taken = new Map<Edge, Set<Edge>>();
  for (const path of paths) {
    for (const [index, edge] of path.slice(1).entries()) {
      const [before = edge] = path.slice(index);
      taken.set(before, (taken.get(before) ?? new Set()).add(edge));
    }
  }
  return [...taken.values()].reduce((sum, { size }) => sum + size, 0);
}
