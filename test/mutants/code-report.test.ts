import { describe, expect, test } from 'vitest';
import {
  codeMutantsOf,
  faultsOfCode,
  type JudgedFile,
  type StrykerMutant,
  survivorsOf,
  tableOfCode,
} from './code-report.ts';

const source = ['if (a < 1) {', '  go(', '  );', '}', 'if (a < 1) stop();'].join('\n');

function mutant(
  at: readonly [number, number, number, number],
  replacement: string,
  status = 'Killed',
): StrykerMutant {
  const [line, column, endLine, endColumn] = at;
  const location = { start: { line, column }, end: { line: endLine, column: endColumn } };
  return { location, replacement, status };
}

function judged(statuses: readonly string[], equivalents: JudgedFile['equivalents'] = {}) {
  const mutants = statuses.map((status, i) => mutant([1, 5, 1, 10], `${i}`, status));
  return { file: 'a.ts', mutants: codeMutantsOf({ source, mutants }), equivalents };
}

describe('codeMutantsOf()', () => {
  test('codeMutantsOf() names a mutant by the text of its line, what goes and what comes', () => {
    const mutants = [mutant([1, 5, 1, 10], 'true'), mutant([1, 12, 4, 2], '{}', 'Timeout')];
    expect(codeMutantsOf({ source, mutants })).toEqual([
      { name: 'if (a < 1) {: a < 1 → true', line: 1, status: 'killed' },
      { name: 'if (a < 1) {: { go( ); } → {}', line: 1, status: 'timeout' },
    ]);
  });

  test('codeMutantsOf() counts mutants of one name', () => {
    const twice = [mutant([5, 5, 5, 10], 'true'), mutant([5, 5, 5, 10], 'true')];
    expect(codeMutantsOf({ source, mutants: twice }).map(({ name }) => name)).toEqual([
      'if (a < 1) stop();: a < 1 → true',
      'if (a < 1) stop();: a < 1 → true (2)',
    ]);
  });

  test.each([
    ['Killed', 'killed'],
    ['RuntimeError', 'killed'],
    ['Timeout', 'timeout'],
    ['Survived', 'survived'],
    ['NoCoverage', 'survived'],
    ['Ignored', 'survived'],
    ['CompileError', 'survived'],
  ])('codeMutantsOf() takes %s for %s', (status, expected) => {
    expect(judged([status]).mutants[0]?.status).toBe(expected);
  });
});

describe('faultsOfCode()', () => {
  const name = 'if (a < 1) {: a < 1 → 0';
  const many = (status: string) => [status, ...Array<string>(99).fill('Killed')];

  test('faultsOfCode() finds none where the bound is kept', () => {
    expect(faultsOfCode([judged(many('Survived'))], 99)).toEqual([]);
    expect(faultsOfCode([judged(many('Survived'), { [name]: 'proof' })], 100)).toEqual([]);
  });

  test('faultsOfCode() says how far a group is below its bound', () => {
    expect(faultsOfCode([judged(many('Survived'))], 100)).toEqual([
      '99.00 of 100 are noticed, must be 100',
    ]);
  });

  test('faultsOfCode() refuses an equivalent that is noticed, and one that names no mutant', () => {
    expect(faultsOfCode([judged(many('Timeout'), { [name]: 'proof' })], 100)).toEqual([
      `is no equivalent, timeout: a.ts: ${name}`,
    ]);
    expect(faultsOfCode([judged(many('Killed'), { other: 'proof' })], 100)).toEqual([
      'names no mutant: a.ts: other',
    ]);
  });

  test('faultsOfCode() refuses more equivalents than three in a hundred, and no mutants', () => {
    expect(faultsOfCode([judged(['Survived'], { [name]: 'proof' })], 100)).toEqual([
      '1 of 1 are called equivalent',
    ]);
    expect(faultsOfCode([], 100)).toEqual(['no mutant was judged']);
  });
});

test('survivorsOf() gives file, line and name of what is not proven', () => {
  const name = 'if (a < 1) {: a < 1 → 0';
  expect(survivorsOf([judged(['Survived'])])).toEqual([`a.ts:1 ${name}`]);
  expect(survivorsOf([judged(['Survived', 'Killed'], { [name]: 'proof' })])).toEqual([]);
});

test('tableOfCode() has a row a file and one for a group of several', () => {
  const file = judged(['Survived', 'Killed', 'Timeout', 'Killed']);
  expect(tableOfCode({ parsers: [file, file] }).split('\n')).toEqual([
    'group    file  mutants  killed  timeout  survived  equivalent  score',
    'parsers  a.ts        4       2        1         1           0  75.00',
    'parsers  a.ts        4       2        1         1           0  75.00',
    'parsers   all        8       4        2         2           0  75.00',
  ]);
});
