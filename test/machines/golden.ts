import type { Graph } from '../../src/testing/graph/explore.ts';
import { goldenGraph, type Naming } from '../../src/testing/graph/golden.ts';
import type { Path } from '../../src/testing/graph/paths.ts';

export { plainly } from '../../src/testing/graph/golden.ts';

/** The kit's golden list, of a graph whose states and ends are called as the test says. */
export const goldenOf = (graph: Graph, paths: readonly Path[], name: Naming, outcome: Naming) =>
  goldenGraph(graph, paths, { name, outcome });
