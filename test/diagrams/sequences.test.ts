import { JSDOM } from 'jsdom';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Sequence } from '../../src/diagrams/sequence.ts';
import { sequenceToMermaid } from '../../src/diagrams/sequence-mermaid.ts';
import { sequenceToSvg } from '../../src/diagrams/sequence-svg.ts';
import { faces } from '../../src/diagrams/svg-text.ts';
import { textWidth } from '../../src/diagrams/text-width.ts';
import { snapshotAfter } from '../tools/snapshot-after.ts';
import { snapshotBefore } from '../tools/snapshot-before.ts';
import { recordSnapshot } from '../tools/snapshot-run.ts';

const small: Sequence = {
  title: 'A small one; with #1',
  description: 'Two who talk & one who works.',
  lanes: [
    { id: 'left', name: 'left', note: 'asks' },
    { id: 'right', name: 'right', note: 'answers' },
  ],
  steps: [
    { kind: 'message', from: 'left', to: 'right', label: 'tell', detail: 'a <b>; c' },
    { kind: 'band', label: 'later', detail: 'much' },
    { kind: 'call', from: 'left', to: 'right', label: 'ask' },
    { kind: 'message', from: 'right', to: 'right', label: 'work' },
    { kind: 'answer', from: 'right', to: 'left', label: 'done' },
  ],
};

const sequences: Readonly<Record<string, Sequence>> = {
  small,
  'snapshot-before': snapshotBefore,
  'snapshot-after': snapshotAfter(await recordSnapshot()),
};

let parse: (text: string) => Promise<unknown>;

beforeAll(async () => {
  const { window } = new JSDOM('');
  // Mermaid looks for a browser when it is loaded.
  Object.assign(globalThis, { window, document: window.document });
  const { default: mermaid } = await import('mermaid');
  parse = (text) => mermaid.parse(text);
});

test('sequenceToMermaid() draws messages, calls, own work and bands', () => {
  expect(sequenceToMermaid(small)).toBe(`sequenceDiagram
  title A small one#59; with #35;1
  participant left as left, asks
  participant right as right, answers
  left->>right: tell: a <b>#59; c
  Note over left,right: later: much
  left->>right: ask
  right-->>left: done
  right->>right: work
  right-->>left: done
`);
});

/** In the widest font. */
function widthOf(text: ReturnType<JSDOM['window']['document']['querySelector']>): number {
  const kind = text?.getAttribute('class') === 'title' ? 'title' : 'note';
  return textWidth(text?.textContent ?? '', faces[kind]);
}

describe.each(Object.entries(sequences))('the sequence %s', (_, sequence) => {
  const svg = sequenceToSvg(sequence);
  const { document } = new JSDOM(svg, { contentType: 'image/svg+xml' }).window;
  const numberOf = (element: { getAttribute(name: string): string | null }, name: string) =>
    Number(element.getAttribute(name));
  const texts = [...document.querySelectorAll('text')].map((element) => {
    const spans = [...element.querySelectorAll('tspan')];
    const parts = spans.length === 0 ? [element] : spans;
    const width = parts.reduce((sum, part) => sum + widthOf(part) + numberOf(part, 'dx'), 0);
    const isCentred = element.getAttribute('text-anchor') === 'middle';
    return {
      said: parts.map(({ textContent }) => textContent ?? ''),
      words: element.textContent ?? '',
      x: numberOf(element, 'x') - (isCentred ? width / 2 : 0),
      y: numberOf(element, 'y'),
      width,
    };
  });

  test("is read by Mermaid's own parser", async () => {
    const parsed = parse(sequenceToMermaid(sequence));
    await expect(parsed).resolves.toMatchObject({ diagramType: 'sequence' });
  });

  test('has every word of every step in its picture and in its description', () => {
    const said = texts.flatMap((text) => text.said);
    const description = document.querySelector('desc')?.textContent;
    for (const { label, detail } of sequence.steps) {
      expect(said).toContain(label);
      expect(description).toContain(label);
      if (detail !== undefined && detail !== '') expect(said).toContain(detail);
    }
    for (const { name, note } of sequence.lanes) {
      expect(said).toEqual(expect.arrayContaining([name, note]));
    }
  });

  test('has its words inside the picture, none on another, and is at most 830 pixels wide', () => {
    const width = numberOf(document.documentElement, 'width');
    expect(width).toBeLessThanOrEqual(830);
    for (const [index, text] of texts.entries()) {
      expect(text.x, text.words).toBeGreaterThanOrEqual(0);
      expect(text.x + text.width, text.words).toBeLessThanOrEqual(width);
      const over = texts
        .slice(index + 1)
        .filter((other) => Math.abs(other.y - text.y) < 12)
        .filter((other) => other.x < text.x + text.width && text.x < other.x + other.width);
      expect(
        over.map(({ words }) => words),
        text.words,
      ).toEqual([]);
    }
  });

  test('refers to nothing outside itself', () => {
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|href|url\(|@import/);
  });
});

test('sequenceToSvg() draws a call there and back, an answer dashed, and own work as a loop', () => {
  const { document } = new JSDOM(sequenceToSvg(small), { contentType: 'image/svg+xml' }).window;
  expect(document.querySelectorAll('path.edge')).toHaveLength(5);
  expect(document.querySelectorAll('path.answer')).toHaveLength(2);
  expect(document.querySelectorAll('path.tip')).toHaveLength(5);
});

describe('the recorded run', () => {
  const { steps } = snapshotAfter([]);
  const recorded = sequences['snapshot-after']?.steps ?? [];

  test('says the same each time it is recorded', async () => {
    expect(snapshotAfter(await recordSnapshot()).steps).toEqual(recorded);
    expect(steps).toEqual([]);
  });

  test('goes through every phase in order', () => {
    const bands = recorded.filter(({ kind }) => kind === 'band').map(({ label }) => label);
    expect(bands).toEqual([
      ...['scheduled', 'serialised', 'awaiting-evidence', 'persisting', 'committed'],
    ]);
  });

  test('asks for the name of the file only behind its receipt and its sync', () => {
    const labels = recorded.map(({ label }) => label);
    const steps = [
      'openSpool',
      'serialise',
      'build-receipt',
      'appendReceipt',
      'syncSpool',
      'publish',
    ];
    const places = steps.map((label) => labels.indexOf(label));
    expect(places.every((place) => place >= 0)).toBe(true);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });
});
