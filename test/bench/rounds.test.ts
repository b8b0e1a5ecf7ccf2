import { expect, test } from 'vitest';
import { interleave, lineOf, type Measure } from './rounds.ts';

const names = { name: 'bench', case: 'case' };

/** A contender that says when it was its turn, and measures what it is told. */
function contender(name: string, turns: string[], measures: readonly Measure[]) {
  let asked = 0;
  return {
    name,
    measure: async () => {
      turns.push(name);
      return measures[asked++] ?? { ms: 1 };
    },
  };
}

test('interleave() lets everyone take a turn in each round, another one first each time', async () => {
  const turns: string[] = [];
  const contenders = ['a', 'b', 'c'].map((name) => contender(name, turns, []));
  await interleave(contenders, 3);
  expect(turns.join('')).toBe('abcbcacab');
});

test('interleave() takes a measure that does not count again, and keeps the reason', async () => {
  const turns: string[] = [];
  const slow = contender('slow', turns, [{ ms: 9, discarded: 'waited' }, { ms: 2 }]);
  const { rounds, discarded } = await interleave([slow], 1);
  expect(rounds.map((round) => round.get('slow'))).toEqual([{ ms: 2 }]);
  expect(discarded.get('slow')).toEqual(['waited']);
});

test('interleave() gives a round up whose measures never count', async () => {
  const measures = Array.from({ length: 10 }, () => ({ ms: 9, discarded: 'waited' }));
  const rounds = await interleave([contender('slow', [], measures)], 1);
  expect(lineOf(rounds, { ...names, of: 'slow' })).toEqual({
    ...names,
    skipped: 'no round counts: waited',
  });
});

test('lineOf() takes the ratio in each round, and their median', async () => {
  const ours = contender('ours', [], [{ ms: 10 }, { ms: 40 }, { ms: 33 }]);
  const floor = contender('floor', [], [{ ms: 5 }, { ms: 10 }, { ms: 11 }]);
  const rounds = await interleave([ours, floor], 3);
  expect(lineOf(rounds, { ...names, of: 'ours', over: 'floor', bound: 3.5 })).toMatchObject({
    median: 33,
    min: 10,
    ratio: 3,
    ratioMin: 2,
    bound: 3.5,
  });
});
