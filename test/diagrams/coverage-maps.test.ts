import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { JSDOM } from 'jsdom';
import { describe, expect, test } from 'vitest';
import { type DrawnMachine, drawnMachines } from '../../src/cli/commands/drawn-machines.ts';
import { chartOf, statesOf } from '../../src/diagrams/chart.ts';
import { machineToSvg } from '../../src/diagrams/svg.ts';
import type { PathCounts } from '../../src/diagrams/svg-text.ts';
import { Coverage } from '../../src/testing/graph/coverage.ts';
import { projectRoot, textOf } from '../architecture/sources.ts';
import { coverageMap, coverageMapNames } from '../tools/coverage-maps.ts';
import { uncounted } from '../tools/path-counts.ts';

const fileOf = (name: string) => textOf(`visualizations/coverage/${name}.svg`);

/** The numbers that stand in a map, by state and transition. */
function countsIn(svg: string, machine: DrawnMachine['machine']): PathCounts {
  const { document } = new JSDOM(svg, { contentType: 'image/svg+xml' }).window;
  const ids = new Set(statesOf(chartOf(machine)).map(({ id }) => id));
  const all = [...document.querySelectorAll('[data-of]')].map((chip): [string, number] => [
    chip.getAttribute('data-of') ?? '',
    Number(chip.textContent?.replaceAll(',', '')),
  ]);
  return {
    states: new Map(all.filter(([of]) => ids.has(of))),
    transitions: new Map(all.filter(([of]) => !ids.has(of))),
  };
}

test('visualizations/coverage has a map of each machine, and no other file', () => {
  expect(readdirSync(join(projectRoot, 'visualizations/coverage')).sort()).toEqual(
    coverageMapNames.map((name) => `${name}.svg`).sort(),
  );
});

// Counting anew takes seconds for these, and some twenty for each of the other two.
test.each(['ordered-tasks', 'recovery', 'writer'] as const)(
  'the map of %s is fresh, its paths counted anew: npm run diagrams draws it',
  async (name) => {
    expect(fileOf(name)).toBe(await coverageMap(name));
  },
);

describe.each(Object.entries<DrawnMachine>(drawnMachines))('the map of %s', (name, drawn) => {
  const { machine, ...options } = drawn;
  const counts = countsIn(fileOf(name), machine);

  test('has a path through every state and transition', () => {
    expect(uncounted(machine, counts)).toEqual([]);
  });

  test('is what its own numbers give on the chart as it is', async () => {
    expect(await machineToSvg(machine, { ...options, counts })).toBe(fileOf(name));
  });

  test('names transitions as their definition coverage does', () => {
    const names = statesOf(chartOf(machine)).flatMap(({ transitions }) => transitions);
    expect(new Coverage().missing(machine)).toEqual(names.map((transition) => transition.name));
  });
});

test('uncounted() names what no path runs through', () => {
  const { machine } = drawnMachines.recovery;
  const counts = countsIn(fileOf('recovery'), machine);
  const transitions = new Map(counts.transitions);
  transitions.delete('recovery.choosing on always [1]');
  const states = new Map(counts.states).set('recovery.checking', 0);
  expect(uncounted(machine, { states, transitions })).toEqual([
    'recovery.checking',
    'recovery.choosing on always [1]',
  ]);
});
