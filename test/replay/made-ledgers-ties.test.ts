import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import { seqno as toSeqno } from '../../src/core/words.ts';
import type { SnapshotRecord } from '../../src/formats/entries/snapshot-map.ts';
import { sipHash24Low32 } from '../../src/formats/snapshot/key-order.ts';
import { candidates } from '../../src/serialising/release-candidates.ts';
import { ReferenceStore } from '../../src/store/heap/reference-store.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { ledgerFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import {
  keySorted,
  keySortedBackwards,
  StateModel,
  stableSorted,
  stdSorted,
} from '../helpers/make-state.ts';
import { change } from '../helpers/make-tables.ts';
import { findNearKeys, findTiedPairs, tiedTriple } from '../helpers/make-tied-keys.ts';
import { expectIdentical, replayMade } from '../helpers/replay-made.ts';

const members = makeMembers(1);
const pairs = findTiedPairs(6);
const others = Array.from({ length: 60 }, (_, i) => `other ${i}`);

const orders = [
  ['libstdc++ std::sort', stdSorted],
  ['a stable sort', stableSorted],
  ['key bytes', keySorted],
  ['no rule at all', keySortedBackwards],
] as const;

const valued = (keys: readonly string[], value = 'v') =>
  Object.fromEntries(keys.map((key) => [key, value]));

test('the keys are tied', () => {
  const hashes = (keys: readonly string[]) => new Set(keys.map(toUtf8).map(sipHash24Low32)).size;
  expect(pairs.map(hashes)).toStrictEqual(pairs.map(() => 1));
  expect(hashes(tiedTriple)).toBe(1);
});

