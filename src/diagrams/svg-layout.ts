import type { ElkExtendedEdge, ElkNode, ElkPoint } from 'elkjs/lib/elk-api.js';
import { assert } from '../core/errors.ts';
import { type Arrow, backEdges } from './back-edges.ts';
import type { ChartState } from './chart.ts';
import { loadElk } from './elk.ts';
import type { Plan, PlanEdge, PlanEntry } from './plan.ts';
import {
  edgeText,
  entryText,
  fanWidthMax,
  type PathCounts,
  stateText,
  type TextBlock,
} from './svg-text.ts';

/** A place in the picture, in pixels. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface PlacedText extends Box {
  readonly block: TextBlock;
}

export interface PlacedState extends Box {
  readonly state: ChartState;
  readonly text: PlacedText;
}

export interface PlacedEdge {
  readonly edge: PlanEdge | PlanEntry | undefined;
  readonly points: readonly ElkPoint[];
  readonly label: PlacedText | undefined;
}

/** Where everything is. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Each before those inside it. */
  readonly states: readonly PlacedState[];
  readonly edges: readonly PlacedEdge[];
  /** Dots where compound states begin. */
  readonly initials: readonly Box[];
  readonly entries: readonly PlacedText[];
}

export interface LayoutInput {
  readonly plan: Plan;
  readonly counts: PathCounts | undefined;
}

/**
 * Finds a place for all of a chart, the same at each run.
 *
 * Twice: how wide a state's rows may run is known only when what is inside it has a place.
 * @throws DiagramError `LAYOUT_UNAVAILABLE`
 */
export async function layOut(input: LayoutInput): Promise<Layout> {
  const elk = await loadElk();
  const inside = placesOf(await elk.layout(new Sketch(input, new Map()).graph));
  const sketch = new Sketch(input, inside);
  return sketch.layout(await elk.layout(sketch.graph));
}

const padding = 14;
/** Beside the text of an innermost state, and where many share the width. */
const leafPadding = 12;
const fanPadding = 10;
const initialSize = 11;
const headerWidthMin = 190;
/** Of a state with so many rows that they would run down a long way. */
const longHeaderWidthMin = 770;
const longHeaderRows = 8;
const leafWidthMax = 275;
/** Rows of actions are easier to read unbroken. */
const busyLeafWidthMax = 520;
const busyRows = 3;
/** Regions lie side by side, so what is in them has to be narrow. */
const regionLeafWidthMax = 172;
/** So many arrows from one state lead to states that have to share the width. */
const fanMin = 5;

const layered = {
  'elk.algorithm': 'layered',
  'elk.direction': 'DOWN',
  'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
  'elk.edgeRouting': 'ORTHOGONAL',
  'elk.json.shapeCoords': 'ROOT',
  'elk.json.edgeCoords': 'ROOT',
  'elk.layered.considerModelOrder.strategy': 'NODES_AND_EDGES',
  'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
} as const;

const spacing = {
  'elk.spacing.nodeNode': '16',
  'elk.spacing.edgeNode': '12',
  'elk.spacing.edgeEdge': '10',
  'elk.spacing.edgeLabel': '4',
  'elk.layered.spacing.nodeNodeBetweenLayers': '12',
  'elk.layered.spacing.edgeNodeBetweenLayers': '12',
  'elk.layered.spacing.edgeEdgeBetweenLayers': '10',
} as const;

/** A chart as ELK takes it, and what is needed to read its answer. */
class Sketch {
  readonly graph: ElkNode;
  readonly #input: LayoutInput;
  readonly #inside: ReadonlyMap<string, Box>;
  readonly #states = new Map<string, { state: ChartState; block: TextBlock }>();
  readonly #edges = new Map<string, PlanEdge | PlanEntry | undefined>();
  /** Ids of arrows that ELK is given the other way round. */
  readonly #turned = new Set<string>();
  readonly #labels = new Map<string, TextBlock>();
  readonly #entries = new Map<string, TextBlock>();

