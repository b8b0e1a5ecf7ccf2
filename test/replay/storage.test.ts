import { expect, test } from 'vitest';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { replayLedger } from '../../src/replay/replay.ts';
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

test('snapshots to start from and to compare with are never in memory whole', async () => {
  const { disk, ledger } = await made();
  const whole = await replay(disk, ledger);
  const file = whole.snapshots[0]?.file ?? '';
  const { readFile } = disk;
  disk.readFile = (path, options) => {
    if (path.includes('snapshot_')) throw new Error(`${path} may be larger than memory`);
    return readFile.call(disk, path, options);
  };
  const options = { ledger: '/ledger', environment: { fileSystem: disk } };
  const memberKeys = keysOf(ledger);
  const compared = { ...options, snapshots: '/out' };
  const results = await Promise.all([
    replayLedger({ ...compared, out: '/compared', memberKeys }),
    replayLedger({ ...compared, out: '/public' }),
  ]);
  expect(results.map(({ snapshots }) => snapshots.map(({ result }) => result))).toEqual([
    ['identical'],
    ['public-identical'],
  ]);
  const started = await replayLedger({
    ...options,
    out: '/from',
    from: `/out/${file}`,
    memberKeys,
  });
  const { verifiedUntil } = started.summary;
  expect({ failure: started.failure, verifiedUntil }).toEqual({
    failure: undefined,
    verifiedUntil: whole.summary.verifiedUntil,
  });
  expect(started.summary.transactions).toBeLessThan(whole.summary.transactions);
  expect(disk.openHandles).toBe(0);
});

test('a snapshot to start from is read no further once the replay is aborted', async () => {
  const { disk, ledger } = await made();
  const { snapshots } = await replay(disk, ledger);
  const controller = new AbortController();
  const hold = disk.holdNext('read', { path: (path) => path.includes('snapshot_') });
  const replaying = replayLedger({
    ...{ ledger: '/ledger', out: '/from', from: `/out/${snapshots[0]?.file}` },
    signal: controller.signal,
    environment: { fileSystem: disk },
  });
  await hold.reached;
  controller.abort();
  hold.release();
  await expect(replaying).rejects.toMatchObject({ code: 'ABORTED' });
  expect(disk.openHandles).toBe(0);
});
