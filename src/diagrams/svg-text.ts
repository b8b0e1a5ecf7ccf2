import type { ChartState } from './chart.ts';
import {
  effectOf,
  labelOf,
  type Plan,
  type PlanEdge,
  type PlanEntry,
  type PlanWay,
} from './plan.ts';
import { type TextFace, textWidth, wrapText } from './text-width.ts';

/** How many paths run through each state, by its id, and each transition, by its name. */
export interface PathCounts {
  readonly states: ReadonlyMap<string, number>;
  readonly transitions: ReadonlyMap<string, number>;
}

/** What a line of text says, which decides on its face and colour. */
export type TextKind = 'title' | 'note' | 'label' | 'failure' | 'quiet';

/** A number of paths, on a ground that tells its magnitude. */
export interface Chip {
  /** Id of the state or name of the transition whose paths are counted. */
  readonly of: string;
  readonly text: string;
  /** Decimal magnitude, 0 to 3. */
  readonly magnitude: number;
  readonly width: number;
}

/** A line of a block, or a chip alone where the text is empty; its place is relative to the block, `y` that of the baseline. */
export interface TextLine {
  readonly text: string;
  readonly kind: TextKind;
  readonly x: number;
  readonly y: number;
  /** What it takes in the widest font. */
  readonly width: number;
  /** It stands in the middle of its width, however wide it is drawn. @default false: at the left */
  readonly isCentred?: boolean;
  readonly chip?: Chip;
}

/** Lines that belong together, and the space that they take, in pixels. */
export interface TextBlock {
  readonly lines: readonly TextLine[];
  readonly width: number;
  readonly height: number;
}

export const faces: Readonly<Record<TextKind, TextFace>> = {
  title: { size: 14, bold: true },
  note: { size: 12 },
  label: { size: 12 },
  failure: { size: 12 },
  quiet: { size: 12 },
};

const lineHeight = 16;
const indent = 12;

interface Paragraph {
  readonly text: string;
  readonly kind: TextKind;
  /** Set for all that is counted, where counts are drawn. */
  readonly chip?: Chip;
  /** Said beside the text where there is room. */
  readonly aside?: string | undefined;
}

/** What stands in a state's box: name, description, the actors that it runs, and its rows. */
export function stateText(
  state: ChartState,
  { plan, counts, widthMax }: { plan: Plan; counts: PathCounts | undefined; widthMax: number },
): TextBlock {
  const title = { text: state.key, kind: 'title', ...paths(counts?.states, state.id) } as const;
  const note = state.description === undefined ? [] : [quiet(state.description, 'note')];
  const runs = state.invokes.map(({ id }) => id).join(', ');
  const rows = plan.rows.get(state.id) ?? [];
  const ignored = rows.filter(isIgnored);
  const isOuter = state.states.length > 0;
  const paragraphs: Paragraph[] = [
    title,
    ...note,
    ...(runs === '' ? [] : [quiet(`runs ${runs}`)]),
    ...(isOuter && rows.length > ignored.length ? [quiet('at any time:')] : []),
    ...rows
      .filter((row) => counts !== undefined || !isIgnored(row))
      .map((row) => rowOf(row, counts)),
  ];
  if (counts === undefined && ignored.length > 0) {
    const events = ignored.map(({ transition }) => transition.trigger).join(', ');
    paragraphs.push(quiet(`ignores ${events}`));
  }
  return withAsides(blockOf(paragraphs, widthMax), paragraphs, widthMax);
}

const asideGap = 20;
const asideWidthMin = 240;

/** Adds the descriptions of rows in a column of their own, where there is room for one: rows make way for long ones. */
function withAsides(
  block: TextBlock,
  paragraphs: readonly Paragraph[],
  widthMax: number,
): TextBlock {
  const asides = new Map(paragraphs.map(({ text, aside = '' }) => [text, aside]));
  const x =
    asideGap + Math.max(0, ...block.lines.filter(isRowText).map((line) => line.x + line.width));
  const beside = [...asides].flatMap(([text, aside]) => (aside === '' ? [] : [text]));
  const areUnbroken = beside.every((row) => block.lines.some(({ text }) => text === row));
  if (beside.length === 0 || !areUnbroken || widthMax - x < asideWidthMin) return block;
  let added = 0;
  const lines = block.lines.flatMap((line): TextLine[] => {
    const row = { ...line, y: line.y + added };
    const words = wrapText(asides.get(line.text) ?? '', widthMax - x, faces.note);
    added += Math.max(0, words.length - 1) * lineHeight;
    return [row, ...words.map((text, index) => asideOf(text, x, row.y + index * lineHeight))];
  });
  const width = Math.ceil(Math.max(block.width, ...lines.map((line) => line.x + line.width)));
  return { lines, width, height: block.height + added };
}

