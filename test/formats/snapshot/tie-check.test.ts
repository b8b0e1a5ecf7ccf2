import { expect, test } from 'vitest';
import { FormatError } from '../../../src/core/errors.ts';
import { tiedKeysMax } from '../../../src/core/limits.ts';
import { TieCheck } from '../../../src/formats/snapshot/tie-check.ts';

const keyOf = (n: number): Uint8Array => Uint8Array.of(n, n >> 8, n >> 16);

test('TieCheck tells apart so many keys of one hash, and no more', () => {
  const ties = new TieCheck('public:t');
  ties.passed(7);
  for (let n = 1; n < tiedKeysMax; n++) ties.check(7, keyOf(n), () => keyOf(0));
  expect(() => ties.check(7, keyOf(3), () => keyOf(0))).toThrow('comes twice');
  const beyond = () => ties.check(7, keyOf(tiedKeysMax), () => keyOf(0));
  expect(beyond).toThrow(FormatError);
  expect(beyond).toThrow(`more than ${tiedKeysMax} keys of public:t have one hash`);
  // The next hash begins anew.
  ties.passed(8);
  ties.check(8, keyOf(1), () => keyOf(0));
  expect(() => ties.check(7, keyOf(9), () => keyOf(1))).toThrow('out of hash order');
});
