import { compareBytes } from '../core/bytes.ts';
import type { Seqno } from '../core/words.ts';
import type { SnapshotMap, SnapshotRecord } from '../formats/entries/snapshot-map.ts';
import { sipHash24Low32, sortAsStdSort } from '../formats/snapshot/key-order.ts';
import {
  isPrivateMap,
  type ProducerProfile,
  type SnapshotContent,
} from '../formats/snapshot/snapshot-body.ts';
import type { CopiedTable } from './state-transfer.ts';

/** What a snapshot is made of, before it is known which release made it. */
export interface SnapshotState {
  readonly seqno: Seqno;
  readonly leaf: Uint8Array;
  readonly viewHistory: readonly number[];
  readonly tables: readonly CopiedTable[];
}

/** One way in which a CCF node may have written the state. */
export interface Candidate {
  readonly profile: ProducerProfile;
  /** How many of the tables born after the snapshot's seqno it holds, empty. */
  readonly lateMaps: number;
  readonly content: SnapshotContent;
}

/** Candidates with an order of tied keys that has no rule, at most: more would take minutes. */
const permutedCandidatesMax = 20_000;

const profiles: readonly ProducerProfile[] = ['3+', '2', '1'];

/**
 * The state as our own nodes write it: keys of equal hash in order of their bytes, no tombstones.
 * CCF's own order depends on a node's history and build, and it reads any.
 */
export function ownContent(state: SnapshotState): SnapshotContent {
  return contentOf(state, { profile: '3+', lateMaps: [], order: byKey });
}

/**
 * Every way in which some CCF release may have written this state, the likeliest first.
 *
 * The releases differ in tombstones and one header field; a node adds tables born between the
 * snapshot's seqno and the moment it was taken, in their order of birth; and keys of equal hash lie
 * in an order that depends on the node's history and build.
 * @param lateMaps tables mentioned after the snapshot's seqno, in order; those of the state don't count
 */
export function* candidates(
  state: SnapshotState,
  lateMaps: readonly string[],
): Generator<Candidate, void, undefined> {
  const known = new Set(state.tables.map(({ name }) => name));
  const born = lateMaps.filter((name) => !known.has(name));
  const permutationsMax = permutedCandidatesMax / (profiles.length * (born.length + 1));
  for (const order of tieOrders(state.tables, permutationsMax)) {
    for (let late = 0; late <= born.length; late++) {
      for (const profile of profiles) {
        const options = { profile, lateMaps: born.slice(0, late), order };
        yield { profile, lateMaps: late, content: contentOf(state, options) };
      }
    }
  }
}

/** Puts one table's records in file order; `table` names it where the order depends on it. */
type Order = (records: readonly SnapshotRecord[], table: string) => readonly SnapshotRecord[];

interface ContentOptions {
  readonly profile: ProducerProfile;
  readonly lateMaps: readonly string[];
  readonly order: Order;
}

function contentOf(state: SnapshotState, options: ContentOptions): SnapshotContent {
  const { profile, lateMaps, order } = options;
  const maps: SnapshotMap[] = state.tables.map(({ name, version, live, tombstones }) => ({
    name,
    version,
    records: order(profile === '3+' ? live : [...live, ...tombstones], name),
  }));
  for (const name of lateMaps) maps.push({ name, version: 0, records: [] });
  return {
    seqno: state.seqno,
    maxConflictVersion: profile === '1' ? state.seqno - 1 : 0,
    leaf: state.leaf,
    viewHistory: state.viewHistory,
    publicMaps: maps.filter(({ name }) => !isPrivateMap(name)),
    privateMaps: maps.filter(({ name }) => isPrivateMap(name)),
  };
}

const hashesOf = (records: readonly SnapshotRecord[]) =>
  records.map(({ key }) => sipHash24Low32(key));

/** libstdc++'s order: what every CCF node since 6.0 writes. */
const asStdSort: Order = (records) => sortAsStdSort(records, hashesOf(records));

/** The order of CCF's own traversal, kept among equal hashes. */
const stable: Order = (records) => sortedBy(records, () => 0);

/** Our own order. */
const byKey: Order = (records) => sortedBy(records, (a, b) => compareBytes(a.key, b.key));

function sortedBy(
  records: readonly SnapshotRecord[],
  compareTied: (a: SnapshotRecord, b: SnapshotRecord) => number,
): readonly SnapshotRecord[] {
  const hashes = new Map(records.map((record) => [record, sipHash24Low32(record.key)]));
  const hashOf = (record: SnapshotRecord) => hashes.get(record) ?? 0;
  return records.toSorted((a, b) => hashOf(a) - hashOf(b) || compareTied(a, b));
}

function* tieOrders(
  tables: readonly CopiedTable[],
  permutationsMax: number,
): Generator<Order, void, undefined> {
  yield asStdSort;
  const groups = tables.flatMap(tiedGroups);
  if (groups.length === 0) return;
  yield stable;
  yield byKey;
  const count = groups.reduce((product, { keys }) => product * factorial(keys.length), 1);
  for (let n = 0; n < Math.min(count, permutationsMax); n++) yield permutedOrder(groups, n);
}

/** Keys of one table that share their hash. */
interface TiedGroup {
  readonly table: string;
  readonly hash: number;
  readonly keys: readonly Uint8Array[];
}

function tiedGroups({ name, live, tombstones }: CopiedTable): TiedGroup[] {
  const byHash = new Map<number, Uint8Array[]>();
  for (const { key } of [...live, ...tombstones]) {
    const hash = sipHash24Low32(key);
    byHash.set(hash, [...(byHash.get(hash) ?? []), key]);
  }
  return [...byHash]
    .filter(([, keys]) => keys.length > 1)
    .map(([hash, keys]) => ({ table: name, hash, keys: keys.toSorted(compareBytes) }));
}

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));

/** The `n`th of all orders of all groups, counted in factorials with the first group lowest. */
function permutedOrder(groups: readonly TiedGroup[], n: number): Order {
  const ranks = new Map<string, number>();
  let rest = n;
  for (const { table, hash, keys } of groups) {
    const choices = factorial(keys.length);
    for (const [rank, key] of permuted(keys, rest % choices).entries()) {
      ranks.set(rankName(table, hash, key), rank);
    }
    rest = Math.floor(rest / choices);
  }
  return (records, table) =>
    sortedBy(records, (a, b) => {
      const rankOf = ({ key }: SnapshotRecord) =>
        ranks.get(rankName(table, sipHash24Low32(key), key)) ?? 0;
      return rankOf(a) - rankOf(b);
    });
}

const rankName = (table: string, hash: number, key: Uint8Array): string =>
  `${table}\0${hash}\0${Buffer.from(key).toString('latin1')}`;

/** The `n`th permutation of a short list. */
function permuted<T>(items: readonly T[], n: number): T[] {
  if (items.length === 0) return [];
  const choices = factorial(items.length - 1);
  const first = Math.floor(n / choices);
  return [
    ...items.slice(first, first + 1),
    ...permuted([...items.slice(0, first), ...items.slice(first + 1)], n % choices),
  ];
}
