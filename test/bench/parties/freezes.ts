import { seqno } from '../../../src/core/words.ts';
import { SharedStore } from '../../../src/store/shared/shared-store.ts';
import { d1m, ShapedData } from '../data.ts';
import { answerAsks } from './answer-asks.ts';

const freezes = 101;
const perTransaction = 1000;

/** Fills a store and freezes it over and over, a write in between: microseconds, each. */
function freeze({ entries }: { readonly entries: number }): readonly number[] {
  const store = new SharedStore(seqno(0), []);
  const data = new ShapedData({ ...d1m, entries });
  const apply = (indexes: readonly number[], version: number) => {
    const writes = indexes.map((i) => ({ key: data.keyOf(i), value: data.valueOf(i, version) }));
    store.apply(seqno(store.seqno + 1), [{ name: 'public:table', writes, removes: [] }]);
    store.compact(store.seqno);
  };
  for (let from = 0; from < entries; from += perTransaction) {
    const count = Math.min(perTransaction, entries - from);
    apply(
      Array.from({ length: count }, (_, i) => from + i),
      0,
    );
  }
  const times: number[] = [];
  for (let i = 0; i < freezes; i++) {
    apply([data.updatedBy(i)], i + 1);
    const startMs = performance.now();
    const frozen = store.freeze();
    frozen.share();
    times.push((performance.now() - startMs) * 1000);
    frozen.release();
  }
  return times;
}

answerAsks({ freeze });
