import { beforeAll, expect, test } from 'vitest';
import { toHex, toUtf8 } from '../../src/core/bytes.ts';
import { type Seqno, seqno, view } from '../../src/core/words.ts';
import { decodeEnvelope } from '../../src/formats/entries/entry.ts';
import { decodePublicDomain } from '../../src/formats/entries/write-set.ts';
import { commitEvidence } from '../../src/formats/merkle/commit-evidence.ts';
import { MerkleTree } from '../../src/formats/merkle/merkle-tree.ts';
import { type Appended, NodeLedger } from '../../src/node/node-ledger.ts';
import { VersionedStore } from '../../src/store/heap/versioned-store.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { makeMembers } from '../helpers/make-members.ts';
import type { MadeEntry } from '../helpers/make-snapshots.ts';
import { change } from '../helpers/make-tables.ts';
import { madeState, stateOf } from '../helpers/recover-made.ts';

let ledger: MadeLedger;

/** Private and public tables, removals, claims, flags, signatures and three views. */
beforeAll(async () => {
  ledger = await MadeLedger.opened({ seed: 'log', members: makeMembers(1) });
  ledger.transaction([change('records', { a: '1', b: '2' }), change('public:open', { c: '3' })]);
  await ledger.signature();
  ledger.transaction([change('records', { a: '4' }, ['b'])], { flags: 0x01 });
  ledger.vouch(seqno(4));
  ledger.changeView(3);
  ledger.transaction([change('public:open', {}, ['c'])]);
  await ledger.signature();
  ledger.changeView(6);
  ledger.transaction([change('records', { d: '5' }), change('more', { e: '6' })]);
  await ledger.signature();
});

function emptyLog(): NodeLedger {
  const start = {
    store: new VersionedStore(seqno(0), new Map()),
    tree: MerkleTree.genesis(),
    viewHistory: [],
  };
  return new NodeLedger(start, { at: (at) => ledger.secrets.at(at) });
}

/** Appends what a made entry writes, as it was written there. */
function append(log: NodeLedger, { maps, bytes, view: of }: MadeEntry): Appended {
  const { flags, publicDomain } = decodeEnvelope(bytes);
  const { claimsDigest } = decodePublicDomain(publicDomain);
  return log.append(maps, { view: of, flags, ...(claimsDigest && { claims: claimsDigest }) });
}

function logUpTo(last: number): NodeLedger {
  const log = emptyLog();
  for (const entry of ledger.entries.slice(0, last)) append(log, entry);
  return log;
}

const seqnosFrom = (first: number): Seqno[] =>
  ledger.entries.map(({ seqno: at }) => at).filter((at) => at >= first);

test('NodeLedger.append() makes the entries that an independent maker makes, byte for byte', () => {
  const log = emptyLog();
  for (const made of ledger.entries) expect(append(log, made).bytes).toStrictEqual(made.bytes);
});

test('NodeLedger.append() puts the leaf of each entry into the tree', () => {
  const log = emptyLog();
  for (const made of ledger.entries) {
    append(log, made);
    expect(toHex(log.tree.leafAt(made.seqno))).toBe(toHex(made.leaf));
  }
});

test('NodeLedger.append() tells place and commit evidence of each entry', () => {
  const log = emptyLog();
  for (const made of ledger.entries) {
    const txId = { view: made.view, seqno: made.seqno };
    const evidence = commitEvidence(ledger.secrets.at(made.seqno), txId);
    expect(append(log, made)).toMatchObject({ txId, commitEvidence: evidence });
  }
});

test('NodeLedger.append() keeps the history of views, those that were skipped too', () => {
  const log = emptyLog();
  for (const made of ledger.entries) {
    append(log, made);
    const { viewHistory } = ledger.snapshot(made.seqno).content;
    expect(log.freeze().viewHistory).toEqual(viewHistory);
    expect(log.lastTxId).toEqual({ view: made.view, seqno: made.seqno });
  }
});

test('NodeLedger.tables is the state after each entry', () => {
  const log = emptyLog();
  for (const made of ledger.entries) {
    append(log, made);
    expect(stateOf(log.tables.values())).toEqual(madeState(ledger, made.seqno));
  }
});

test('NodeLedger.lastSignature is that of the last signature transaction, and 0 before the first', () => {
  const log = emptyLog();
  let expected = 0;
  for (const made of ledger.entries) {
    append(log, made);
    if (made.isSignature) expected = made.seqno;
    expect(log.lastSignature).toBe(expected);
  }
});

