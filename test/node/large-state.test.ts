import { createPrivateKey } from 'node:crypto';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { fromUtf8, toHex } from '../../src/core/bytes.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';
import { makeTemporaryDirectory } from '../../src/io/temporary-directory.ts';
import { createNode } from '../../src/node/create-node.ts';
import type { LedgerNode } from '../../src/node/ledger-node.ts';
import { replayLedger } from '../../src/replay/replay.ts';
import type { Transaction } from '../../src/store/transaction.ts';
import { untilIdle } from '../helpers/node-host.ts';

const valueBytes = 100_000;
const keys = 70;

/** A transaction over both kinds of tables; so many keys take a state beyond what is serialised in one piece. */
const change = (round: number) => (tx: Transaction) => {
  for (let i = round % 7; i < keys; i += 7) {
    tx.put(
      i % 2 === 0 ? 'public:clear' : 'secret',
      `key ${i}`,
      new Uint8Array(valueBytes).fill(i + round),
    );
  }
  tx.put('public:clear', 'round', `${round}`);
};

/** Of each value its digest. */
const stateOf = (node: LedgerNode): readonly (string | undefined)[] =>
  ['round', ...Array.from({ length: keys }, (_, i) => `key ${i}`)].map((key, i) => {
    const value = node.get(i % 2 === 1 || i === 0 ? 'public:clear' : 'secret', key);
    return value && toHex(sha256(value));
  });

async function directory(): Promise<string> {
  const made = await makeTemporaryDirectory('node-large-state-');
  onTestFinished(() => made.remove());
  return made.path;
}

test('createNode() snapshots a large state while it goes on, and a replay of its ledger finds the same bytes', {
  timeout: 120_000,
}, async () => {
  const path = await directory();
  const node = await createNode({
    directory: path,
    snapshotTxInterval: 12,
    signatureTxInterval: 6,
  });
  const progress = new Set<number>();
  for (let round = 0; round < 60; round++) {
    await node.transaction(change(round), { until: 'durable' });
    for (const live of node.snapshots.live) progress.add(live.progress);
  }
  await untilIdle(node);
  const found = await node.snapshots.list();
  const committed = found.filter((file) => file.committed);
  expect(committed.length).toBeGreaterThan(2);
  expect(Math.max(...committed.map(({ bytes }) => bytes))).toBeGreaterThan(5_000_000);
  const root = node.root();
  const state = stateOf(node);
  expect(new Set(state).size).toBeGreaterThan(keys / 2);
  expect(state).not.toContain(undefined);
  await node.close();

  const member = await realFileSystem.readFile(join(path, 'keys/member0_enc_privk.pem'), {
    bytesMax: 10_000,
  });
  const report = await replayLedger({
    ledger: join(path, 'ledger'),
    out: join(path, 'again'),
    snapshots: join(path, 'snapshots'),
    memberKeys: [createPrivateKey(fromUtf8(member))],
  });
  expect(report.failure).toBeUndefined();
  expect(report.snapshots.length).toBeGreaterThanOrEqual(committed.length);
  expect(new Set(report.snapshots.map(({ result }) => result))).toEqual(new Set(['identical']));

  const again = await createNode({ directory: path });
  onTestFinished(() => again.close());
  expect(again.recovered.snapshot?.file).toBe(committed[0]?.file);
  expect(again.root()).toBe(root);
  expect(stateOf(again)).toStrictEqual(state);
  expect(fromUtf8(again.get('public:clear', 'round') ?? new Uint8Array(0))).toBe('59');
  expect(again.get('secret', 'key 1')).toStrictEqual(new Uint8Array(valueBytes).fill(1 + 57));
  expect([...progress].every((part) => part >= 0 && part <= 1)).toBe(true);
});
