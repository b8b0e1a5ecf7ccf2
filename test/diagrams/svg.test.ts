import { JSDOM } from 'jsdom';
import { describe, expect, test } from 'vitest';
import { drawnMachines } from '../../src/cli/commands/drawn-machines.ts';
import { chartOf, isWithin, statesOf } from '../../src/diagrams/chart.ts';
import { loadElk } from '../../src/diagrams/elk.ts';
import { planOf } from '../../src/diagrams/plan.ts';
import { machineToSvg } from '../../src/diagrams/svg.ts';
import { type Box, type Layout, layOut } from '../../src/diagrams/svg-layout.ts';
import { dark, light, type Palette } from '../../src/diagrams/svg-style.ts';
import { faces } from '../../src/diagrams/svg-text.ts';
import { smallMachine } from './small-machine.ts';

const machines = {
  ...drawnMachines,
  small: { machine: smallMachine },
};

const overlaps = (a: Box, b: Box) =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

const named = (box: Box, name: string) => ({ box, name });

/** All that must keep clear of each other: labels, names and rows, boxes of innermost states, dots. */
function marksOf({ states, edges, entries, initials }: Layout) {
  const isLeaf = ({ state }: Layout['states'][number]) => state.states.length === 0;
  return [
    ...states.filter(isLeaf).map((placed) => named(placed, placed.state.id)),
    ...states
      .filter((placed) => !isLeaf(placed))
      .map(({ text, state }) => named(text, `text of ${state.id}`)),
    ...edges.flatMap(({ label }) =>
      label ? [named(label, label.block.lines.map(({ text }) => text).join(' '))] : [],
    ),
    ...entries.map((entry) => named(entry, 'entry')),
    ...initials.map((dot) => named(dot, 'dot')),
  ];
}

function overlapsIn(marks: ReturnType<typeof marksOf>): readonly string[] {
  return marks.flatMap(({ box, name }, index) =>
    marks
      .slice(index + 1)
      .filter((other) => overlaps(box, other.box))
      .map((other) => `${name} × ${other.name}`),
  );
}

/** Labels that the line of another arrow runs through. */
function crossedLabels({ edges }: Layout): readonly string[] {
  return edges.flatMap(({ label }, own) =>
    edges.flatMap(({ points }, index) => {
      if (label === undefined || index === own) return [];
      const crossed = points.slice(1).some((to, at) => {
        const from = points[at] ?? to;
        const width = Math.abs(to.x - from.x) + 0.1;
        const height = Math.abs(to.y - from.y) + 0.1;
        return overlaps(label, {
          x: Math.min(to.x, from.x),
          y: Math.min(to.y, from.y),
          width,
          height,
        });
      });
      return crossed ? [label.block.lines.map(({ text }) => text).join(' ')] : [];
    }),
  );
}

describe.each(Object.entries(machines))('layOut() of %s', async (_, { machine, ...options }) => {
  const plan = planOf(chartOf(machine), options);
  const layout = await layOut({ plan, counts: undefined });

  test('places no label on another, on a state or on a dot, and no arrow on the label of another', () => {
    expect(overlapsIn(marksOf(layout))).toEqual([]);
    expect(crossedLabels(layout)).toEqual([]);
  });

  test('places every state inside the one that holds it, with room for its own text', () => {
    const outside = (inner: Box, outer: Box) =>
      inner.x < outer.x ||
      inner.y < outer.y ||
      inner.x + inner.width > outer.x + outer.width ||
      inner.y + inner.height > outer.y + outer.height;
    const wrong = layout.states.filter((placed) => outside(placed.text, placed));
    expect(wrong.map(({ state }) => state.id)).toEqual([]);
    for (const { state, ...box } of layout.states) {
      const inside = layout.states.filter(
        (placed) => placed.state !== state && isWithin(placed.state.path, state.path),
      );
      expect(
        inside.filter((placed) => outside(placed, box)).map(({ state: { id } }) => id),
      ).toEqual([]);
    }
  });

  test('draws every state, and every transition as an arrow or a row', () => {
    expect(layout.states.map(({ state }) => state.id).sort()).toEqual(
      statesOf(plan.root)
        .map(({ id }) => id)
        .sort(),
    );
    const drawn = [...plan.edges.flatMap(({ ways }) => ways), ...[...plan.rows.values()].flat()];
    const all = statesOf(plan.root).flatMap(({ transitions }) => transitions);
    expect(drawn.map(({ transition }) => transition.name).sort()).toEqual(
      all.map(({ name }) => name).sort(),
    );
    expect(layout.edges.flatMap(({ label }) => label ?? [])).toHaveLength(plan.edges.length);
  });

  test('has letters of at least 11 pixels where the picture is shown 830 pixels wide', () => {
    const smallest = Math.min(...Object.values(faces).map(({ size }) => size));
    expect(smallest * Math.min(1, 830 / layout.width)).toBeGreaterThanOrEqual(11);
  });
});

