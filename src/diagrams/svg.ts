import type { AnyStateMachine } from 'xstate';
import { type ChartState, chartOf } from './chart.ts';
import { labelOf, type Plan, type PlanOptions, planOf } from './plan.ts';
import { arrow, at, escaped, type Point, px, rect, textLine } from './svg-elements.ts';
import {
  type Box,
  type Layout,
  layOut,
  type PlacedEdge,
  type PlacedState,
  type PlacedText,
} from './svg-layout.ts';
import { styleSheet } from './svg-style.ts';
import { type Chip, faces, type PathCounts, type TextLine } from './svg-text.ts';
import { wrapText } from './text-width.ts';

export interface SvgOptions extends PlanOptions {
  /** Draws the map of how many paths run through each state and transition. */
  readonly counts?: PathCounts;
}

/**
 * Draws a machine as an SVG picture that is complete in itself, in light and dark.
 * @throws DiagramError `LAYOUT_UNAVAILABLE` when elkjs is not installed
 */
export async function machineToSvg(
  machine: AnyStateMachine,
  options: SvgOptions = {},
): Promise<string> {
  const plan = planOf(chartOf(machine), options);
  const { counts } = options;
  return new Picture(plan, counts, await layOut({ plan, counts })).text();
}

class Picture {
  readonly #plan: Plan;
  readonly #counts: PathCounts | undefined;
  readonly #layout: Layout;

  constructor(plan: Plan, counts: PathCounts | undefined, layout: Layout) {
    this.#plan = plan;
    this.#counts = counts;
    this.#layout = layout;
  }

