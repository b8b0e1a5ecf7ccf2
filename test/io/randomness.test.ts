import { expect, test } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { realRandomness } from '../../src/io/randomness.ts';

test('realRandomness.bytes() gives as many bytes as asked, other ones each time', () => {
  const texts = new Set(Array.from({ length: 100 }, () => toHex(realRandomness.bytes(16))));
  expect(texts.size).toBe(100);
  expect([...texts].every((text) => text.length === 32)).toBe(true);
  expect(realRandomness.bytes(0)).toEqual(new Uint8Array());
});
