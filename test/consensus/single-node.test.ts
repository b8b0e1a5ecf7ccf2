import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ViewRecord } from '../../src/consensus/consensus.ts';
import { SingleNode } from '../../src/consensus/single-node.ts';
import { type Seqno, seqno, type View, view } from '../../src/core/words.ts';
import { turn } from '../helpers/node-host.ts';

/** A record in memory whose writes can be held back, or fail. */
class MemoryViews implements ViewRecord {
  recorded: View | undefined;
  readonly writes: View[] = [];
  held: Promise<void> = Promise.resolve();
  failure: 'none' | 'before' | 'after' = 'none';

  async read(): Promise<View | undefined> {
    return this.recorded;
  }

  async write(value: View): Promise<void> {
    this.writes.push(value);
    await this.held;
    if (this.failure !== 'before') this.recorded = value;
    if (this.failure !== 'none') throw new Error('the disk failed');
  }
}

interface Started {
  readonly node: SingleNode;
  readonly views: MemoryViews;
  readonly committed: Seqno[];
}

async function start(
  options: { lastView?: number; isNew?: boolean; views?: MemoryViews } = {},
): Promise<Started> {
  const { lastView = 2, isNew = true, views = new MemoryViews() } = options;
  const committed: Seqno[] = [];
  const node = await SingleNode.start({
    lastView: view(lastView),
    isNew,
    committed: seqno(0),
    views,
    onCommitted: (reached) => committed.push(reached),
  });
  return { node, views, committed };
}

/** Replicates entries, one a letter from seqno 1 on: `e` an entry, `s` a signature. */
function replicate({ node }: Started, letters: string, from = 1): void {
  for (const [i, letter] of [...letters].entries()) {
    const bytes = new Uint8Array();
    node.replicate({ seqno: seqno(from + i), bytes, isSignature: letter === 's' });
  }
}

test.for([
  [0, []],
  [2, []],
  [3, [3]],
  [4, [3]],
  [6, [6]],
] as const)(
  'SingleNode.persisted() up to %i of eeseess commits the last signature: %j',
  async ([to, expected]) => {
    const started = await start();
    replicate(started, 'eeseess');
    started.node.persisted(seqno(to));
    expect(started.committed).toEqual(expected);
  },
);

test('GEN-26 SingleNode.persisted() commits each signature once, ascending', async () => {
  const started = await start();
  replicate(started, 'seses');
  for (const to of [1, 2, 2, 3, 4, 5, 5]) started.node.persisted(seqno(to));
  expect(started.committed).toEqual([1, 3, 5]);
});

test('SingleNode.start() of a new service uses its first view on', async () => {
  const { node, views } = await start({ isNew: true, lastView: 2 });
  expect(node.view).toBe(2);
  expect(views.writes).toEqual([2]);
});

test('SingleNode.start() of a ledger begins the view after the last one, by ledger and by record', async () => {
  const views = new MemoryViews();
  expect((await start({ isNew: false, lastView: 4, views })).node.view).toBe(5);
  views.recorded = view(9);
  expect((await start({ isNew: false, lastView: 4, views })).node.view).toBe(10);
  views.recorded = view(1);
  expect((await start({ isNew: false, lastView: 4, views })).node.view).toBe(5);
});

test('SingleNode.start() resolves only when its view is recorded', async () => {
  const views = new MemoryViews();
  let release = () => {};
  views.held = new Promise((resolve) => {
    release = resolve;
  });
  let isStarted = false;
  const starting = start({ isNew: false, views }).then(() => {
    isStarted = true;
  });
  await turn();
  expect(isStarted).toBe(false);
  release();
  await starting;
  expect(views.recorded).toBe(3);
});

test('SingleNode.start() fails when its view could not be recorded', async () => {
  const views = new MemoryViews();
  views.failure = 'before';
  await expect(start({ isNew: false, views })).rejects.toThrow('the disk failed');
});

test('SingleNode.abandonAbove() forgets the signatures above, at once', async () => {
  const started = await start();
  replicate(started, 'esese');
  const abandoning = started.node.abandonAbove(seqno(3));
  started.node.persisted(seqno(5));
  await abandoning;
  expect(started.committed).toEqual([2]);
});

test('SingleNode.abandonAbove() uses its new view only when that is recorded', async () => {
  const { node, views } = await start();
  let release = () => {};
  views.held = new Promise((resolve) => {
    release = resolve;
  });
  const abandoning = node.abandonAbove(seqno(0));
  await turn();
  expect([node.view, views.recorded]).toEqual([2, 2]);
  release();
  await abandoning;
  expect([node.view, views.recorded]).toEqual([3, 3]);
});

test('SingleNode.abandonAbove() whose view could not be recorded stays in the old one', async () => {
  const { node, views } = await start();
  views.failure = 'before';
  await expect(node.abandonAbove(seqno(0))).rejects.toThrow('the disk failed');
  expect(node.view).toBe(2);
});

test('SingleNode commits the entries that take the place of abandoned ones', async () => {
  const started = await start();
  replicate(started, 'ese');
  await started.node.abandonAbove(seqno(1));
  replicate(started, 'es', 2);
  started.node.persisted(seqno(2));
  expect(started.committed).toEqual([]);
  started.node.persisted(seqno(3));
  expect(started.committed).toEqual([3]);
});

/** What befalls a node: it starts anew or rolls back, while its record works or fails, and its ledger may lose all. */
const accident = fc.record({
  what: fc.constantFrom('start', 'rollback'),
  failure: fc.constantFrom('none', 'none', 'none', 'before', 'after'),
  losesEntries: fc.boolean(),
} as const);

test('SingleNode uses no view twice, whatever fails and however much of the ledger is lost', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(accident, { maxLength: 20 }), async (accidents) => {
      const { node: first, views } = await start();
      let node: SingleNode | undefined = first;
      const used = [first.view];
      let inLedger = 2;
      for (const { what, failure, losesEntries } of accidents) {
        views.failure = failure;
        if (!losesEntries && node) inLedger = node.view;
        if (what === 'start' || node === undefined) {
          const starting = start({ isNew: false, lastView: inLedger, views });
          node = (await starting.catch(() => undefined))?.node;
        } else {
          // A node whose rollback failed writes nothing any more.
          node = await node.abandonAbove(seqno(0)).then(
            () => node,
            () => undefined,
          );
        }
        if (node) used.push(node.view);
      }
      expect(used).toEqual([...new Set(used)]);
      expect(used).toEqual(used.toSorted((a, b) => a - b));
    }),
  );
});
