import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { importsOf, sourcesIn, textOf } from './sources.ts';

/** Sources that a folder may hold, and files that its longest chain of imports may have. */
const sourcesMax = 25;
const chainMax = 6;

/** What a source imports of its own folder at run time: types are not there then. */
function neighboursOf(source: string, text: string): string[] {
  const values = text.replaceAll(/^(?:import|export) type [^;]*;/gm, '');
  return importsOf(values)
    .filter((specifier) => specifier.startsWith('./'))
    .map((specifier) => normalize(join(dirname(source), specifier)))
    .filter((target) => dirname(target) === dirname(source));
}

/** The longest chain of imports that begins with each source; the sources have no circle. */
function longestChains(texts: ReadonlyMap<string, string>): Map<string, readonly string[]> {
  const chains = new Map<string, readonly string[]>();
  const chainOf = (source: string): readonly string[] => {
    const known = chains.get(source);
    if (known !== undefined) return known;
    const next = neighboursOf(source, texts.get(source) ?? '').map(chainOf);
    const longest = next.reduce<readonly string[]>((a, b) => (b.length > a.length ? b : a), []);
    const chain = [source, ...longest];
    chains.set(source, chain);
    return chain;
  };
  for (const source of texts.keys()) chainOf(source);
  return chains;
}

const sources = [...sourcesIn('src'), ...sourcesIn('machines')];

test(`no folder has more than ${sourcesMax} sources of its own`, () => {
  const counts = new Map<string, number>();
  for (const source of sources) {
    counts.set(dirname(source), (counts.get(dirname(source)) ?? 0) + 1);
  }
  expect([...counts].filter(([, count]) => count > sourcesMax)).toEqual([]);
  expect(counts.size).toBeGreaterThan(30);
});

test(`no chain of imports within a folder has more than ${chainMax} sources`, () => {
  const texts = new Map(sources.map((source) => [source, textOf(source)]));
  const long = [...longestChains(texts).values()].filter(({ length }) => length > chainMax);
  expect(long).toEqual([]);
});

test('a chain is found through what is exported again, and not through types or other folders', () => {
  const texts = new Map([
    ['src/a/one.ts', "import { x } from './two.ts';\nimport { y } from '../b/five.ts';"],
    ['src/a/two.ts', "export { x } from './three.ts';\nimport type { z } from './four.ts';"],
    ['src/a/three.ts', ''],
    ['src/a/four.ts', "import './one.ts';"],
  ]);
  expect(longestChains(texts).get('src/a/one.ts')).toEqual([
    'src/a/one.ts',
    'src/a/two.ts',
    'src/a/three.ts',
  ]);
});
