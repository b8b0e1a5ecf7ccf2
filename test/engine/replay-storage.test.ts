import { expect, test } from 'vitest';
import { replayLedger } from '../../src/engine/replay.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { ledgerFiles, writeFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { keysOf } from '../helpers/replay-made.ts';

async function made(): Promise<{ disk: MemoryFileSystem; ledger: MadeLedger }> {
  const ledger = await MadeLedger.opened({ seed: 'storage', members: makeMembers(1) });
  ledger.vouch(await ledger.signature());
  await ledger.signature();
  const disk = new MemoryFileSystem();
  await writeFiles(disk, '/ledger', ledgerFiles(ledger));
  return { disk, ledger };
}

const replay = (disk: MemoryFileSystem, ledger: MadeLedger) =>
  replayLedger({
    ledger: '/ledger',
    out: '/out',
    memberKeys: keysOf(ledger),
    environment: { fileSystem: disk },
  });

const ofSpools = { path: (path: string) => path.includes('spool_') };

test('a disk that is full says nothing about the ledger: not comparable, and how it failed', async () => {
  const { disk, ledger } = await made();
  disk.failNext('open', 'ENOSPC', ofSpools);
  const { snapshots, failure } = await replay(disk, ledger);
  expect(failure).toBeUndefined();
  expect(snapshots).toMatchObject([
    { result: 'not-comparable', outcome: 'persist-failed', receipt: 'none' },
  ]);
  expect(snapshots[0]?.file).toBeUndefined();
});

test('a disk that fails once the digest is known leaves the result as it is', async () => {
  const { disk, ledger } = await made();
  disk.failNext('sync', 'EIO', ofSpools);
  const { snapshots } = await replay(disk, ledger);
  expect(snapshots).toMatchObject([
    { result: 'identical', outcome: 'persist-failed', receipt: 'none' },
  ]);
  expect((await disk.list('/out')).map(({ name }) => name)).toEqual([]);
});
