import { beforeAll, describe, expect, test } from 'vitest';
import type { TxId } from '../../src/core/words.ts';
import type { SurvivalChooser } from '../../src/io/memory-disk.ts';
import type { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { SeededRandomness } from '../helpers/make-random.ts';
import { makeNodeKeyFiles, NodeHost, read, untilIdle } from '../helpers/node-host.ts';
import { WrittenEntries } from '../helpers/watched-file-system.ts';

const keys = makeNodeKeyFiles();

/** A transaction that was told to be durable, and what it had written under its own key. */
interface Acknowledged {
  readonly key: string;
  readonly txId: TxId;
}

/** What lies on the disk after a power cut, and what had been told by then. */
interface Cut {
  readonly disk: MemoryFileSystem;
  readonly acknowledged: readonly Acknowledged[];
  readonly committed: number;
  readonly written: WrittenEntries;
}

interface Life {
  readonly host: NodeHost;
  readonly cuts: readonly Cut[];
}

/** Any of what a disk may do with each change that was not synced. */
function anySurvival(seed: string): SurvivalChooser {
  const randomness = new SeededRandomness(seed);
  return (operation) => {
    const [draw = 0, share = 0] = randomness.bytes(2);
    if (draw < 90) return 'kept';
    if (draw < 160 || operation.operation !== 'write') return 'lost';
    // The header of a chunk lies in one sector, which a disk writes whole or not at all.
    if (operation.position === 0 && operation.length === 8) return 'lost';
    if (draw < 200) return 'zeros';
    return { bytesKept: Math.floor((operation.length * share) / 256) };
  };
}

/** What survives, and of how many cuts one is tried: each takes a tenth of a second. */
const survivals = {
  'only what is synced': { choose: () => undefined, each: 1 },
  everything: { choose: () => () => 'kept', each: 4 },
  'any of it': { choose: (cut) => anySurvival(`cut ${cut}`), each: 2 },
} as const satisfies Record<
  string,
  { choose: (cut: number) => SurvivalChooser | undefined; each: number }
>;

/** A short life: transactions, a snapshot by count, a rollback, a forced snapshot, a close; cut before every change. */
async function live(choose: (cut: number) => SurvivalChooser | undefined): Promise<Life> {
  const host = await NodeHost.make(keys);
  const written = new WrittenEntries();
  const cuts: Cut[] = [];
  const acknowledged: Acknowledged[] = [];
  let committed = 0;
  const cut = () => {
    const disk = host.disk.crash(choose(cuts.length));
    cuts.push({ disk, acknowledged: [...acknowledged], committed, written: written.copy() });
  };
  const node = await host.open({
    snapshotTxInterval: 8,
    environment: { fileSystem: written.watch(host.disk, { onChange: cut }) },
  });
  const write = async (key: string) => {
    const { txId } = await node.transaction((tx) => tx.put('records', key, `value of ${key}`));
    acknowledged.push({ key, txId });
    committed = node.status.committed;
  };
  for (const key of ['a', 'b', 'c']) await write(key);
  await untilIdle(node);
  await Promise.all(['d', 'e', 'f'].map(write));
  const above = await node.sign();
  const lost = node.transaction((tx) => tx.put('records', 'gone', 'gone')).catch(() => undefined);
  await node.rollback(above);
  await lost;
  await Promise.all(['g', 'h'].map(write));
  await node.close();
  cut();
  return { host, cuts };
}

describe.for(Object.entries(survivals))(
  'a power cut at every change, of which survives: %s',
  ([, { choose, each }]) => {
    let life: Life;

    beforeAll(async () => {
      life = await live(choose);
      expect(life.cuts.length).toBeGreaterThan(80);
    });

    test('createNode() starts again with all that was acknowledged, and uses no seqno of a view twice', async () => {
      for (const cut of life.cuts.filter((_, i) => i % each === 0)) {
        const { disk, acknowledged, committed, written } = cut;
        const after = life.host.on(disk);
        const node = await after.open({ environment: { fileSystem: written.watch(disk) } });
        for (const { key } of acknowledged) expect(read(node, key)).toBe(`value of ${key}`);
        expect(node.status.seqno).toBeGreaterThanOrEqual(committed);
        await node.transaction((tx) => tx.put('records', 'after', 'the cut'));
        await node.close();
        const entries = await after.entries();
        for (const { txId } of acknowledged) expect(entries[txId.seqno - 1]).toMatchObject(txId);
        expect(disk.openHandles).toBe(0);
        expect(written.reused).toEqual([]);
      }
    });

    test('createNode() leaves ledgers that replay whole, a few of all', async () => {
      for (const { disk } of life.cuts.filter((_, i) => i % 25 === 20)) {
        const after = life.host.on(disk);
        const node = await after.open();
        await node.close();
        await after.expectReplaysWhole(node.status.seqno);
      }
    });
  },
);
