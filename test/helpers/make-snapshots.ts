import { assert } from '../../src/core/errors.ts';
import type { Seqno, View } from '../../src/core/words.ts';
import type { MapWrites } from '../../src/formats/entries/write-set.ts';
import {
  isPrivateMap,
  type ProducerProfile,
  type SnapshotContent,
} from '../../src/formats/snapshot/snapshot-body.ts';
import { StateModel, stdSorted, type TieOrder } from './make-state.ts';

/** A transaction of a made ledger. */
export interface MadeEntry {
  readonly seqno: Seqno;
  readonly view: View;
  readonly bytes: Uint8Array;
  readonly leaf: Uint8Array;
  /** Of both domains. */
  readonly maps: readonly MapWrites[];
  readonly isSignature: boolean;
}

export interface MadeSnapshotOptions {
  /** @default '3+' */
  readonly profile?: ProducerProfile;
  /** The node was here when it took the snapshot: tables born since are in it, empty. @default its seqno */
  readonly lateUntil?: number;
  /** @default as libstdc++ sorts */
  readonly tieOrder?: TieOrder;
  /** The snapshot that the node itself had started from. @default none */
  readonly joinedAt?: SnapshotContent;
}

/**
 * What a CCF node's snapshot of a ledger says, from the transactions alone. It shares nothing with the
 * library's store and search but the hash of a key and the sort.
 */
export function snapshotContent(
  entries: readonly MadeEntry[],
  version: Seqno,
  options: MadeSnapshotOptions,
): SnapshotContent {
  const { profile = '3+', tieOrder = stdSorted } = options;
  const model = stateAt(entries, version, options);
  const born = tablesBorn(entries, version, options).filter((name) => !model.has(name));
  const late = born.map((name) => ({ name, version: 0, records: [] }));
  const all = [...model.maps(tieOrder), ...late];
  const entry = entries[version - 1];
  assert(entry !== undefined, `seqno ${version} is written`);
  return {
    seqno: version,
    maxConflictVersion: profile === '1' ? version - 1 : 0,
    leaf: entry.leaf,
    viewHistory: viewHistory(entries, entry.view),
    publicMaps: all.filter(({ name }) => !isPrivateMap(name)),
    privateMaps: all.filter(({ name }) => isPrivateMap(name)),
  };
}

function stateAt(
  entries: readonly MadeEntry[],
  version: Seqno,
  { profile, joinedAt }: MadeSnapshotOptions,
): StateModel {
  const model = new StateModel({ keepsTombstones: profile === '1' || profile === '2' });
  if (joinedAt) model.load([...joinedAt.publicMaps, ...joinedAt.privateMaps]);
  for (const { seqno, maps } of entries) {
    if (seqno > (joinedAt?.seqno ?? 0) && seqno <= version) model.apply(seqno, maps);
  }
  return model;
}

function tablesBorn(
  entries: readonly MadeEntry[],
  version: Seqno,
  { lateUntil = version }: MadeSnapshotOptions,
): readonly string[] {
  const until = entries.filter(({ seqno }) => seqno > version && seqno <= lateUntil);
  return [...new Set(until.flatMap(({ maps }) => maps.map(({ name }) => name)))];
}

/** Item i = first seqno of view i + 1; a view that was skipped begins where the next one does. */
function viewHistory(entries: readonly MadeEntry[], view: View): readonly number[] {
  const startOf = (index: number) => entries.find((entry) => entry.view > index)?.seqno ?? 0;
  return Array.from({ length: view }, (_, i) => startOf(i));
}