test('NodeLedger.append() applies nothing when a secret is missing', () => {
  const log = new NodeLedger(
    {
      store: new VersionedStore(seqno(0), new Map()),
      tree: MerkleTree.genesis(),
      viewHistory: [],
    },
    {
      at: () => {
        throw new Error('no secret');
      },
    },
  );
  expect(() => log.append([change('t', { k: 'v' })], { view: view(2) })).toThrow('no secret');
  expect([log.last, log.tree.leafCount, log.tables.size]).toEqual([0, 1, 0]);
});

test('NodeLedger.rollback() to any seqno, then the same entries again, gives the same roots and state', () => {
  const whole = logUpTo(ledger.entries.length);
  for (const to of [seqno(0), ...seqnosFrom(1)]) {
    const log = logUpTo(ledger.entries.length);
    log.rollback(to);
    expect(log.tree.root()).toStrictEqual(logUpTo(to).tree.root());
    expect(stateOf(log.tables.values())).toEqual(madeState(ledger, to));
    for (const made of ledger.entries.slice(to)) append(log, made);
    expect(log.tree.root()).toStrictEqual(whole.tree.root());
    expect(log.freeze().viewHistory).toEqual(whole.freeze().viewHistory);
  }
});

test('NodeLedger.rollback() goes back to place, view and signature of the entry that is last then', () => {
  for (const made of ledger.entries) {
    const log = logUpTo(ledger.entries.length);
    log.rollback(made.seqno);
    const expected = logUpTo(made.seqno);
    expect(log.lastTxId).toEqual(expected.lastTxId);
    expect(log.lastSignature).toBe(expected.lastSignature);
  }
});

test('NodeLedger.compact() leaves root, state and rollbacks above it as they were', () => {
  for (const to of seqnosFrom(1)) {
    const log = logUpTo(ledger.entries.length);
    const root = log.tree.root();
    log.compact(to);
    expect(log.tree.root()).toStrictEqual(root);
    log.rollback(to);
    expect(log.tree.root()).toStrictEqual(logUpTo(to).tree.root());
  }
});

test('NodeLedger.compact() flushes the tree: what it writes then is what the maker writes', () => {
  const log = emptyLog();
  for (const made of ledger.entries) {
    if (made.isSignature && log.lastSignature > 0) {
      const before = log.tree.serialise({ flushed: log.lastSignature });
      log.compact(log.lastSignature);
      expect(log.tree.serialise({ flushed: log.lastSignature })).toStrictEqual(before);
    }
    append(log, made);
  }
});

test('NodeLedger.rollback() below what is compacted is refused, and changes nothing', () => {
  const log = logUpTo(8);
  const root = log.tree.root();
  log.compact(seqno(6));
  expect(() => log.rollback(seqno(5))).toThrow(RangeError);
  expect(log.last).toBe(8);
  expect(log.tree.root()).toStrictEqual(root);
});

test('NodeLedger.freeze() stays as it is, whatever comes after it', () => {
  const log = logUpTo(4);
  const frozen = log.freeze();
  for (const made of ledger.entries.slice(4)) append(log, made);
  log.compact(log.last);
  log.append([change('records', { a: 'changed' })], { view: view(9) });
  expect(stateOf(frozen.tables)).toEqual(madeState(ledger, 4));
  expect(frozen.leaf).toStrictEqual(ledger.entries[3]?.leaf);
  expect(frozen.viewHistory).toEqual(ledger.snapshot(seqno(4)).content.viewHistory);
});

test('NodeLedger.freeze() stays as it is through a rollback', () => {
  const log = logUpTo(6);
  const frozen = log.freeze();
  log.rollback(seqno(3));
  log.append([change('records', { a: 'another' })], { view: view(7) });
  expect(stateOf(frozen.tables)).toEqual(madeState(ledger, 6));
});

test('NodeLedger.append() does not keep the bytes that it is given', () => {
  const log = emptyLog();
  const value = toUtf8('value');
  log.append([{ name: 't', writes: [{ key: toUtf8('k'), value }], removes: [] }], {
    view: view(2),
  });
  value.fill(0);
  const record = log.tables.get('t')?.live.get(toUtf8('k'));
  expect(record?.value).toStrictEqual(toUtf8('value'));
});

test('NodeLedger begins only with a tree that has a leaf for each entry', () => {
  const store = new VersionedStore(seqno(3), new Map());
  const start = { store, tree: MerkleTree.genesis(), viewHistory: [] };
  expect(() => new NodeLedger(start, { at: () => new Uint8Array(32) })).toThrow(
    'a leaf for each entry',
  );
});
