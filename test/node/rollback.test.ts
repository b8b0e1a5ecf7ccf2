import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { ConsensusError } from '../../src/core/errors.ts';
import { type Seqno, seqno } from '../../src/core/words.ts';
import type { Hold } from '../../src/io/memory-file-system.ts';
import type { LedgerNode } from '../../src/node/ledger-node.ts';
import {
  codeOf,
  makeNodeKeyFiles,
  NodeHost,
  put,
  putMany,
  read,
  turn,
  untilIdle,
} from '../helpers/node-host.ts';
import { WrittenEntries } from '../helpers/watched-file-system.ts';

const keys = makeNodeKeyFiles();

let host: NodeHost;
let written: WrittenEntries;
let node: LedgerNode;

beforeEach(async () => {
  host = await NodeHost.make(keys);
  written = new WrittenEntries();
  node = await host.start({
    snapshotTxInterval: 1000,
    environment: { fileSystem: written.watch(host.disk) },
  });
});

/** Holds the ledger's next sync, so that nothing more becomes durable and so nothing is committed. */
function holdSync(): Hold {
  return holdNext('sync');
}

function holdNext(operation: 'sync' | 'rename'): Hold {
  const hold = host.disk.holdNext(operation, { path: (path) => path.startsWith('/node/ledger/') });
  onTestFinished(() => hold.release());
  return hold;
}

async function expectSoundAfter(last: Seqno): Promise<void> {
  await host.expectReplaysWhole(last);
  expect(written.reused).toEqual([]);
}

test('LedgerNode.rollback() takes back what is above, and what is below stays', async () => {
  await put(node, 'kept', 'a');
  await put(node, 'gone', 'b');
  await node.rollback(seqno(4));
  expect(read(node, 'kept')).toBe('a');
  expect(read(node, 'gone')).toBeUndefined();
  expect(node.status).toMatchObject({ seqno: 4, durable: 4, committed: 3, view: 3 });
});

test.for([3, 4, 5, 6, 7, 8])(
  'LedgerNode.rollback() to seqno %i of 8 leaves a ledger that goes on whole',
  async (to) => {
    await putMany(node, 5, 'before');
    const rootsBefore = node.root();
    await node.rollback(seqno(to));
    expect(node.root() === rootsBefore).toBe(to === 8);
    await putMany(node, 3, 'after');
    await node.sign();
    expect(node.status.seqno).toBe(to + 4);
    await expectSoundAfter(seqno(to + 4));
  },
);

test.for([0, 1, 2, 3, 4, 5, 6, 7])(
  'LedgerNode.rollback() to seqno %i above the commit while nothing reaches the disk',
  async (above) => {
    const hold = holdSync();
    const waiting = Array.from({ length: 6 }, (_, i) => codeOf(put(node, `key ${i}`, 'value')));
    const signature = codeOf(node.sign());
    await hold.reached;
    await expect.poll(() => node.status).toMatchObject({ seqno: 10, durable: 3, committed: 3 });
    const rollback = node.rollback(seqno(3 + above));
    await turn();
    hold.release();
    await rollback;
    expect(await Promise.all(waiting)).toEqual(
      Array.from({ length: 6 }, (_, i) => (i < above ? 'accepted' : 'ROLLED_BACK')),
    );
    expect(await signature).toBe(above === 7 ? 'accepted' : 'ROLLED_BACK');
    await put(node, 'after', 'value');
    const last = await node.sign();
    await expectSoundAfter(last);
  },
);

test('LedgerNode.rollback() is told to a transaction that was just applied, though another takes its seqno', async () => {
  const taken = codeOf(put(node, 'key', 'rolled back'));
  const rollback = node.rollback(seqno(3));
  const next = put(node, 'key', 'the next one');
  await rollback;
  expect(await next).toBe(4);
  expect(await taken).toBe('ROLLED_BACK');
});

test('LedgerNode.rollback() is told to a commit that is awaited, though another takes its seqno', async () => {
  const taken = codeOf(node.transaction((tx) => tx.put('t', 'k', 'v'), { until: 'committed' }));
  const rollback = node.rollback(seqno(3));
  await rollback;
  await put(node, 'key', 'the next one');
  await node.sign();
  expect(await taken).toBe('ROLLED_BACK');
});

test('LedgerNode.rollback() is told to who signs, though another takes the seqno of the signature', async () => {
  const hold = holdSync();
  void codeOf(put(node, 'key', 'value'));
  await hold.reached;
  const signature = codeOf(node.sign());
  const rollback = node.rollback(seqno(3));
  await turn();
  hold.release();
  await rollback;
  await put(node, 'key', 'again');
  await node.sign();
  expect(await signature).toBe('ROLLED_BACK');
});

test('LedgerNode.rollback() is told to untilCommitted() of what is gone', async () => {
  await put(node, 'key', 'value');
  const waiting = codeOf(node.untilCommitted(seqno(4)));
  await node.rollback(seqno(3));
  expect(await waiting).toBe('ROLLED_BACK');
});

test('LedgerNode.rollback() below the commit is refused, and nothing changes', async () => {
  await put(node, 'key', 'value');
  await node.sign();
  await expect(node.rollback(seqno(4))).rejects.toThrow(ConsensusError);
  expect(await codeOf(node.rollback(seqno(4)))).toBe('ROLLBACK_BELOW_COMMIT');
  expect(read(node, 'key')).toBe('value');
  expect(node.status).toMatchObject({ view: 2, seqno: 5 });
});

