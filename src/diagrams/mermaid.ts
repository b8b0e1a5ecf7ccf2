import type { AnyStateMachine } from 'xstate';
import { type ChartState, chartOf, statesOf } from './chart.ts';
import { effectOf, labelOf, type Plan, type PlanOptions, type PlanWay, planOf } from './plan.ts';

/**
 * Draws a machine as a Mermaid state diagram: every state, and every transition with its event and guard. As in the
 * SVG, what stays in a state, or is one of many ways to the same failure, is a line of text of that state.
 */
export function machineToMermaid(machine: AnyStateMachine, options: PlanOptions = {}): string {
  const plan = planOf(chartOf(machine), options);
  const sketch = new Sketch(plan);
  return `${sketch.lines().join('\n')}\n`;
}

class Sketch {
  readonly #plan: Plan;
  /** Mermaid ids by XState's: names such as `awaiting-evidence` are no Mermaid ids. */
  readonly #ids: ReadonlyMap<string, string>;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#ids = new Map(statesOf(plan.root).map(({ id }, index) => [id, `s${index}`]));
  }

  lines(): readonly string[] {
    return [
      'stateDiagram-v2',
      '  direction TB',
      ...this.#stateLines(this.#plan.root, '  '),
      ...this.#plan.edges.map(({ source, target, ways }) => {
        const labels = ways.map(({ transition }) => labelOf(transition));
        return `  ${this.#idOf(source.id)} --> ${this.#idOf(target.id)} : ${textOf([...new Set(labels)])}`;
      }),
      ...statesOf(this.#plan.root).flatMap((state) => this.#noteLines(state)),
    ];
  }

  #stateLines(state: ChartState, indent: string): string[] {
    const id = this.#idOf(state.id);
    const declaration = `${indent}state "${state.key}" as ${id}`;
    if (state.states.length > 0) {
      return [`${declaration} {`, ...this.#childLines(state, `${indent}  `), `${indent}}`];
    }
    const rows = this.#rowsOf(state).map((row) => `${indent}${id} : ${textOf([row])}`);
    return [
      rows.length === 0 ? declaration : `${indent}${id} : ${state.key}`,
      ...rows,
      ...(state.kind === 'final' ? [`${indent}${id} --> [*]`] : []),
    ];
  }

  #childLines(state: ChartState, indent: string): string[] {
    const lines = state.states.flatMap((child, index) => {
      const isNextRegion = state.kind === 'parallel' && index > 0;
      return [...(isNextRegion ? [`${indent}--`] : []), ...this.#stateLines(child, indent)];
    });
    if (state.initial === undefined) return lines;
    return [`${indent}[*] --> ${this.#idOf(state.initial)}`, ...lines];
  }

  /** Mermaid gives a state with others inside no text of its own, so its rows are a note beside it. */
  #noteLines(state: ChartState): string[] {
    const rows = this.#rowsOf(state);
    if (state.states.length === 0 || rows.length === 0) return [];
    const lines = ['at any time', ...rows].map((row) => `    ${row}`);
    return [`  note right of ${this.#idOf(state.id)}`, ...lines, '  end note'];
  }

  #rowsOf({ id }: ChartState): readonly string[] {
    return (this.#plan.rows.get(id) ?? []).map(rowText);
  }

  #idOf(id: string): string {
    return this.#ids.get(id) ?? '';
  }
}

const rowText = (way: PlanWay) => `${labelOf(way.transition)} ${effectOf(way)}`;

/** Colons and semicolons end what Mermaid reads as a label. */
function textOf(lines: readonly string[]): string {
  return lines
    .join('<br>')
    .replaceAll(':', '#58;')
    .replaceAll(/;(?<!#58;)/g, '#59;');
}