  /** `inside`: places that states were given before, as wide as what is inside them. */
  constructor(input: LayoutInput, inside: ReadonlyMap<string, Box>) {
    this.#input = input;
    this.#inside = inside;
    const { root } = input.plan;
    this.graph = {
      id: 'picture',
      layoutOptions: { ...layered, ...spacing, 'elk.padding': '[top=6,left=6,bottom=6,right=6]' },
      children: [this.#nodeOf(root)],
      edges: [],
    };
    this.graph.edges = [...this.#edgesOf(), ...this.#initialEdges(root), ...this.#entryEdges()];
  }

  #nodeOf(state: ChartState, holder?: { isRegions: boolean; areInRegion: boolean }): ElkNode {
    const isRegion = holder?.isRegions ?? false;
    const inRegion = isRegion || (holder?.areInRegion ?? false);
    const alignment = isRegion ? { 'elk.alignment': 'TOP' } : {};
    if (state.states.length === 0)
      return { ...this.#leafOf(state, inRegion), layoutOptions: alignment };
    const below = { isRegions: state.kind === 'parallel', areInRegion: inRegion };
    return {
      id: state.id,
      layoutOptions: { ...spacing, ...alignment, 'elk.padding': this.#headerOf(state) },
      children: [
        ...(state.initial === undefined ? [] : [dotOf(state)]),
        ...state.states.flatMap((child) => [
          ...this.#entryNodes(child),
          this.#nodeOf(child, below),
        ]),
      ],
    };
  }

  #leafOf(state: ChartState, inRegion: boolean): ElkNode {
    const { edges } = this.#input.plan;
    const isUnderFan = edges.some(({ source, target }) => target === state && this.#isFan(source));
    const rows = this.#input.plan.rows.get(state.id) ?? [];
    const isBusy = rows.filter(({ leadsTo }) => leadsTo === undefined).length >= busyRows;
    const usual = isBusy ? busyLeafWidthMax : leafWidthMax;
    const widthMax = isUnderFan ? fanWidthMax : inRegion ? regionLeafWidthMax : usual;
    const { width, height } = this.#textOf(state, widthMax);
    const beside = isUnderFan ? fanPadding : leafPadding;
    return { id: state.id, width: width + 2 * beside, height: height + 16 };
  }

  #isFan(source: ChartState): boolean {
    return this.#input.plan.edges.filter((edge) => edge.source === source).length >= fanMin;
  }

  /** Room for what stands above the states inside; where they are narrower, beside them as well. */
  #headerOf(state: ChartState): string {
    const { length } = this.#input.plan.rows.get(state.id) ?? [];
    const widthMin = length < longHeaderRows ? headerWidthMin : longHeaderWidthMin;
    const content = (this.#inside.get(state.id)?.width ?? widthMin + 2 * padding) - 2 * padding;
    const { width, height } = this.#textOf(state, Math.max(content, widthMin));
    const beside = padding + Math.max(0, width - content) / 2;
    return paddingOf(height + 18, this.#inside.size === 0 ? padding : beside);
  }

  #textOf(state: ChartState, widthMax: number): TextBlock {
    const { plan, counts } = this.#input;
    const block = stateText(state, { plan, counts, widthMax });
    this.#states.set(state.id, { state, block });
    return block;
  }

  #entryNodes(state: ChartState): ElkNode[] {
    return this.#input.plan.entries
      .filter(({ target }) => target === state)
      .map((entry) => {
        const block = entryText(entry);
        this.#entries.set(entryId(entry), block);
        return { id: entryId(entry), width: block.width + 8, height: block.height + 4 };
      });
  }

  #edgesOf(): ElkExtendedEdge[] {
    const { root, edges, entries } = this.#input.plan;
    const orders = entries.flatMap(({ after, target }) =>
      after ? [{ source: after, target }] : [],
    );
    const back = backEdges<Arrow>(root, [...edges, ...orders]);
    return edges.map((edge, index) => {
      const isInFan = this.#isFan(edge.source);
      const block = edgeText(edge, { counts: this.#input.counts, isInFan });
      const id = `edge ${index}`;
      this.#edges.set(id, edge);
      this.#labels.set(id, block);
      const label = {
        id: `label ${index}`,
        text: id,
        width: block.width + 8,
        height: block.height + 4,
        layoutOptions: { 'elk.edgeLabels.inline': 'true', 'elk.edgeLabels.placement': 'CENTER' },
      };
      const ends = [edge.source.id, edge.target.id];
      if (back.has(edge)) this.#turned.add(id);
      const [from = '', to = ''] = back.has(edge) ? ends.reverse() : ends;
      return { id, sources: [from], targets: [to], labels: [label] };
    });
  }

  #initialEdges(state: ChartState): ElkExtendedEdge[] {
    const below = state.states.flatMap((child) => this.#initialEdges(child));
    if (state.initial === undefined) return below;
    const id = `initial edge ${state.id}`;
    this.#edges.set(id, undefined);
    return [{ id, sources: [dotOf(state).id], targets: [state.initial] }, ...below];
  }

  /** The second is not drawn: it brings the state below the one before it. */
  #entryEdges(): ElkExtendedEdge[] {
    return this.#input.plan.entries.flatMap((entry) => {
      const id = `entry edge ${entry.target.id}`;
      this.#edges.set(id, entry);
      const drawn = { id, sources: [entryId(entry)], targets: [entry.target.id] };
      const order = { id: `order ${entry.target.id}`, targets: [entryId(entry)] };
      return [drawn, ...(entry.after ? [{ ...order, sources: [entry.after.id] }] : [])];
    });
  }

  /** What ELK found, in our words. */
  layout(found: ElkNode): Layout {
    const places = placesOf(found);
    const placeOf = (id: string): Box => {
      const place = places.get(id);
      assert(place !== undefined, `${id} has a place`);
      return place;
    };
    const frame = placeOf(this.#input.plan.root.id);
    return {
      width: Math.ceil(frame.x + frame.width + frame.x),
      height: Math.ceil(frame.y + frame.height + frame.x),
      states: [...this.#states].map(([id, { state, block }]) => {
        const box = asHighAs(
          this.#regionsWith(state).map((region) => placeOf(region.id)),
          placeOf(id),
        );
        return { ...box, state, text: textIn(box, block, state.states.length === 0) };
      }),
      edges: (found.edges ?? []).flatMap((edge) => this.#placedEdge(edge)),
      initials: [...places].filter(([id]) => id.startsWith('initial ')).map(([, box]) => box),
      entries: [...this.#entries].map(([id, block]) => ({ ...inset(placeOf(id), 4, 2), block })),
    };
  }

  /** A region and those beside it; of any other state, itself. */
  #regionsWith(state: ChartState): readonly ChartState[] {
    const holder = [...this.#states.values()].find(({ state: { states } }) =>
      states.includes(state),
    );
    return holder?.state.kind === 'parallel' ? holder.state.states : [state];
  }

  #placedEdge({ id, sections = [], labels = [] }: ElkExtendedEdge): PlacedEdge[] {
    const [section] = sections;
    if (!this.#edges.has(id) || section === undefined) return [];
    const { startPoint, bendPoints = [], endPoint } = section;
    const points = [startPoint, ...bendPoints, endPoint];
    const block = this.#labels.get(id);
    const [label] = labels;
    const box = label && boxOf(label);
    return [
      {
        edge: this.#edges.get(id),
        points: this.#turned.has(id) ? points.reverse() : points,
        label: block && box && { ...inset(box, 4, 2), block },
      },
    ];
  }
}

