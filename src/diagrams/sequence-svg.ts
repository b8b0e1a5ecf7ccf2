import type { Sequence, SequenceBand, SequenceMessage } from './sequence.ts';
import { wordsOf } from './sequence-mermaid.ts';
import { arrow, escaped, type Point, px, rect, textLine } from './svg-elements.ts';
import { dark, light, styleSheet } from './svg-style.ts';
import { faces } from './svg-text.ts';
import { textWidth, wrapText } from './text-width.ts';

const width = 820;
const margin = 10;
const headHeight = 44;
const rowHeight = 30;
const selfHeight = 36;
const bandHeight = 30;

/** Draws a sequence as an SVG picture that is complete in itself, in light and dark. */
export function sequenceToSvg(sequence: Sequence): string {
  return new Picture(sequence).text();
}

class Picture {
  readonly #sequence: Sequence;
  readonly #laneWidth: number;

  constructor(sequence: Sequence) {
    this.#sequence = sequence;
    this.#laneWidth = (width - 2 * margin) / sequence.lanes.length;
  }

  text(): string {
    const { title, description, lanes, steps } = this.#sequence;
    const placed = this.#rows();
    const end = placed.at(-1)?.end ?? headHeight;
    const keyTop = end + 12;
    const height = keyTop + 16 * keyLines.length + 8;
    const said = steps.map((step) => `${this.#sentence(step)}.`).join(' ');
    const lines = [
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title desc">`,
      `<title id="title">${escaped(title)}</title>`,
      `<desc id="desc">${escaped(`${description} ${said}`)}</desc>`,
      `<style>${styleSheet()}\n${lifelines()}</style>`,
      `<rect class="page" width="${width}" height="${height}" rx="8"/>`,
      rect('outer', { x: 2, y: 2, width: width - 4, height: end + 4 }, 7),
      ...lanes.map(({ id }) => {
        const x = px(this.#middle(id));
        return `<path class="life" d="M${x} ${2 * margin + headHeight}V${end}"/>`;
      }),
      ...lanes.flatMap((lane) => this.#head(lane)),
      ...placed.flatMap(({ lines: own }) => own),
      ...keyLines.map((line, index) =>
        textLine('note', line, { x: margin, y: keyTop + 16 * (index + 1) - 4 }),
      ),
      '</svg>',
    ];
    return `${lines.join('\n')}\n`;
  }

  #rows(): readonly { readonly lines: readonly string[]; readonly end: number }[] {
    let top = 2 * margin + headHeight;
    return this.#sequence.steps.map((step) => {
      const begin = top;
      if (step.kind === 'band') {
        top += bandHeight;
        return { lines: this.#band(step, begin), end: top };
      }
      const isSelf = step.from === step.to;
      top += isSelf ? selfHeight : rowHeight;
      return { lines: isSelf ? this.#own(step, begin) : this.#message(step, begin), end: top };
    });
  }

  #sentence(step: Sequence['steps'][number]): string {
    if (step.kind === 'band') return wordsOf(step);
    return `${this.#nameOf(step.from)} to ${this.#nameOf(step.to)}, ${wordsOf(step)}`;
  }

