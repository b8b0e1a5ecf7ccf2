import type { LedgerNode } from '../node/ledger-node.ts';
import type { Snapshotter } from '../snapshotter/create-snapshotter.ts';

/** What can be served: our node, or the snapshotter of a host's own. */
export type ServedHost = LedgerNode | Snapshotter;

/** What both have in common. */
export type ServedSnapshots = Pick<
  Snapshotter,
  'live' | 'subscribe' | 'inspect' | 'measure' | 'isOpen'
>;

export function snapshotsOf(host: ServedHost): ServedSnapshots {
  return 'snapshots' in host ? host.snapshots : host;
}

export function nodeOf(host: ServedHost): LedgerNode | undefined {
  return 'snapshots' in host ? host : undefined;
}
