import { expect, test } from 'vitest';
import { faultsOf, type Line, tableOf } from './campaign.ts';
import { switched } from './switched-source.ts';
import { targets } from './targets.ts';

const line = (mutant: string, check: string | undefined, equivalent?: string): Line => ({
  ...{ machine: 'door', mutant, check, equivalent },
  ...{ found: undefined, law: check === 'edges' ? check : undefined, ms: 1_500 },
});

const lines = [
  line('noticed', 'edges'),
  line('proven', undefined, 'nothing tells them apart'),
  line('overlooked', undefined),
  line('wrongly proven', 'golden', 'it was thought so'),
];

test('faultsOf() names what survives, and equivalents that are none', () => {
  const [target] = Object.values(targets);
  if (target === undefined) throw new Error('assertion failed: there is a target');
  const proofs = { proven: '', 'wrongly proven': '', gone: '', elsewhere: '' };
  const takes = (mutant: string) => mutant !== 'elsewhere';
  expect(faultsOf(lines, { ...target, takes, equivalents: proofs })).toEqual([
    'survives: overlooked',
    'is no equivalent, golden notices it: wrongly proven',
    'names no mutant: gone',
  ]);
});

test('tableOf() counts by the check that noticed first', () => {
  expect(tableOf(lines).split('\n')).toEqual([
    'machine  mutants  killed  by laws alone  equivalent  edges  golden  seconds',
    'door           4       2              1           2      1       1      6.0',
  ]);
});

const source = `
const limit = 3 < 4;
export const guards = {
  isOpen: ({ a, b }: { a: number; b?: number }) => b !== undefined && (a < b || !isShut(a)),
};
function isShut(a: number): boolean {
  return a === 1 && a === 1;
}
`;

test('switched() names every operand, comparison and negation in a function, and no other', () => {
  expect(switched('door', source, 0).names).toEqual([
    'door guards.isOpen: b === undefined',
    'door guards.isOpen: a <= b',
    'door guards.isOpen: a >= b',
    'door guards.isOpen: without ! in !isShut(a)',
    'door guards.isOpen: without a < b',
    'door guards.isOpen: without !isShut(a)',
    'door guards.isOpen: without b !== undefined',
    'door guards.isOpen: without (a < b || !isShut(a))',
    'door isShut: a !== 1',
    'door isShut: a !== 1 (2)',
    'door isShut: without a === 1',
    'door isShut: without a === 1 (2)',
  ]);
});

test('switched() puts each mutant beside the original, by its number', () => {
  const { text } = switched('door', 'export const isOpen = (a: number) => a < 3;', 7);
  expect(text).toContain('$active.mutant === 8 ? a >= 3 : ($active.mutant === 7 ? a <= 3 : a < 3)');
});
