import { join } from 'node:path';
import {
  createProgram,
  displayPartsToString,
  type Symbol as Exported,
  SymbolFlags,
  type TypeChecker,
} from 'typescript';
import { beforeAll, describe, expect, test } from 'vitest';
import { projectRoot, sourcesIn, textOf } from './sources.ts';

/** What users import, by its name in package.json, and the source behind it. */
const entryPoints: Readonly<Record<string, string>> = {
  '.': 'src/index.ts',
  './formats': 'src/host-formats.ts',
  './receipts': 'src/receipts/entry.ts',
  './testing': 'src/testing/kit.ts',
  './testing/contracts': 'src/testing/host-contracts.ts',
  ...Object.fromEntries(
    sourcesIn('machines').map((source) => [`./${source.replace(/\.ts$/, '')}`, source]),
  ),
};

let checker: TypeChecker;
let exportsOf: (source: string) => readonly Exported[];

beforeAll(() => {
  const files = Object.values(entryPoints).map((source) => join(projectRoot, source));
  const program = createProgram(files, {
    ...{ noEmit: true, skipLibCheck: true, types: [], allowImportingTsExtensions: true },
  });
  checker = program.getTypeChecker();
  exportsOf = (source) => {
    const file = program.getSourceFile(join(projectRoot, source));
    const module = file && checker.getSymbolAtLocation(file);
    return module ? checker.getExportsOfModule(module) : [];
  };
}, 300_000);

/** What an export stands for: `export { x } from` is only another name of it. */
function resolved(symbol: Exported): Exported {
  return symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

const docOf = (symbol: Exported): string =>
  displayPartsToString(resolved(symbol).getDocumentationComment(checker));

test('the entry points of package.json are those that are looked at', () => {
  const { exports } = JSON.parse(textOf('package.json')) as { exports: object };
  const named = Object.keys(exports).filter((name) => name !== './package.json');
  const groups = Object.keys(entryPoints).map((name) =>
    name.replace(/^\.\/machines\/.*/, './machines/*'),
  );
  expect([...new Set(groups)].sort()).toEqual(named.sort());
});

describe.each(Object.entries(entryPoints))('%s', (_, source) => {
  test('says of each of its exports what it is', () => {
    const all = exportsOf(source);
    expect(all.length).toBeGreaterThan(0);
    expect(all.filter((symbol) => docOf(symbol) === '').map(({ name }) => name)).toEqual([]);
  });
});
