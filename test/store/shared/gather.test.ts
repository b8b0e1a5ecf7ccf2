import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { toUtf8 } from '../../../src/core/bytes.ts';
import { FormatError } from '../../../src/core/errors.ts';
import { seqno } from '../../../src/core/words.ts';
import type { MapWrites } from '../../../src/formats/entries/write-set.ts';
import { kernelBytes } from '../../../src/store/kernels/gather-kernel.ts';
import { BodyGather } from '../../../src/store/shared/gather.ts';
import { openShared } from '../../../src/store/shared/shared-descriptor.ts';
import { SharedStore } from '../../../src/store/shared/shared-store.ts';
import { gatheredMaps, MemoryPool } from '../../helpers/make-shared-store.ts';

const pool = new MemoryPool();
afterEach(() => pool.reset());

/** Records of many sizes, one of which is larger than a page. */
const transaction = (count: number, salt: number): MapWrites => ({
  name: 'public:t',
  writes: [
    ...Array.from({ length: count }, (_, i) => ({
      key: toUtf8(`key ${i}`),
      value: new Uint8Array((i * 7 + salt) % 300).fill(i),
    })),
    { key: toUtf8('large'), value: new Uint8Array(150_000).fill(salt) },
  ],
  removes: [],
});

function storeOf(memoryBytesMax: number): SharedStore {
  const options = { createMemory: pool.createMemory, memoryBytesMax };
  const store = new SharedStore(seqno(0), [], options);
  store.apply(seqno(1), [transaction(5000, 0)]);
  return store;
}

test('kernelBytes() is a small module', () => {
  expect(kernelBytes().length).toBeLessThan(400);
});

test.each([2 ** 18, 2 ** 30])('BodyGather by a kernel is that without, memories of %i', (bytes) => {
  const frozen = storeOf(bytes).freeze();
  const fast = gatheredMaps(openShared(frozen.share()), [65_536]);
  const slow = gatheredMaps(openShared({ ...frozen.share(), stage: undefined }), [65_536]);
  expect(
    Buffer.compare(fast.get('public:t') ?? toUtf8(''), slow.get('public:t') ?? toUtf8('x')),
  ).toBe(0);
});

test('BodyGather goes on in shared memory and out of it, and tells its length before', () => {
  const frozen = storeOf(2 ** 30).freeze();
  const state = openShared(frozen.share());
  const index = state.tables[0]?.live;
  if (index === undefined) throw new Error('no table');
  const whole = new Uint8Array(index.bodyBytes + 1);
  expect(new BodyGather(state, index).fill(whole)).toBe(index.bodyBytes);
  const gather = new BodyGather(state, index);
  const shared = new Uint8Array(new SharedArrayBuffer(index.bodyBytes));
  const half = index.bodyBytes >>> 1;
  expect(gather.fill(shared.subarray(0, half))).toBe(half);
  expect(gather.fill(shared.subarray(half))).toBe(index.bodyBytes - half);
  expect([gather.fill(new Uint8Array(9)), gather.fill(new Uint8Array(0))]).toEqual([0, 0]);
  expect(Buffer.compare(shared, whole.subarray(0, index.bodyBytes))).toBe(0);
});

test('BodyGathers of one state may take turns', () => {
  const store = storeOf(2 ** 30);
  store.apply(seqno(2), [{ ...transaction(3000, 5), name: 'other' }]);
  const frozen = store.freeze();
  const state = openShared(frozen.share());
  const wanted = gatheredMaps(state, [65_536]);
  const gathers = state.tables.map(({ live }) => ({
    gather: new BodyGather(state, live),
    out: Buffer.alloc(live.bodyBytes),
    to: 0,
  }));
  for (let isMore = true; isMore; ) {
    isMore = false;
    for (const each of gathers) {
      const filled = each.gather.fill(each.out.subarray(each.to, each.to + 1001));
      each.to += filled;
      isMore ||= filled > 0;
    }
  }
  const tails = [...wanted.values()].map((map, i) => map.subarray(-(gathers[i]?.out.length ?? 0)));
  expect(gathers.map(({ out }, i) => out.compare(tails[i] ?? out))).toEqual([0, 0]);
});

test('openShared() refuses numbers that are not of its tables', () => {
  const descriptor = storeOf(2 ** 30)
    .freeze()
    .share();
  expect(() => openShared({ ...descriptor, names: [] })).toThrow(FormatError);
});

test('a worker thread gathers what was frozen, while the store goes on and its memories grow', async () => {
  const store = storeOf(2 ** 22);
  const frozen = store.freeze();
  const wanted = gatheredMaps(openShared(frozen.share()), [65_536]);
  // As it is built: a thread can't run the sources.
  const worker = new Worker(join(process.cwd(), 'dist/test/store/fixtures/gather-worker.js'));
  try {
    for (let round = 0; round < 10; round++) {
      worker.postMessage(frozen.share());
      const answer = once(worker, 'message');
      for (let i = 0; i < 5; i++) {
        store.apply(seqno(store.seqno + 1), [transaction(5000, store.seqno)]);
        store.compact(store.seqno);
      }
      const [gathered] = (await answer) as [Map<string, Uint8Array>];
      expect(
        Buffer.compare(
          gathered.get('public:t') ?? toUtf8(''),
          wanted.get('public:t') ?? toUtf8('x'),
        ),
      ).toBe(0);
    }
  } finally {
    await worker.terminate();
  }
  frozen.release();
});
