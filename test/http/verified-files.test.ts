import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { StorageError, VerificationError } from '../../src/core/errors.ts';
import { digest } from '../../src/core/words.ts';
import { VerifiedFiles } from '../../src/http/verified-files.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';
import { environmentOf } from '../../src/jobs/environment.ts';
import type { SnapshotJobs } from '../../src/jobs/snapshot-jobs.ts';
import { createNode } from '../../src/node/create-node.ts';
import type { JobExecutor } from '../../src/tasks/job.ts';
import { plant, takeSnapshot } from '../helpers/node-host.ts';

const megabyte = 1024 * 1024;

/** A node on a real disk with a snapshot of so many bytes and more. */
async function nodeWithSnapshotOf(bytes: number) {
  const directory = await mkdtemp(join(tmpdir(), 'verified-files-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const node = await createNode({ directory, snapshotTxInterval: 1_000_000 });
  onTestFinished(() => node.close());
  const value = new Uint8Array(megabyte - 1);
  for (let i = 0; i * megabyte < bytes; i++) {
    await node.transaction((tx) => tx.put('records', `key ${i}`, value));
  }
  await takeSnapshot(node);
  return node;
}

test('VerifiedFiles verifies a file of more than 16 MB, and the main thread reads nothing of it', async () => {
  const node = await nodeWithSnapshotOf(20 * megabyte);
  const { startExecutor } = environmentOf();
  const read: string[] = [];
  const fileSystem = {
    ...realFileSystem,
    readFile: async (path: string) => {
      read.push(path);
      throw new Error('the main thread reads no snapshot');
    },
  };
  const files = new VerifiedFiles({
    directory: node.snapshots.directory,
    services: [node.service],
    environment: environmentOf({ fileSystem, startExecutor }),
  });
  onTestFinished(() => files.close());
  const verification = async () => {
    const [file] = await files.list();
    expect(file?.bytes).toBeGreaterThan(20 * megabyte);
    return file?.verification;
  };
  expect(await verification()).toEqual({ status: 'not-yet' });
  await expect.poll(verification, { timeout: 30_000 }).toMatchObject({
    status: 'verified',
    trusted: true,
  });
  expect(read).toEqual([]);
});

/** Files that bear names of snapshots, before an executor that answers as it is told, once each. */
async function listedBy(count: number, answers: readonly (() => Promise<Answer>)[]) {
  const fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory('/snapshots');
  for (let i = 1; i <= count; i++) {
    await plant(fileSystem, `/snapshots/snapshot_${i}_${i + 1}.committed`, Uint8Array.of(i));
  }
  const asked: string[] = [];
  let closes = 0;
  const executor: JobExecutor<SnapshotJobs> = {
    run: (job, input) => {
      asked.push(`${job} ${(input as { readonly path: string }).path}`);
      // Only files are verified here, and only so they answer.
      return (answers[asked.length - 1] ?? never)() as Promise<never>;
    },
    close: async () => {
      closes++;
    },
  };
  const environment = environmentOf({ fileSystem, startExecutor: () => executor });
  const files = new VerifiedFiles({ directory: '/snapshots', services: [], environment });
  const statuses = async () => (await files.list()).map(({ verification }) => verification?.status);
  return { files, asked, statuses, closes: () => closes };
}

type Answer = SnapshotJobs['verifyFile']['output'];

const never = () => new Promise<Answer>(() => {});
const proved = async () => ({ digest: digest('ab'.repeat(32)), trusted: false });

test('VerifiedFiles tries again what could not be read, and never what was refused', async () => {
  const { statuses, asked } = await listedBy(2, [
    () => Promise.reject(new StorageError('WORKER_DIED', 'its thread died')),
    () => Promise.reject(new VerificationError('SIG_INVALID', 'forged')),
    proved,
  ]);
  expect(await statuses()).toEqual(['not-yet', 'not-yet']);
  expect(await statuses()).toEqual(['unreadable', 'refused']);
  expect(await statuses()).toEqual(['verified', 'refused']);
  expect(await statuses()).toEqual(['verified', 'refused']);
  const [newer, older] = ['snapshot_2_3', 'snapshot_1_2'].map(
    (name) => `verifyFile /snapshots/${name}.committed`,
  );
  expect(asked).toEqual([newer, older, newer]);
});

test('VerifiedFiles has eight files under way at most, newest first, each once', async () => {
  const { statuses, asked, files, closes } = await listedBy(12, [proved, never]);
  await statuses();
  expect(asked).toHaveLength(8);
  expect(asked[0]).toContain('snapshot_12_13');
  expect((await statuses())[0]).toBe('verified');
  expect(asked).toHaveLength(9);
  await files.close();
  await statuses();
  expect(asked).toHaveLength(9);
  expect(closes()).toBe(1);
});