const entryId = ({ target }: PlanEntry) => `entry ${target.id}`;

const dotOf = ({ id }: ChartState) => ({
  id: `initial ${id}`,
  width: initialSize,
  height: initialSize,
});

const paddingOf = (top: number, beside: number) =>
  `[top=${top},left=${beside},bottom=${padding},right=${beside}]`;

function placesOf(node: ElkNode): ReadonlyMap<string, Box> {
  const below = (node.children ?? []).flatMap((child) => [...placesOf(child)]);
  return new Map([[node.id, boxOf(node)], ...below]);
}

/** Regions begin and end together. */
function asHighAs(regions: readonly Box[], own: Box): Box {
  const y = Math.min(...regions.map((region) => region.y));
  const end = Math.max(...regions.map((region) => region.y + region.height));
  return { ...own, y, height: end - y };
}

function boxOf({ x = 0, y = 0, width = 0, height = 0 }: Partial<Box>): Box {
  return { x, y, width, height };
}

function inset({ x, y, width, height }: Box, byX: number, byY: number): Box {
  return { x: x + byX, y: y + byY, width: width - 2 * byX, height: height - 2 * byY };
}

/** A leaf's text is in its middle, that of a state with others inside on top of them. */
function textIn(box: Box, block: TextBlock, isLeaf: boolean): PlacedText {
  const { width, height } = block;
  const x = isLeaf ? box.x + (box.width - width) / 2 : box.x + padding;
  const y = isLeaf ? box.y + (box.height - height) / 2 : box.y + 8;
  return { x, y, width, height, block };
}