describe('machineToSvg()', async () => {
  const svg = await machineToSvg(smallMachine);
  const { document } = new JSDOM(svg, { contentType: 'image/svg+xml' }).window;

  test('draws the same at each run', async () => {
    expect(await machineToSvg(smallMachine)).toBe(svg);
  });

  test('is XML, with title and description for who cannot see it', () => {
    expect(document.querySelector('title')?.textContent).toBe('Statechart small');
    expect(document.querySelector('desc')?.textContent).toBe(
      'Small & complete. a-b to both on job done. a-b to both on always [ready]. a-b to failed on job failed. ' +
        'a-b to end on after 100. both to end on all done [isWell least]. both to a-b on all done [else]. ' +
        'both.left.x to both.left.y on GO [isQuick].',
    );
    expect(document.documentElement.getAttribute('aria-labelledby')).toBe('title desc');
  });

  test('writes guards in brackets, what stays as rows, and failures in a colour of their own', () => {
    const textsOf = (kind: string) =>
      [...document.querySelectorAll(`text.${kind}`)].map(({ textContent }) => textContent);
    expect(textsOf('label')).toEqual(
      expect.arrayContaining(['always [ready]', 'NOTE / write', 'GO [else] / wait', 'STOP → end']),
    );
    expect(textsOf('failure')).toEqual(['job failed']);
    expect(document.querySelectorAll('path.edge.bad')).toHaveLength(1);
    expect(textsOf('title')).toEqual([
      'small',
      'a-b',
      'both',
      'left',
      'x',
      'y',
      'right',
      'end',
      'failed',
    ]);
  });

  test('has a second border for each final state, a dot where it begins, and dashes round regions', () => {
    expect(document.querySelectorAll('.hollow')).toHaveLength(3);
    expect(document.querySelectorAll('circle.dot')).toHaveLength(2);
    expect(document.querySelectorAll('.region')).toHaveLength(2);
  });

  test('refers to nothing outside itself', () => {
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(
      /https?:|href|url\(|@import|<script/,
    );
  });
});

describe('loadElk()', () => {
  test('says what to install where elkjs is not there', async () => {
    const missing = () => Promise.reject(new Error('Cannot find package'));
    await expect(loadElk(missing)).rejects.toMatchObject({
      name: 'DiagramError',
      code: 'LAYOUT_UNAVAILABLE',
      message: expect.stringContaining('npm install elkjs@0.12'),
    });
  });
});

/** Relative luminance and contrast, as WCAG 2.2 defines them. */
function luminance(colour: string): number {
  const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);
  const [red = 0, green = 0, blue = 0] = parts.map((part) =>
    part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
}

describe.each([
  ['light', light],
  ['dark', dark],
] as const)('the %s scheme', (_, palette: Palette) => {
  const { page, outer, inner, leaf, leafOfFailure, text, note, failure, line, chips, heat } =
    palette;
  const grounds = [page, outer, inner, leaf, leafOfFailure];

  test('has a contrast of 4.5 for every text', () => {
    for (const ground of grounds) {
      for (const ink of [text, note, failure]) {
        expect(contrast(ink, ground), `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5);
      }
    }
    for (const [ground, ink] of chips)
      expect(contrast(ink, ground), ground).toBeGreaterThanOrEqual(4.5);
  });

  test('has a contrast of 3 for every line', () => {
    for (const ground of [outer, inner]) {
      for (const ink of [line, failure, ...heat]) {
        expect(contrast(ink, ground), `${ink} on ${ground}`).toBeGreaterThanOrEqual(3);
      }
    }
  });
});
