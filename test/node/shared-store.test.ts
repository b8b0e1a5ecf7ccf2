import { expect, test } from 'vitest';
import { fromUtf8 } from '../../src/core/bytes.ts';
import { seqno } from '../../src/core/words.ts';
import { adoptSharedStore, type OpenStore } from '../../src/jobs/open-stores.ts';
import type { NodeOptions } from '../../src/node/node-options.ts';
import { VersionedStore } from '../../src/store/heap/versioned-store.ts';
import { SharedStore } from '../../src/store/shared/shared-store.ts';
import type { Transaction } from '../../src/store/transaction.ts';
import {
  codeOf,
  makeNodeKeyFiles,
  NodeHost,
  put,
  putMany,
  read,
  takeSnapshot,
  untilIdle,
} from '../helpers/node-host.ts';

const keys = makeNodeKeyFiles();

const shared: OpenStore = (seqno, tables) => new SharedStore(seqno, tables.values());
const versioned: OpenStore = (seqno, tables) => new VersionedStore(seqno, tables);

const stores: readonly (readonly [string, OpenStore])[] = [
  ['a VersionedStore', versioned],
  ['a SharedStore', shared],
];

/** What keeps its state in shared memory starts from what was loaded there. */
const over = (openStore: OpenStore): Partial<NodeOptions> => ({
  environment: { openStore, adoptStore: openStore === shared ? adoptSharedStore : undefined },
});

/** Something that a body waits for. */
function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

const texts = (entries: Iterable<readonly [Uint8Array, Uint8Array]>) =>
  [...entries].map((pair) => pair.map((bytes) => fromUtf8(bytes)).join('=')).sort();

test.each(stores)(
  'a body over %s sees the state that it began with, however long it waits',
  async (_, store) => {
    const node = await (await NodeHost.make(keys)).start(over(store));
    await put(node, 'a', '1');
    await put(node, 'b', '1');
    const { passed, open } = gate();
    const seen: string[][] = [];
    const running = node.transaction(async (tx: Transaction) => {
      const walk = tx.entries('records');
      const first = [...texts([walk.next().value ?? []] as [[Uint8Array, Uint8Array]])];
      if (seen.length === 0) await passed;
      const b = tx.get('records', 'b');
      seen.push([...first, ...texts(walk)].sort().concat(`b is ${b && fromUtf8(b)}`));
      tx.put('records', 'sum', 'done');
    });
    await put(node, 'b', '2');
    await putMany(node, 300);
    open();
    await running;
    expect(seen[0]).toEqual(['a=1', 'b=1', 'b is 1']);
    // What it had walked has changed: its second run sees that.
    expect(seen[1]?.at(-1)).toBe('b is 2');
    expect(seen.length).toBe(2);
  },
);

test.each(stores)(
  'a body over %s that read what a rollback took is run again',
  async (_, store) => {
    const node = await (await NodeHost.make(keys)).start(over(store));
    await put(node, 'a', '1');
    const { passed, open } = gate();
    const before = node.status.seqno;
    await node.transaction((tx) => tx.put('records', 'a', 'gone'), { until: 'applied' });
    const seen: (string | undefined)[] = [];
    const running = node.transaction(async (tx) => {
      const value = tx.get('records', 'a');
      seen.push(value && fromUtf8(value));
      if (seen.length === 1) await passed;
      tx.put('records', 'copy', value ?? '');
    });
    await node.rollback(seqno(before));
    await node.transaction((tx) => tx.put('records', 'a', 'in its place'), { until: 'applied' });
    open();
    await running;
    expect(seen).toEqual(['gone', 'in its place']);
    expect(read(node, 'copy')).toBe('in its place');
  },
);

test.each(stores)(
  'a node over %s takes snapshots that replay makes byte for byte, and starts from them',
  async (_, store) => {
    const host = await NodeHost.make(keys);
    const first = await host.open({
      snapshotTxInterval: 40,
      signatureTxInterval: 10,
      ...over(store),
    });
    for (let round = 0; round < 2; round++) {
      await putMany(first, 30, `round ${round} key`);
      await first.transaction((tx) => {
        tx.remove('records', 'round 0 key 1');
        tx.put('public:shown', `${round}`, 'x'.repeat(round * 1000));
        tx.put('public:large', 'one', new Uint8Array(100_000).fill(round));
      });
      await untilIdle(first);
    }
    await takeSnapshot(first);
    const last = first.status.seqno;
    await first.close();
    const { snapshots } = await host.expectReplaysWhole(last);
    expect(snapshots.length).toBeGreaterThan(1);
    const second = await host.start(over(store));
    expect(second.recovered.snapshot).toBeDefined();
    expect([read(second, 'round 1 key 7'), read(second, 'round 0 key 1')]).toEqual([
      expect.any(String),
      undefined,
    ]);
  },
);

test('a node whose store is out of memory refuses the transaction, and goes on', async () => {
  const little: OpenStore = (seqno, tables) =>
    new SharedStore(seqno, tables.values(), { memoryBytesMax: 2 ** 21, memoriesMax: 2 });
  const host = await NodeHost.make(keys);
  const node = await host.start(over(little));
  await put(node, 'a', '1');
  const before = node.status;
  const large = node.transaction((tx) => {
    for (let i = 0; i < 6; i++) tx.put('records', `large ${i}`, new Uint8Array(900_000));
  });
  expect(await codeOf(large)).toBe('OUT_OF_MEMORY');
  expect(node.status).toEqual(before);
  await put(node, 'a', '2');
  expect(read(node, 'a')).toBe('2');
  await node.sign();
});
