import { expect, test } from 'vitest';
import { project } from '../../src/inspect/projection.ts';

test('project() says of bytes how many there are and how they begin', () => {
  expect(project({ key: new Uint8Array([1, 2, 255]) })).toEqual({
    key: { bytes: 3, begin: '0102ff' },
  });
  expect(project(new ArrayBuffer(9))).toEqual({ bytes: 9, begin: '0000000000000000' });
});

test('project() turns what JSON has no word for into words', () => {
  class OddError extends Error {
    readonly code = 'ODD';
  }
  const value = {
    big: 12n,
    fn: function named() {},
    nan: Number.NaN,
    error: new OddError('why'),
    set: new Set([1]),
    map: new Map([['a', 1]]),
    date: new Date(0),
    promise: Promise.resolve(),
    missing: undefined,
    nothing: null,
    actor: { sessionId: 'x:3', send: () => {} },
  };
  expect(project(value)).toEqual({
    big: '12n',
    fn: '[function named]',
    nan: 'NaN',
    error: { name: 'Error', message: 'why', code: 'ODD' },
    set: [1],
    map: { a: 1 },
    date: '1970-01-01T00:00:00.000Z',
    promise: '[promise]',
    nothing: null,
    actor: '[actor x:3]',
  });
});

test('project() ends cycles, but shows the same object twice', () => {
  const shared = { a: 1 };
  const value: Record<string, unknown> = { one: shared, two: shared };
  value['self'] = value;
  expect(project(value)).toEqual({ one: { a: 1 }, two: { a: 1 }, self: '[cycle]' });
});

test('project() cuts what is deep, wide or long, and says so', () => {
  let deep: unknown = 'bottom';
  for (let i = 0; i < 20; i++) deep = { deep };
  expect(JSON.stringify(project(deep))).toContain('[…]');
  expect(project(Array.from({ length: 40 }, () => 0))).toHaveLength(33);
  expect(JSON.stringify(project('x'.repeat(1000)))).toContain('… (1000 characters)');
  const wide = Array.from({ length: 32 }, () => Array.from({ length: 32 }, () => [1, 2, 3]));
  expect(JSON.stringify(project(wide)).length).toBeLessThan(20_000);
});

test('project() never throws, and takes no key for a prototype', () => {
  const value = {
    get bad() {
      throw new Error('a getter of the host');
    },
  };
  expect(JSON.stringify(project({ value }))).toContain('unreadable');
  const odd = project(JSON.parse('{"__proto__":{"isAdmin":true}}'));
  expect(Object.getPrototypeOf(odd)).toBe(Object.prototype);
  expect(JSON.stringify(odd)).toBe('{"__proto__":{"isAdmin":true}}');
});