describe('keys of equal hash', () => {
  const [[a1, a2] = ['', ''], [b1, b2] = ['', ''], [c1, c2] = ['', '']] = pairs;
  const [t1, t2, t3] = tiedTriple;

  /** Inserted in both orders, removed, inserted again, overwritten, and pushed down by one another. */
  async function makeTies(seed: string, filler: readonly string[]): Promise<MadeLedger> {
    const ledger = await MadeLedger.opened({ seed, members });
    const at = (table: string, writes: readonly string[], removes: readonly string[] = []) =>
      ledger.transaction([change(table, valued(writes), removes)]);
    at('public:tied', [a2, ...filler]);
    at('public:tied', [a1, b1, t3]);
    at('public:tied', [b2, t1]);
    at('public:tied', [t2], [b1, t3]);
    at('public:tied', [b1, t3, a2]);
    at('private tied', [c2, c1, ...filler]);
    at('private tied', [c1], [c2]);
    at('private tied', [c2], [...filler.slice(0, 3)]);
    return ledger;
  }

  describe.each([
    ['more than 16 keys', others],
    ['at most 16 keys', others.slice(0, 5)],
  ])('in maps of %s', (_, filler) => {
    test.each(orders)('in the order of %s', async (_, tieOrder) => {
      const ledger = await makeTies('ties', filler);
      ledger.vouch(await ledger.signature(), { tieOrder });
      ledger.transaction([change('public:tied', valued([a1, t1, c1]), [a2])]);
      ledger.vouch(await ledger.signature(), { tieOrder });
      await ledger.signature();
      await expectIdentical(ledger, await replayMade(ledger));
    });

    test("CCF's own order is the very first candidate: the store keeps the history", async () => {
      const ledger = await makeTies('history', filler);
      const { content, seqno } = ledger.snapshot(await ledger.signature());
      const store = new ReferenceStore();
      for (const { seqno, maps } of ledger.entries) store.apply(seqno, maps);
      const tables = [...store.freeze().values()].map(({ live, tombstones, ...table }) => ({
        ...table,
        live: [...live.records()],
        tombstones: [...tombstones.records()],
      }));
      const { leaf, viewHistory } = content;
      const [first] = candidates({ seqno, leaf, viewHistory, tables }, []);
      expect(tiedRecords(first?.content.publicMaps)).toStrictEqual(tiedRecords(content.publicMaps));
      expect(tiedRecords(first?.content.privateMaps)).toStrictEqual(
        tiedRecords(content.privateMaps),
      );
    });

    test.each(['1', '2'] as const)(
      'profile %s: ties between tombstones and live keys',
      async (profile) => {
        const ledger = await makeTies('tombstones', filler);
        ledger.transaction([change('public:tied', {}, [a1, t2]), change('private tied', {}, [c1])]);
        ledger.vouch(await ledger.signature(), { profile });
        await ledger.signature();
        await expectIdentical(ledger, await replayMade(ledger));
      },
    );

    test.each(orders)('late maps as well, in the order of %s', async (_, tieOrder) => {
      const ledger = await makeTies('late and tied', filler);
      const version = await ledger.signature();
      ledger.transaction([change('late', { k: 'v' })]);
      ledger.transaction([change('public:late', { k: 'v' })]);
      ledger.vouch(version, { tieOrder, lateUntil: version + 1 });
      await ledger.signature();
      await expectIdentical(ledger, await replayMade(ledger));
    });

    test.each(orders)('without secrets, in the order of %s', async (_, tieOrder) => {
      const ledger = await makeTies('publicly', filler);
      ledger.vouch(await ledger.signature(), { tieOrder });
      await ledger.signature();
      const { files: snapshots } = await replayMade(ledger);
      const { report } = await replayMade(ledger, { memberKeys: [], snapshots });
      expect(report.snapshots).toMatchObject([{ result: 'public-identical' }]);
    });
  });

  test.each([
    ['joined from that snapshot', true],
    ['was there all along', false],
  ])('a start from a snapshot, the later one by a node that %s', async (_, hasJoined) => {
    const ledger = await makeTies('from', others);
    const first = ledger.vouch(await ledger.signature());
    ledger.transaction([change('public:tied', valued([a1, t1, c2]), [t3])]);
    ledger.transaction([change('public:tied', valued([t3, c1]), [b1])]);
    const joinedAt = hasJoined ? { joinedAt: first.content } : {};
    ledger.vouch(await ledger.signature(), joinedAt);
    await ledger.signature();
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    const [from] = replay.files;
    const files = new Map([...ledgerFiles(ledger)].slice(1));
    await expectIdentical(ledger, await replayMade(ledger, { files, ...(from && { from }) }));
  });

  test('twelve pairs at once in an order without rule: the most that is searched', async () => {
    const ledger = await MadeLedger.opened({ seed: 'twelve pairs', members });
    const keys = pairs.flat();
    ledger.transaction([change('public:one', valued(keys)), change('two', valued(keys))]);
    ledger.vouch(await ledger.signature(), { tieOrder: keySortedBackwards });
    await ledger.signature();
    await expectIdentical(ledger, await replayMade(ledger));
  });
});

function tiedRecords(maps: readonly { name: string; records: readonly SnapshotRecord[] }[] = []) {
  return maps
    .filter(({ name }) => name.endsWith('tied'))
    .map(({ name, records }) => [
      name,
      records.map(({ key, version }) => [`${Buffer.from(key)}`, version]),
    ]);
}

test('the store traverses as CCF does, whatever is written and removed in whatever order', () => {
  const pool = [
    ...pairs.flat(),
    ...tiedTriple,
    ...[5, 10, 15].flatMap((bits) => findNearKeys(4, bits)),
  ];
  const keys = fc.uniqueArray(fc.constantFrom(...new Set(pool)), { maxLength: 5 });
  const transaction = fc.tuple(keys, keys).map(([writes, removes]) =>
    change(
      'public:app',
      valued(writes),
      removes.filter((key) => !writes.includes(key)),
    ),
  );
  fc.assert(
    fc.property(fc.array(transaction, { maxLength: 30 }), (transactions) => {
      const store = new ReferenceStore();
      const model = new StateModel({ keepsTombstones: false });
      for (const [i, writes] of transactions.entries()) {
        store.apply(toSeqno(i + 1), [writes]);
        model.apply(toSeqno(i + 1), [writes]);
      }
      const [table] = model.maps((traversed) => traversed);
      const traversed = [...(store.freeze().get('public:app')?.live.records() ?? [])];
      expect(traversed).toStrictEqual([...(table?.records ?? [])]);
    }),
    { numRuns: 300, seed: 20261122 },
  );
});
