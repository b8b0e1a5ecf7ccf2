import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { fromUtf8 } from '../../src/core/bytes.ts';
import { type Seqno, seqno } from '../../src/core/words.ts';
import type { LedgerNode } from '../../src/node/ledger-node.ts';
import type { Transaction } from '../../src/store/transaction.ts';
import {
  codeOf,
  makeNodeKeyFiles,
  NodeHost,
  put,
  putMany,
  read,
  turn,
} from '../helpers/node-host.ts';

const keys = makeNodeKeyFiles();

let host: NodeHost;
let node: LedgerNode;

beforeEach(async () => {
  host = await NodeHost.make(keys);
  node = await host.start();
});

/** Something that a body waits for. */
function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

test('LedgerNode.transaction() answers with what the body returned and its place in the ledger', async () => {
  const applied = await node.transaction((tx) => {
    tx.put('t', 'k', 'v');
    return { some: 'result' };
  });
  expect(applied).toEqual({ txId: { view: 2, seqno: 4 }, result: { some: 'result' } });
});

test('LedgerNode.transaction() reads its own writes', async () => {
  const { result } = await node.transaction((tx) => {
    tx.put('t', 'k', 'v');
    const written = tx.get('t', 'k');
    tx.remove('t', 'k');
    return [written && fromUtf8(written), tx.has('t', 'k')];
  });
  expect(result).toEqual(['v', false]);
});

test('LedgerNode.transaction() keeps private tables out of sight in the ledger, and public ones in it', async () => {
  await node.transaction((tx) => {
    tx.put('hidden', 'key', 'a secret value');
    tx.put('public:shown', 'key', 'an open value');
  });
  const entry = Buffer.from((await host.entries())[3]?.bytes ?? []);
  expect(entry.includes('an open value')).toBe(true);
  expect(entry.includes('a secret value')).toBe(false);
  expect(entry.includes('hidden')).toBe(false);
});

test('LedgerNode.transaction() whose body throws changes nothing, takes no seqno, and the node goes on', async () => {
  const failure = new Error('by the body');
  const running = node.transaction((tx) => {
    tx.put('records', 'key', 'value');
    throw failure;
  });
  await expect(running).rejects.toBe(failure);
  expect(read(node, 'key')).toBeUndefined();
  expect(await put(node, 'key', 'other')).toBe(4);
});

test('LedgerNode.transaction() whose async body rejects changes nothing, and the node goes on', async () => {
  const failure = new Error('by the body');
  const running = node.transaction(async (tx) => {
    tx.put('records', 'key', 'value');
    await turn();
    throw failure;
  });
  await expect(running).rejects.toBe(failure);
  expect(await put(node, 'key', 'other')).toBe(4);
});

test('LedgerNode.transaction() that writes nothing takes no seqno and names the last one', async () => {
  await put(node, 'key', 'value');
  const { txId, result } = await node.transaction((tx) => tx.has('records', 'key'));
  expect({ txId, result }).toEqual({ txId: { view: 2, seqno: 4 }, result: true });
  expect(node.status.seqno).toBe(4);
});

test('LedgerNode.transaction() runs an async body again when what it read has changed', async () => {
  const { passed, open } = gate();
  const seen: (string | undefined)[] = [];
  const running = node.transaction(async (tx) => {
    const value = tx.get('records', 'key');
    seen.push(value && fromUtf8(value));
    if (seen.length === 1) await passed;
    tx.put('records', 'copy', value ?? 'nothing');
  });
  await put(node, 'key', 'new');
  open();
  const { txId } = await running;
  expect(seen).toEqual([undefined, 'new']);
  expect(read(node, 'copy')).toBe('new');
  expect(txId.seqno).toBe(5);
});

test('LedgerNode.transaction() runs an async body once when others changed what it did not read', async () => {
  const { passed, open } = gate();
  let runs = 0;
  const running = node.transaction(async (tx) => {
    runs++;
    tx.get('records', 'mine');
    await passed;
    tx.put('records', 'mine', 'value');
  });
  await put(node, 'other', 'value');
  open();
  await running;
  expect(runs).toBe(1);
});