const asideOf = (text: string, x: number, y: number): TextLine => ({
  text,
  kind: 'note',
  x,
  y,
  width: textWidth(text, faces.note),
});

const isRowText = ({ kind }: TextLine) => kind === 'label' || kind === 'failure';

const quiet = (text: string, kind: TextKind = 'quiet'): Paragraph => ({ text, kind });

const isIgnored = ({ transition: { actions }, leadsTo }: PlanWay) =>
  leadsTo === undefined && actions.length === 0;

function rowOf(row: PlanWay, counts: PathCounts | undefined): Paragraph {
  const { transition, isFailure } = row;
  const text = `${labelOf(transition)} ${effectOf(row)}`;
  return {
    text,
    kind: isIgnored(row) ? 'quiet' : isFailure ? 'failure' : 'label',
    aside: transition.description,
    ...paths(counts?.transitions, transition.name),
  };
}

/**
 * What stands on an arrow: each of its transitions, the guard on a line of its own. A label grows downwards rather
 * than pushing states apart, above all where many arrows fan out.
 */
export function edgeText(
  { ways }: PlanEdge,
  { counts, isInFan }: { counts: PathCounts | undefined; isInFan: boolean },
): TextBlock {
  const paragraphs = ways.map(({ transition, isFailure }) => ({
    text: labelOf(transition),
    kind: isFailure ? ('failure' as const) : ('label' as const),
    ...paths(counts?.transitions, transition.name),
  }));
  return blockOf(paragraphs, isInFan ? fanWidthMax : edgeTextWidthMax, 'middle');
}

const edgeTextWidthMax = 135;
/** So many states fit beside each other under a fan of arrows. */
export const fanWidthMax = 80;

/** What stands where rows of other states lead to a state. */
export function entryText({ target, rows, isFailure }: PlanEntry): TextBlock {
  const ways = rows === 1 ? 'the way' : `the ${rows} ways`;
  return blockOf(
    [{ text: `${ways} marked → ${target.path}`, kind: isFailure ? 'failure' : 'label' }],
    400,
  );
}

function paths(counts: ReadonlyMap<string, number> | undefined, of: string): { chip?: Chip } {
  return counts === undefined ? {} : { chip: chipOf(of, counts.get(of) ?? 0) };
}

function blockOf(
  paragraphs: readonly Paragraph[],
  widthMax: number,
  anchor: 'start' | 'middle' = 'start',
): TextBlock {
  const isNarrow = anchor === 'middle' || widthMax <= fanWidthMax;
  const chips = paragraphs.flatMap(({ chip }) => chip?.width ?? []);
  const column = isNarrow || chips.length === 0 ? 0 : Math.max(...chips) + chipGap;
  const lines: TextLine[] = [];
  let y = 0;
  for (const paragraph of paragraphs) {
    const { kind, chip } = paragraph;
    if (chip && isNarrow) {
      y += lineHeight;
      lines.push({ text: '', kind, x: 0, y: y - 4, width: chip.width, chip });
    }
    const isHanging = anchor === 'start' && kind !== 'title' && kind !== 'note';
    const room = widthMax - column - (isHanging ? indent : 0);
    for (const [index, text] of wrapText(paragraph.text, room, faces[kind]).entries()) {
      y += kind === 'title' ? lineHeight + 1 : lineHeight;
      const x = column + (isHanging && index > 0 ? indent : 0);
      const width = textWidth(text, faces[kind]);
      const own = chip && !isNarrow && index === 0 ? { chip } : {};
      lines.push({ text, kind, x, y: y - 4, width, ...own });
    }
    if (kind === 'title' || kind === 'note') y += 2;
  }
  const width = Math.ceil(Math.max(0, ...lines.map((line) => line.x + line.width)));
  const centred = lines.map((line) => ({
    ...line,
    x: (width - line.width) / 2,
    isCentred: true,
  }));
  return { lines: anchor === 'start' ? lines : centred, width, height: y };
}

const chipGap = 6;

function chipOf(of: string, paths: number): Chip {
  const text = paths.toLocaleString('en-US');
  const magnitude = Math.min(3, Math.max(0, Math.floor(Math.log10(Math.max(1, paths)))));
  return { of, text, magnitude, width: Math.ceil(textWidth(text, { size: 12, bold: true })) + 8 };
}
