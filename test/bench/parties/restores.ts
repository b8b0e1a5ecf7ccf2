import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { nodePaths } from '../../../src/files/node-paths.ts';
import { createNode, type LedgerNode, readMemberKeys, recover } from '../../../src/index.ts';
import { type Shape, ShapedData } from '../data.ts';
import { costOf } from '../on-cpu.ts';
import type { Measure } from '../rounds.ts';
import { answerAsks } from './answer-asks.ts';

/** Makes a node's snapshot of a big state, and brings it back from the file alone: receipt, digest and tag checked. */

const perTransaction = 500;
const clients = 8;

export interface RestoreInput {
  readonly shape: Shape;
  readonly directory: string;
}

interface Made {
  readonly directory: string;
  readonly entries: number;
  readonly service: LedgerNode['service'];
}

let made: Made | undefined;

/** @returns where the snapshot is */
async function prepare({ shape, directory }: RestoreInput): Promise<{ readonly path: string }> {
  const folder = await mkdtemp(join(directory, 'node-'));
  const node = await createNode({ directory: folder, snapshotTxInterval: 2 ** 31 - 1 });
  try {
    await fill(node, shape);
    node.snapshots.force();
    const outcomes: string[] = [];
    node.snapshots.subscribe((event) => {
      if (event.type === 'generation.ended') outcomes.push(event.outcome);
    });
    await node.transaction((tx) => tx.put('public:app.end', 'end', 'end'));
    await node.sign();
    await node.snapshots.untilIdle();
    if (outcomes.join() !== 'committed') throw new Error(`generations ended: ${outcomes.join()}`);
  } finally {
    await node.close();
  }
  made = { directory: folder, entries: shape.entries, service: node.service };
  const [found] = await node.snapshots.list();
  if (found === undefined) throw new Error('the node took no snapshot');
  return { path: join(nodePaths(folder).snapshots, found.file) };
}

async function fill(node: LedgerNode, shape: Shape): Promise<void> {
  const data = new ShapedData(shape);
  let next = 0;
  const client = async () => {
    while (next < shape.entries) {
      const from = next;
      next = Math.min(shape.entries, from + perTransaction);
      const to = next;
      await node.transaction((tx) => {
        for (let i = from; i < to; i++) {
          tx.put(data.tableName(data.tableOf(i)), data.keyOf(i), data.valueOf(i));
        }
      });
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}

/** From the file to a state that can be read; there is no ledger behind it. */
async function restore(): Promise<Measure> {
  if (made === undefined) throw new Error('not prepared');
  const { directory, entries, service } = made;
  const { snapshots, keys } = nodePaths(directory);
  const memberKeys = await readMemberKeys(keys);
  const options = { ledger: join(directory, 'none'), snapshots, memberKeys, services: [service] };
  const { ms, cpuMs, result } = await costOf(() => recover(options));
  const { snapshot, trusted, isComplete, tables, refused } = result;
  if (snapshot === undefined || !trusted || !isComplete || refused.length > 0) {
    throw new Error(`not what was made: ${JSON.stringify({ snapshot, trusted, isComplete })}`);
  }
  let found = 0;
  for (const { name, live } of tables.values()) if (name.includes('app.table')) found += live.size;
  if (found !== entries) throw new Error(`${found} of ${entries} entries are there`);
  return { ms, cpuMs, nsPerEntry: (ms * 1e6) / entries };
}

answerAsks({ prepare, restore });