test('LedgerNode.transaction() gives up with CONFLICT after ten runs', async () => {
  let runs = 0;
  const running = node.transaction(async (tx) => {
    runs++;
    tx.get('records', 'contended');
    await put(node, 'contended', `run ${runs}`);
    tx.put('records', 'never', 'written');
  });
  expect(await codeOf(running)).toBe('CONFLICT');
  expect(runs).toBe(10);
  expect(read(node, 'never')).toBeUndefined();
});

test('LedgerNode.transaction() of ten that count one key up, with async bodies, loses none', async () => {
  const count = () =>
    node.transaction(async (tx) => {
      const value = Number(fromUtf8(tx.get('records', 'count') ?? new Uint8Array()) || '0');
      await turn();
      tx.put('records', 'count', String(value + 1));
    });
  await Promise.all(Array.from({ length: 10 }, count));
  expect(read(node, 'count')).toBe('10');
});

test.for(['applied', 'durable', 'committed'] as const)(
  'LedgerNode.transaction() until %s waits for that, and for no more',
  async (until) => {
    const hold = host.disk.holdNext('sync', { path: (path) => path.startsWith('/node/ledger/') });
    onTestFinished(() => hold.release());
    const told: string[] = [];
    const running = node
      .transaction((tx) => tx.put('t', 'k', 'v'), { until })
      .then(() => {
        told.push(until);
      });
    await hold.reached;
    await turn();
    const whileHeld = [...told];
    hold.release();
    await expect.poll(() => node.status.durable).toBe(4);
    await turn();
    const whenDurable = [...told];
    await node.sign();
    await running;
    expect(whileHeld).toEqual(until === 'applied' ? [until] : []);
    expect(whenDurable).toEqual(until === 'committed' ? [] : [until]);
  },
);

test('LedgerNode.transaction() that only reads waits for what it has read to be durable', async () => {
  const hold = host.disk.holdNext('sync', { path: (path) => path.startsWith('/node/ledger/') });
  onTestFinished(() => hold.release());
  await node.transaction((tx) => tx.put('records', 'key', 'value'), { until: 'applied' });
  let isTold = false;
  const reading = node
    .transaction((tx) => tx.has('records', 'key'))
    .then(() => {
      isTold = true;
    });
  await hold.reached;
  await turn();
  expect(isTold).toBe(false);
  hold.release();
  await reading;
});

test('LedgerNode.transaction() ends what the body was given: a leaked one cannot write later', async () => {
  const leaked: Transaction[] = [];
  await node.transaction((tx) => {
    leaked.push(tx);
    tx.put('t', 'k', 'v');
  });
  const [tx] = leaked;
  expect(() => tx?.put('t', 'k', 'late')).toThrow('has ended');
  expect(() => tx?.get('t', 'k')).toThrow('has ended');
  expect(node.status.seqno).toBe(4);
});

test('LedgerNode.transaction() ends each run of an async body', async () => {
  const leaked: Transaction[] = [];
  const running = node.transaction(async (tx) => {
    leaked.push(tx);
    tx.get('records', 'key');
    if (leaked.length === 1) await put(node, 'key', 'changed');
    tx.put('records', 'copy', 'value');
  });
  await running;
  expect(leaked.length).toBe(2);
  for (const tx of leaked) expect(() => tx.put('t', 'k', 'late')).toThrow('has ended');
});

test('LedgerNode.transaction() from inside a body comes behind it', async () => {
  const inner: Promise<Seqno>[] = [];
  const outer = await node.transaction((tx) => {
    inner.push(put(node, 'inner', 'value'));
    tx.put('records', 'outer', 'value');
  });
  expect(outer.txId.seqno).toBe(4);
  expect(await Promise.all(inner)).toEqual([5]);
});

test('LedgerNode.transaction() from inside an async body that awaits it comes before it', async () => {
  const { txId, result } = await node.transaction(async (tx) => {
    const before = await put(node, 'inner', 'value');
    tx.put('records', 'outer', 'value');
    return before;
  });
  expect([result, txId.seqno]).toEqual([4, 5]);
});

