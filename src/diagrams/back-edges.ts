import { type ChartState, commonPath, statesOf } from './chart.ts';

/** An arrow between two states. */
export interface Arrow {
  readonly source: ChartState;
  readonly target: ChartState;
}

/**
 * The arrows that lead back on a way from where each state begins, so that a layout may put what comes first on top.
 * Without them no way leads round in a circle.
 */
export function backEdges<Edge extends Arrow>(
  root: ChartState,
  edges: readonly Edge[],
): ReadonlySet<Edge> {
  const holders = statesOf(root).filter(({ states }) => states.length > 0);
  return new Set(holders.flatMap((holder) => backEdgesIn(holder, edges)));
}

/** Those among the children of one state, where an arrow from inside a child counts as one from the child. */
function backEdgesIn<Edge extends Arrow>(
  holder: ChartState,
  edges: readonly Edge[],
): readonly Edge[] {
  const inside = edges.filter(
    ({ source, target }) => commonPath(source.path, target.path) === holder.path,
  );
  const childOf = ({ path }: ChartState) =>
    holder.states.find((child) => `${path}.`.startsWith(`${child.path}.`));
  const back: Edge[] = [];
  const onTheWay = new Set<ChartState>();
  const done = new Set<ChartState>();
  const visit = (child: ChartState): void => {
    onTheWay.add(child);
    for (const edge of inside.filter(({ source }) => childOf(source) === child)) {
      const next = childOf(edge.target);
      if (next === undefined || done.has(next)) continue;
      if (onTheWay.has(next)) back.push(edge);
      else visit(next);
    }
    onTheWay.delete(child);
    done.add(child);
  };
  const first = holder.states.filter(({ id }) => id === holder.initial);
  for (const child of [...first, ...holder.states]) if (!done.has(child)) visit(child);
  return back;
}
