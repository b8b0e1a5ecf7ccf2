import { expect, test } from 'vitest';
import { foundInParts } from './broken/found-in-parts.ts';
import { foundInState } from './broken/found-in-state.ts';
import { failingTests } from './broken/run-contract.ts';

/** True for a test that was drawn from a chart: there are hundreds. */
const isWay = (name: string): boolean => name.includes(' = ');

const ruleOf = (name: string): string => /^[a-z ]+ ([A-Z]\d+): /.exec(name)?.[1] ?? name;

test.each(Object.entries({ ...foundInState, ...foundInParts }))(
  'the contracts find %s, and by the rules that it breaks',
  async (_name, { register, rules, tests }) => {
    const failing = await failingTests(register);
    expect(failing.filter((name) => !isWay(name))).toEqual(tests);
    expect([...new Set(failing.map(ruleOf))].toSorted()).toEqual(rules);
  },
);