  #nameOf(id: string): string {
    return this.#sequence.lanes.find((lane) => lane.id === id)?.name ?? id;
  }

  #middle(id: string): number {
    const index = this.#sequence.lanes.findIndex((lane) => lane.id === id);
    return margin + (index + 0.5) * this.#laneWidth;
  }

  #head({ id, name, note }: Sequence['lanes'][number]): readonly string[] {
    const middle = this.#middle(id);
    const boxWidth = this.#laneWidth - 8;
    const box = { x: middle - boxWidth / 2, y: margin, width: boxWidth, height: headHeight };
    return [
      rect('leaf', box, 7),
      textLine('title', name, { x: middle, y: margin + 18, isCentred: true }),
      textLine('note', note, { x: middle, y: margin + 35, isCentred: true }),
    ];
  }

  #band({ label, detail = '' }: SequenceBand, top: number): readonly string[] {
    const box = { x: margin, y: top + 4, width: width - 2 * margin, height: bandHeight - 8 };
    return [
      rect('leaf', box, 5),
      pairOfWords(
        [
          ['title', label],
          ['note', detail],
        ],
        { x: margin + 8, y: top + 19 },
      ),
    ];
  }

  #message(step: SequenceMessage, top: number): readonly string[] {
    const [from, to] = [this.#middle(step.from), this.#middle(step.to)];
    const y = top + 21;
    const back = step.kind === 'call' ? line({ from: to, to: from, y: y + 5 }, ' answer') : [];
    const classes = step.kind === 'answer' ? ' answer' : '';
    return [
      ...line({ from, to, y }, classes),
      ...back,
      ...this.#label(step, { middle: (from + to) / 2, y: top + 14 }),
    ];
  }

  /** What a lane does by itself: a loop beside its line, the words beside the loop. */
  #own(step: SequenceMessage, top: number): readonly string[] {
    const x = this.#middle(step.from);
    const [above, below] = [top + 11, top + 27];
    const loop = `<path class="edge" d="M${px(x)} ${above}H${px(x + 18)}V${below}H${px(x)}"/>`;
    const wide = this.#widthOf(step);
    const isRoom = x + 26 + wide < width - margin;
    const middle = isRoom ? x + 26 + wide / 2 : x - 10 - wide / 2;
    return [
      loop,
      arrow({ x, y: below }, { x: x + 18, y: below }, ''),
      ...this.#label(step, { middle, y: top + 23 }),
    ];
  }

  #widthOf({ label, detail }: SequenceMessage): number {
    const own = textWidth(label, faces.label);
    return detail === undefined ? own : own + pairGap + textWidth(detail, faces.note);
  }

  /** Words on a ground of their own, so that no line runs through them, and inside the picture. */
  #label(step: SequenceMessage, { middle, y }: { middle: number; y: number }): readonly string[] {
    const wide = this.#widthOf(step);
    const x = Math.min(Math.max(middle - wide / 2, margin), width - margin - wide);
    const { label, detail = '' } = step;
    const pair = [
      ['label', label],
      ['note', detail],
    ] as const;
    return [
      rect('onOuter', { x: x - 2, y: y - 11, width: wide + 4, height: 13 }, 2),
      pairOfWords(pair, { x: x + wide / 2, y, isCentred: true }),
    ];
  }
}

const pairGap = 8;

type Words = readonly [kind: 'title' | 'label' | 'note', text: string];

/** What is said, and beside it a word on it, as one line of text: the second begins where the first one really ends. */
function pairOfWords(
  [[kind, text], [kindOfMore, more]]: readonly [Words, Words],
  { x, y, isCentred = false }: Point & { readonly isCentred?: boolean },
): string {
  if (more === '') return textLine(kind, text, { x, y, isCentred });
  const anchor = isCentred ? ' text-anchor="middle"' : '';
  const spans = [
    `<tspan class="${kind}">${escaped(text)}</tspan>`,
    `<tspan class="${kindOfMore}" dx="${pairGap}">${escaped(more)}</tspan>`,
  ];
  return `<text${anchor} x="${px(x)}" y="${px(y)}">${spans.join('')}</text>`;
}

const keyLines = wrapText(
  'solid: told or asked · dashed: answered · both in one row: answered with nothing in between · loop: its own work',
  width - 2 * margin,
  faces.note,
);

function line({ from, to, y }: { from: number; to: number; y: number }, classes: string): string[] {
  const end = to > from ? to - 6 : to + 6;
  return [
    `<path class="edge${classes}" d="M${px(from)} ${px(y)}H${px(end)}"/>`,
    arrow({ x: to, y }, { x: from, y }, ''),
  ];
}

/** The line below each name, and the dashes of answers. */
function lifelines(): string {
  return [
    `.life{stroke:${light.border};stroke-width:1}.answer{stroke-dasharray:4 3}`,
    `@media (prefers-color-scheme:dark){.life{stroke:${dark.border}}}`,
  ].join('\n');
}
