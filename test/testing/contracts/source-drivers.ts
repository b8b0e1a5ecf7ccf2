import { toUtf8 } from '../../../src/core/bytes.ts';
import { type Seqno, seqno as toSeqno, view as toView } from '../../../src/core/words.ts';
import type { MapWrites } from '../../../src/formats/entries/write-set.ts';
import { MerkleTree } from '../../../src/formats/merkle/merkle-tree.ts';
import { NodeLedger } from '../../../src/node/node-ledger.ts';
import { ReferenceStore } from '../../../src/store/heap/reference-store.ts';
import { VersionedStore } from '../../../src/store/heap/versioned-store.ts';
import type { LedgerStore } from '../../../src/store/ledger-store.ts';
import type { SourceDriver } from '../../../src/testing/contracts/snapshot-source/source-driver.ts';
import type { TableChange } from '../../../src/testing/contracts/snapshot-source/state-oracle.ts';
import { type Entry, proofOf } from '../../examples/append-only-log/entry.ts';
import { LogState } from '../../examples/append-only-log/log-state.ts';
import { plainSource } from './plain-source.ts';

const names = ['public:records', 'private'];

/** What a transaction writes, as a store takes it. */
function mapsOf(changes: readonly TableChange[]): readonly MapWrites[] {
  const tables = [...new Set(changes.map(({ table }) => table))];
  return tables.map((name) => {
    const own = changes.filter(({ table }) => table === name);
    return {
      name,
      writes: own.flatMap(({ key, value }) =>
        value === undefined ? [] : [{ key: toUtf8(key), value: toUtf8(value) }],
      ),
      removes: own.flatMap(({ key, value }) => (value === undefined ? [toUtf8(key)] : [])),
    };
  });
}

/** The reference store alone: it knows no rollback and no compaction. */
export function openReferenceStore(): SourceDriver {
  const store = new ReferenceStore();
  let last = 0;
  return plainSource({
    tables: names,
    last: () => toSeqno(last),
    apply: (changes) => {
      last += 1;
      store.apply(toSeqno(last), mapsOf(changes));
    },
    freeze: () => [...store.freeze().values()],
  });
}

/** The versioned store of a node, without a log around it; also for one that is broken. */
export function openVersionedStore(
  store: VersionedStore = new VersionedStore(toSeqno(0), new Map()),
): SourceDriver {
  return {
    ...plainSource({
      tables: names,
      last: () => store.seqno,
      apply: (changes) => store.apply(toSeqno(store.seqno + 1), mapsOf(changes)),
      freeze: () => [...store.tables.values()],
    }),
    rollback: (seqno) => store.rollback(seqno),
    commit: () => store.compact(store.seqno),
  };
}

/** The log of our own node. */
export function openNodeLog(
  store: LedgerStore = new VersionedStore(toSeqno(0), new Map()),
): SourceDriver {
  const secret = new Uint8Array(32).fill(7);
  const log = new NodeLedger(
    {
      store,
      tree: MerkleTree.genesis(),
      viewHistory: [],
    },
    { at: () => secret },
  );
  let view = toView(2);
  const views = new Map<Seqno, number>();
  return {
    source: { freeze: () => log.freeze() },
    tables: names,
    last: () => log.last,
    apply: (changes) => {
      const { txId } = log.append(mapsOf(changes), { view });
      views.set(txId.seqno, txId.view);
      return txId.seqno;
    },
    viewAt: (seqno) => views.get(seqno) ?? 0,
    rollback: (seqno) => {
      log.rollback(seqno);
      view = toView(view + 1);
    },
    commit: () => log.compact(log.last),
    leafAt: (seqno) => log.tree.leafAt(seqno),
  };
}

/** The store and tree of the log example. */
export function openExampleState(state = new LogState()): SourceDriver {
  const secret = new Uint8Array(32).fill(7);
  let view = 2;
  const views = new Map<Seqno, number>();
  const append = (put: Readonly<Record<string, string | null>>): Seqno => {
    const entry: Entry = { view: toView(view), seqno: toSeqno(state.last + 1), put };
    const bytes = toUtf8(JSON.stringify(entry));
    state.apply(entry, proofOf({ entry, bytes }, secret).leaf);
    views.set(entry.seqno, view);
    return entry.seqno;
  };
  return {
    source: { freeze: () => state.freeze() },
    tables: ['public:app.records'],
    last: () => state.last,
    apply: (changes) =>
      append(Object.fromEntries(changes.map(({ key, value }) => [key, value ?? null]))),
    rollback: (seqno) => {
      state.rollback(seqno);
      view += 1;
      // As the example does: a line that begins the view.
      append({});
    },
    commit: () => {
      const seqno = append({});
      state.commit(seqno);
    },
    leafAt: (seqno) => state.tree.leafAt(seqno),
    viewAt: (seqno) => views.get(seqno) ?? 0,
  };
}