test('LedgerNode.rollback() to the committed seqno is allowed', async () => {
  await put(node, 'key', 'value');
  await node.sign();
  await put(node, 'key', 'changed');
  await node.rollback(seqno(5));
  expect(read(node, 'key')).toBe('value');
});

test.for([9, 4.5, Number.NaN, -1, Number.POSITIVE_INFINITY])(
  'LedgerNode.rollback() to %d is refused, and the node goes on',
  async (to) => {
    await put(node, 'key', 'value');
    await expect(node.rollback(to as Seqno)).rejects.toThrow();
    await put(node, 'key', 'again');
    await expectSoundAfter(await node.sign());
  },
);

test('LedgerNode.rollback() twice begins two views', async () => {
  await putMany(node, 3);
  await node.rollback(seqno(5));
  await put(node, 'key', 'second view');
  await node.rollback(seqno(4));
  await put(node, 'key', 'third view');
  const entries = await host.entries();
  expect(entries.map(({ seqno: at, view }) => [at, view])).toEqual([
    [1, 2],
    [2, 2],
    [3, 2],
    [4, 2],
    [5, 4],
  ]);
  await expectSoundAfter(await node.sign());
});

test('LedgerNode.rollback() of several at once happens in the order of the calls', async () => {
  await putMany(node, 5);
  await Promise.all([node.rollback(seqno(7)), node.rollback(seqno(5)), put(node, 'key', 'after')]);
  expect(node.status).toMatchObject({ seqno: 6, view: 4 });
  await expectSoundAfter(await node.sign());
});

test('LedgerNode.rollback() makes an async body run again that has read what is gone', async () => {
  await put(node, 'key', 'gone');
  let finish = () => {};
  const seen: (string | undefined)[] = [];
  const running = node.transaction(async (tx) => {
    const value = tx.get('records', 'key');
    seen.push(value && Buffer.from(value).toString());
    if (seen.length === 1) await new Promise<void>((resolve) => (finish = resolve));
    tx.put('records', 'copy', value ?? 'nothing');
  });
  await node.rollback(seqno(3));
  finish();
  await running;
  expect(seen).toEqual(['gone', undefined]);
  expect(read(node, 'copy')).toBe('nothing');
});

test('LedgerNode.rollback() of unsigned entries leaves what is below unsigned, and the time signs it', async () => {
  await putMany(node, 3);
  await node.rollback(seqno(5));
  host.clock.increment(1000);
  await expect.poll(() => node.status.committed).toBe(6);
});

test('LedgerNode.rollback() of all that was unsigned leaves nothing to sign', async () => {
  await putMany(node, 3);
  await node.rollback(seqno(3));
  host.clock.increment(10_000);
  await turn();
  expect(await node.sign()).toBe(3);
  expect(node.status.seqno).toBe(3);
});

test('LedgerNode.rollback() of the evidence ends the generation, and a later one commits', async () => {
  const ended = new Promise<string>((resolve) => {
    node.snapshots.subscribe((event) => {
      if (event.type === 'generation.ended') resolve(event.outcome);
    });
  });
  node.snapshots.force();
  await put(node, 'key', 'value');
  await node.sign();
  await expect.poll(() => node.status.seqno).toBe(6);
  await node.rollback(seqno(5));
  expect(await ended).toBe('rolled-back');
  expect((await host.snapshotFiles()).size).toBe(0);
  node.snapshots.force();
  await put(node, 'key', 'again');
  await node.sign();
  await untilIdle(node);
  const files = await host.snapshotFiles();
  expect([...files.keys()]).toEqual(['snapshot_7_8.committed']);
  await expectSoundAfter(node.status.seqno);
});

test('LedgerNode.rollback() of a snapshot point takes its snapshot with it', async () => {
  const hold = holdSync();
  node.snapshots.force();
  void codeOf(put(node, 'key', 'value'));
  void codeOf(node.sign());
  await hold.reached;
  const rollback = node.rollback(seqno(4));
  await turn();
  hold.release();
  await rollback;
  await node.sign();
  expect(node.snapshots.live).toEqual([]);
  await expectSoundAfter(node.status.seqno);
});

test('LedgerNode.rollback() of a snapshot point that was due asks for it anew, without another interval', async () => {
  await node.close();
  node = await host.start({ snapshotTxInterval: 20, signatureTxInterval: 1000 });
  const hold = holdSync();
  for (let seqnoNow = node.status.seqno; seqnoNow < 19; seqnoNow++) {
    void codeOf(put(node, 'key', 'value'));
    await turn();
  }
  await expect.poll(() => node.status.seqno).toBe(20);
  const rollback = node.rollback(seqno(15));
  await turn();
  hold.release();
  await rollback;
  await putMany(node, 10);
  await node.sign();
  await untilIdle(node);
  const committed = (await node.snapshots.list()).filter((snapshot) => snapshot.committed);
  expect(committed.map((snapshot) => snapshot.seqno)).toEqual([20]);
});

test('LedgerNode.rollback() over the end of a chunk that is complete opens it again', async () => {
  const hold = holdNext('rename');
  node.snapshots.force();
  await put(node, 'key', 'value');
  void codeOf(node.sign());
  await hold.reached;
  expect(node.status.committed).toBe(5);
  const waiting = codeOf(put(node, 'key', 'in the next chunk'));
  const rollback = node.rollback(seqno(5));
  await turn();
  hold.release();
  await rollback;
  expect(await waiting).toBe('ROLLED_BACK');
  await put(node, 'key', 'after');
  await expectSoundAfter(await node.sign());
});
