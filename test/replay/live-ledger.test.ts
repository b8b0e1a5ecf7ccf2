import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readMemberKeys } from '../../src/index.ts';
import { createReceipt } from '../../src/ledger/create-receipt.ts';
import { readIdentities } from '../../src/ledger/read-identities.ts';
import { createNode } from '../../src/node/create-node.ts';
import type { LedgerNode } from '../../src/node/ledger-node.ts';
import { recover } from '../../src/recovery/recover.ts';
import { replayLedger } from '../../src/replay/replay.ts';

/** A node that writes from beginning to end, with chunks so small that they are completed and renamed all the time. */
let node: LedgerNode;
let directory: string;
let writing: Promise<void>;
let isStopped = false;
let written = 0;
let places = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'live-ledger-'));
  const options = { snapshotTxInterval: 200, signatureTxInterval: 20, chunkBytesMax: 20_000 };
  node = await createNode({ directory: join(directory, 'node'), ...options });
  writing = write();
  while (written < 300) await pause(20);
}, 60_000);

afterAll(async () => {
  isStopped = true;
  await writing;
  await node.close();
  await rm(directory, { recursive: true });
});

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

async function write(): Promise<void> {
  for (let i = 0; !isStopped; i++) {
    await node.transaction((tx) => tx.put('public:a', `${i % 500}`, 'v'.repeat(100)));
    written = i;
    await pause(8);
  }
}

const ledger = () => join(directory, 'node', 'ledger');
const out = () => join(directory, `out-${places++}`);

test.each<[string, () => Promise<unknown>]>([
  ['replay', async () => (await replayLedger({ ledger: ledger(), out: out() })).failure],
  [
    'replay at the level tree',
    async () => (await replayLedger({ ledger: ledger(), level: 'tree' })).failure,
  ],
  ['identities', async () => (await readIdentities({ ledger: ledger() })).failure],
  [
    'recover',
    async () => {
      const recovered = await recover({
        ledger: ledger(),
        snapshots: join(directory, 'node', 'snapshots'),
        services: [node.service],
      });
      expect(recovered.tables.size).toBeGreaterThan(0);
    },
  ],
  [
    'receipt create',
    async () => {
      const memberKeys = await readMemberKeys(join(directory, 'node', 'keys'));
      const made = await createReceipt({ ledger: ledger(), seqno: 100, memberKeys });
      expect(made.txId.seqno).toBe(100);
    },
  ],
])('%s reads a ledger in place, 12 times of 12', { timeout: 120_000 }, async (_, read) => {
  for (let i = 0; i < 12; i++) expect(await read()).toBeUndefined();
});