  text(): string {
    const { width, height: chartHeight, states, edges, initials, entries } = this.#layout;
    const keyHeight = 16 * keyLines(width).length + 6;
    const height = chartHeight + keyHeight + (this.#counts ? 22 : 0);
    const { key, description = '' } = this.#plan.root;
    const lines = [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title desc">`,
      `<title id="title">Statechart ${escaped(key)}${this.#counts ? ': paths through it' : ''}</title>`,
      `<desc id="desc">${escaped([description, ...this.#sentences()].join(' '))}</desc>`,
      `<style>${styleSheet()}</style>`,
      `<rect class="page" width="${width}" height="${height}" rx="8"/>`,
      ...states.map((placed) => this.#box(placed)),
      ...edges.flatMap((placed) => this.#edge(placed)),
      ...initials.map(({ x, y, width: size }) => {
        const radius = size / 2;
        return `<circle class="dot" cx="${px(x + radius)}" cy="${px(y + radius)}" r="${radius}"/>`;
      }),
      ...edges.flatMap(({ label }) => (label ? [this.#ground(label), ...textOf(label)] : [])),
      ...states.flatMap(({ state, text }) => [
        ...(state.states.length > 0 ? [this.#ground(text)] : []),
        ...textOf(text),
      ]),
      ...entries.flatMap(textOf),
      ...this.#key(chartHeight),
      ...this.#legend(chartHeight + keyHeight),
      '</svg>',
    ];
    return `${lines.join('\n')}\n`;
  }

  /** The ways through the machine, for whoever cannot see them. */
  #sentences(): readonly string[] {
    return this.#plan.edges.flatMap(({ source, target, ways }) =>
      ways.map(
        ({ transition }) =>
          `${source.path || source.key} to ${target.path} on ${labelOf(transition)}.`,
      ),
    );
  }

  #box({ state, text, ...box }: PlacedState): string {
    const [heat] = text.block.lines.flatMap(({ chip }) => chip ?? []);
    const classes = `${this.#classOf(state)}${heat ? ` h${heat.magnitude}` : ''}`;
    return [rect(classes, box, 7, of(state)), ...this.#finalBorder(state, box)].join('\n');
  }

  #finalBorder({ kind, ...state }: ChartState, box: Box): string[] {
    if (kind !== 'final') return [];
    return [rect(`${this.#classOf({ kind, ...state })} hollow`, grown(box, -3), 5)];
  }

  #classOf(state: ChartState): string {
    const failure = this.#plan.isFailure(state) ? 'leaf bad' : 'leaf';
    const ground = state.states.length === 0 ? failure : groundOf(state);
    return this.#isRegion(state) ? `${ground} region` : ground;
  }

  #isRegion({ path }: ChartState): boolean {
    const parent = path.split('.').slice(0, -1).join('.');
    const holder = this.#layout.states.find(({ state }) => state.path === parent);
    return path !== '' && holder?.state.kind === 'parallel';
  }

  /** Behind a label, so that its arrow does not run through the words. */
  #ground(label: PlacedText): string {
    const around = this.#layout.states.filter(
      ({ state, ...box }) => state.states.length > 0 && holds(box, label),
    );
    const ground = groundOf(around.at(-1)?.state ?? this.#plan.root);
    return rect(ground === 'outer' ? 'onOuter' : 'onInner', grown(label, 1), 2);
  }

  #edge({ edge, points, label }: PlacedEdge): string[] {
    const paths = label?.block.lines.flatMap(({ chip }) => chip?.magnitude ?? []) ?? [];
    const heat = paths.length === 0 ? '' : ` h${Math.max(...paths)}`;
    const classes = `${edge?.isFailure ? ' bad' : ''}${heat}`;
    const [tip, before] = [...points].reverse();
    if (tip === undefined || before === undefined) return [];
    const ends =
      edge && 'source' in edge
        ? ` data-from="${escaped(edge.source.path)}" data-to="${escaped(edge.target.path)}"`
        : '';
    return [
      `<path class="edge${classes}"${ends} d="${lineThrough(points)}"/>`,
      arrow(tip, before, classes),
    ];
  }

  #key(top: number): readonly string[] {
    const lines = keyLines(this.#layout.width);
    return lines.map((line, index) => textLine('note', line, { x: 10, y: top + 12 + 16 * index }));
  }

  #legend(top: number): readonly string[] {
    if (this.#counts === undefined) return [];
    const names = ['1 to 9 paths', '10 to 99', '100 to 999', '1,000 or more'];
    return names.flatMap((name, magnitude) => {
      const x = 10 + magnitude * 104;
      return [
        rect(`g${magnitude}`, { x, y: top + 1, width: 14, height: 14 }, 3),
        `<text class="note" x="${x + 19}" y="${top + 12}">${name}</text>`,
      ];
    });
  }
}

const keyLines = (width: number) => wrapText(keyText, width - 20, faces.note);

/** For whoever has not seen a statechart before. */
const keyText =
  'event [guard] / actions → where it leads · dot: begins · double border: ends · dashed: at the same time · red: failure, refusal, rollback or cancellation';

/** Names the state that a box stands for, so that a page can light it. */
const of = ({ path }: ChartState) => ` data-state="${escaped(path)}"`;

const groundOf = ({ path }: ChartState) =>
  path !== '' && path.split('.').length % 2 === 1 ? 'inner' : 'outer';

function textOf({ x, y, block }: PlacedText): readonly string[] {
  return block.lines.flatMap((line) => lineOf(line, x, y));
}

function lineOf(line: TextLine, left: number, top: number): string[] {
  const { text, kind, x, y, width, isCentred = false, chip } = line;
  const baseline = top + y;
  const chips = chip ? chipOf(chip, left + (text === '' ? x : 0), baseline) : [];
  if (text === '') return chips;
  const place = isCentred ? { x: left + x + width / 2, isCentred } : { x: left + x };
  return [...chips, textLine(kind, text, { ...place, y: baseline })];
}

function chipOf({ of, magnitude, width, text }: Chip, x: number, baseline: number): string[] {
  return [
    rect(`g${magnitude}`, { x, y: baseline - 11, width, height: 14 }, 3),
    `<text class="chip i${magnitude}" text-anchor="middle" x="${px(x + width / 2)}" y="${px(baseline)}" data-of="${escaped(of)}">${text}</text>`,
  ];
}

function lineThrough(points: readonly Point[]): string {
  const [start, ...rest] = points;
  if (start === undefined) return '';
  const steps = rest.map((point, index) => {
    const next = rest[index + 1];
    const before = points[index] ?? start;
    if (next === undefined) return `L${at(point)}`;
    return `L${at(towards(point, before))}Q${at(point)} ${at(towards(point, next))}`;
  });
  return `M${at(start)}${steps.join('')}`;
}

/** A point on the way from one to another: corners are round. */
function towards(from: Point, to: Point): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const part = Math.min(6, length / 2) / length;
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

function holds(outer: Box, inner: Box): boolean {
  return (
    inner.x >= outer.x &&
    inner.y >= outer.y &&
    inner.x + inner.width <= outer.x + outer.width &&
    inner.y + inner.height <= outer.y + outer.height
  );
}

function grown({ x, y, width, height }: Box, by: number): Box {
  return { x: x - by, y: y - by, width: width + 2 * by, height: height + 2 * by };
}
