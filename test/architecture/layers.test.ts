import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { layers } from './layers.ts';
import { importsOf, sourcesIn, textOf } from './sources.ts';

const sources = ['src', 'machines', 'visualizations', 'test'].flatMap(sourcesIn);

/** The folder of the table that a path belongs to: the longest that begins it. */
function layerOf(path: string): string | undefined {
  return Object.keys(layers)
    .filter((folder) => path === folder || path.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length)[0];
}

/** Whether an entry of the table allows a layer; `src/formats/*` is that folder and every room in it. */
function covers(row: string, layer: string): boolean {
  if (row === '*' || row === layer) return true;
  return row.endsWith('/*') && `${layer}/`.startsWith(row.slice(0, -1));
}

/** Imports of ours that the table does not allow. */
function upwardImports(source: string, text: string): string[] {
  const own = layerOf(source) ?? '';
  const allowed = layers[own] ?? [];
  return importsOf(text)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => normalize(join(dirname(source), specifier)))
    .filter((target) => {
      const layer = layerOf(target) ?? '';
      return layer !== own && !allowed.some((row) => covers(row, layer));
    });
}

test('every source belongs to a layer', () => {
  expect(sources.filter((source) => layerOf(source) === undefined)).toEqual([]);
});

test.each(sources)('%s imports downwards only', (source) => {
  expect(upwardImports(source, textOf(source))).toEqual([]);
});

test('an upward import is found', () => {
  const text = [
    "import { x } from '../../ledger/steering.ts';",
    "import type { y } from '../receipts/receipt-proof.ts';",
    "export * from '../../core/words.ts';",
  ].join('\n');
  expect(upwardImports('src/formats/entries/entry.ts', text)).toEqual([
    'src/ledger/steering.ts',
    'src/formats/receipts/receipt-proof.ts',
  ]);
  expect(upwardImports('machines/writer.ts', "await import('../src/io/clock.ts')")).toEqual([
    'src/io/clock.ts',
  ]);
});

test('ARCHITECTURE.md has the same table', () => {
  const rows = [...textOf('ARCHITECTURE.md').matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)];
  const table = rows.map(([, folder, list]) => [
    folder,
    list === 'nothing of ours' ? [] : list === 'everything' ? ['*'] : list?.split(' '),
  ]);
  expect(Object.fromEntries(table)).toEqual(layers);
});

describe('the outside world is behind src/io', () => {
  const outside = [...sourcesIn('src'), ...sourcesIn('machines')].filter(
    (source) => !source.startsWith('src/io/'),
  );
  const forbidden: Readonly<Record<string, RegExp>> = {
    'the file system': /'(?:node:)?fs(?:\/promises)?'/,
    'the clock': /\b(?:Date\.now|new Date\b|performance\.now|setTimeout|setInterval)\(|\bDate\(/,
    randomness: /\b(?:Math\.random|randomBytes|randomUUID|randomInt|getRandomValues|randomFill)/,
  };
  // A delay is a port too: `clock.setTimeout(` calls it, a method of that name implements it.
  const withoutPorts = (text: string) =>
    text.replaceAll(/\bclock\.(?:set|clear)Timeout\(|^ {2}(?:set|clear)Timeout\(/gm, '');

  test.each(Object.keys(forbidden))('%s', (what) => {
    const users = outside.filter((source) => forbidden[what]?.test(withoutPorts(textOf(source))));
    expect(users).toEqual([]);
  });
});

describe('machines', () => {
  test.each(sourcesIn('machines'))('%s imports only xstate and words', (source) => {
    const imported = importsOf(textOf(source)).filter(
      (specifier) => specifier !== 'xstate' && !/^\.\/|^\.\.\/src\/core\//.test(specifier),
    );
    expect(imported).toEqual([]);
  });
});

describe('cose-js', () => {
  test('is loaded by one module', () => {
    const users = sourcesIn('src').filter((source) =>
      importsOf(textOf(source)).includes('cose-js'),
    );
    expect(users).toEqual(['src/formats/signatures/cose-cross-check.ts']);
  });
});

describe('proofs', () => {
  test('are made where they are verified, and nowhere else', () => {
    const makers = [...sourcesIn('src'), ...sourcesIn('machines')].filter((source) =>
      /new (?:SignatureProof|InclusionProof)\(/.test(textOf(source)),
    );
    // A sample of a proof is what a gate is tried with; only tests and their generator import those.
    expect(makers).toEqual([
      'src/snapshotter/generation-work.ts',
      'src/testing/subjects/generation.ts',
    ]);
  });

  test('as samples reach no service: nothing but the kit and the test generator imports them', () => {
    const users = [...sourcesIn('src'), ...sourcesIn('machines')].filter((source) =>
      importsOf(textOf(source)).some((specifier) => /testing\/(?:subjects|kit)/.test(specifier)),
    );
    expect(users.every((source) => source.startsWith('src/cli/commands/testgen-'))).toBe(true);
  });
});

describe('src/receipts runs in a browser', () => {
  /** Every source that the entry reaches, and what it imports from elsewhere; types are not there at run time. */
  const reached = new Map<string, readonly string[]>();
  const waiting = ['src/receipts/entry.ts'];
  for (let source = waiting.pop(); source !== undefined; source = waiting.pop()) {
    if (reached.has(source)) continue;
    const text = textOf(source).replaceAll(/^(?:import|export) type [^;]*;|^ \*.*$/gm, '');
    const imported = importsOf(text);
    reached.set(
      source,
      imported.filter((specifier) => !specifier.startsWith('.')),
    );
    for (const specifier of imported.filter((name) => name.startsWith('.'))) {
      waiting.push(normalize(join(dirname(source), specifier)));
    }
  }

  test('and so reaches no module of Node, and no package but noble’s', () => {
    const packages = new Set([...reached.values()].flat());
    expect([...packages].filter((name) => !/^@noble\/(?:curves|hashes)\//.test(name))).toEqual([]);
    expect(reached.size).toBeGreaterThan(20);
  });

  test('and so uses nothing that only Node has', () => {
    const users = [...reached.keys()].filter((source) =>
      /\b(?:Buffer|process)\./.test(textOf(source)),
    );
    expect(users).toEqual([]);
  });

  test.each(sourcesIn('src/receipts'))('%s is reached', (source) => {
    expect(reached.has(source) || source === 'src/receipts/result.ts').toBe(true);
  });
});