test('LedgerNode.transaction() of 10,000 at once keeps their order, and the event loop turns meanwhile', async () => {
  let turns = 0;
  let isRunning = true;
  const ticking = (async () => {
    while (isRunning) {
      await turn();
      turns++;
    }
  })();
  const seqnos = await Promise.all(
    Array.from({ length: 10_000 }, (_, i) => put(node, `key ${i % 100}`, `${i}`)),
  );
  isRunning = false;
  await ticking;
  expect(seqnos).toEqual(seqnos.toSorted((a, b) => a - b));
  expect(new Set(seqnos).size).toBe(10_000);
  expect(read(node, 'key 99')).toBe('9999');
  expect(turns).toBeGreaterThan(100);
});

test.for([
  ['an empty value', 'key', ''],
  ['an empty key', '', 'value'],
  ['a value of 1 MiB', 'key', 'v'.repeat(2 ** 20)],
  ['a key of 1 MiB', 'k'.repeat(2 ** 20), 'value'],
  ['characters beyond the basic plane', '🗝', '𝔳'],
] as const)('LedgerNode.transaction() writes %s, which a restart reads', async ([, key, value]) => {
  await put(node, key, value);
  await node.close();
  const again = await host.start();
  expect(read(again, key) === value).toBe(true);
});

test('LedgerNode.transaction() writes any bytes as key and value', async () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  await node.transaction((tx) => tx.put('t', bytes, bytes));
  await node.close();
  const again = await host.start();
  expect(again.get('t', bytes)).toEqual(bytes);
});

test.for([
  ['a value of 1 MiB and a byte', 'records', 'key', 'v'.repeat(2 ** 20 + 1)],
  ['a key of 1 MiB and a byte', 'records', 'k'.repeat(2 ** 20 + 1), 'value'],
  ['a lone surrogate in a value', 'records', 'key', '\ud800'],
  ['a lone surrogate in a key', 'records', '\udfff', 'value'],
  ['a lone surrogate in a table', 'rec\ud800rds', 'key', 'value'],
  ['a table without a name', '', 'key', 'value'],
  ["a table of the service's own", 'public:ccf.gov.service.info', 'key', 'value'],
  ["a private table of the service's own", 'ccf.secrets', 'key', 'value'],
] as const)(
  'LedgerNode.transaction() refuses %s, and takes no seqno',
  async ([, table, key, value]) => {
    await expect(node.transaction((tx) => tx.put(table, key, value))).rejects.toThrow(RangeError);
    expect(node.status.seqno).toBe(3);
    expect(await put(node, 'key', 'value')).toBe(4);
  },
);

test('LedgerNode.transaction() refuses what is above 32 MiB in all', async () => {
  const value = new Uint8Array(2 ** 20);
  const running = node.transaction((tx) => {
    for (let i = 0; i < 33; i++) tx.put('t', `key ${i}`, value);
  });
  await expect(running).rejects.toThrow(RangeError);
  expect(node.status.seqno).toBe(3);
});

test('LedgerNode.transaction() waits while 16 MiB wait for the disk, and goes on when they are there', async () => {
  const hold = host.disk.holdNext('sync', { path: (path) => path.startsWith('/node/ledger/') });
  onTestFinished(() => hold.release());
  const value = new Uint8Array(2 ** 20);
  const write = () => node.transaction((tx) => tx.put('t', 'k', value), { until: 'applied' });
  const all = Promise.all(Array.from({ length: 20 }, write));
  await hold.reached;
  await turn();
  const waiting = node.status.seqno;
  hold.release();
  await all;
  expect(waiting).toBeLessThan(3 + 18);
  expect(node.status.seqno).toBe(23);
});

test('LedgerNode.get() hands out copies', async () => {
  await put(node, 'key', 'value');
  node.get('records', 'key')?.fill(0);
  expect(read(node, 'key')).toBe('value');
});

test('LedgerNode.untilCommitted() resolves with the signature behind a transaction', async () => {
  const last = await putMany(node, 2);
  const waiting = node.untilCommitted(last);
  await node.sign();
  await waiting;
  expect(node.status.committed).toBe(seqno(6));
});
