import type { LedgerNode } from '../../src/node/ledger-node.ts';
import { readFiles } from './make-ledger-files.ts';
import { NodeHost, type NodeKeyFiles, plant, takeSnapshot } from './node-host.ts';

/** A logger that remembers its messages. */
export function remembering() {
  const messages: string[] = [];
  const say = (_: object, message: string) => {
    messages.push(message);
  };
  return { messages, logger: { info: say, warn: say, error: say } };
}

/** Takes so many, one after the other. */
export async function takeSnapshots(node: LedgerNode, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await takeSnapshot(node);
}

/** A closed node's directory with so many snapshots. */
export async function livedWith(keys: NodeKeyFiles, count: number): Promise<NodeHost> {
  const host = await NodeHost.make(keys);
  const node = await host.open();
  await takeSnapshots(node, count);
  await node.close();
  return host;
}

/** The committed snapshots, oldest first. */
export async function snapshotNames(host: NodeHost): Promise<readonly string[]> {
  const seqno = (name: string) => Number(name.split('_')[1]);
  return [...(await host.snapshotFiles()).keys()].toSorted((a, b) => seqno(a) - seqno(b));
}

/** Names in `quarantine/`. */
export async function quarantined(host: NodeHost): Promise<readonly string[]> {
  const directory = '/node/snapshots/quarantine';
  if ((await host.disk.stat(directory)) === undefined) return [];
  return [...(await readFiles(host.disk, directory)).keys()];
}

/** Where a node's snapshot lies. */
export const pathOf = (name: string) => `/node/snapshots/${name}`;

/** Cuts off the last byte of a snapshot. */
export async function damage(host: NodeHost, name: string): Promise<void> {
  const bytes = (await host.snapshotFiles()).get(name) ?? new Uint8Array();
  await plant(host.disk, pathOf(name), bytes.slice(0, -1));
}
