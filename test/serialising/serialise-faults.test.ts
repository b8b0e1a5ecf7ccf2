import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import type { FrozenState } from '../../src/core/host-ports.ts';
import { type digest, type Seqno, seqno } from '../../src/core/words.ts';
import { isLockName } from '../../src/files/directory-lock.ts';
import { verifySnapshotFile } from '../../src/formats/snapshot/verify-snapshot.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';
import { makeTemporaryDirectory } from '../../src/io/temporary-directory.ts';
import { environmentOf } from '../../src/jobs/environment.ts';
import type { SnapshotJobs } from '../../src/jobs/snapshot-jobs.ts';
import { createSnapshotter } from '../../src/snapshotter/create-snapshotter.ts';
import { SharedStore } from '../../src/store/shared/shared-store.ts';
import type { JobExecutor, RunOptions } from '../../src/tasks/job.ts';
import { LogHost } from '../helpers/log-host.ts';
import { MemoryPool } from '../helpers/make-shared-store.ts';
import { start, turns } from '../helpers/set-up-host.ts';

// What becomes of a generation whose worker dies while it serialises a large state. One that hangs or has no memory left
// dies of it: see test/tasks.

const memories = new MemoryPool();

/** The host's state and so much more that it goes through the ring, in shared memory. */
function large(frozen: FrozenState): FrozenState {
  const store = new SharedStore(seqno(6), frozen.tables, { createMemory: memories.createMemory });
  const writes = Array.from({ length: 200 }, (_, i) => ({
    key: toUtf8(`large ${i}`),
    value: new Uint8Array(50_000).fill(i),
  }));
  store.apply(seqno(7), [{ name: 'public:large', writes, removes: [] }]);
  const held = store.freeze();
  const { leaf, viewHistory } = frozen;
  return {
    ...{ leaf, viewHistory, tables: held.tables, share: () => held.share() },
    release: () => {
      held.release();
      frozen.release();
    },
  };
}

/** What happens to the threads of a snapshotter that serialises. */
interface Threads {
  /** Serialisations begun so far. */
  count: number;
}

type Trouble = (count: number, threads: JobExecutor<SnapshotJobs>, options: RunOptions) => void;

/** Real threads, which come into trouble whenever they serialise; each time they are new ones. */
function troubled(trouble: Trouble): {
  readonly start: () => JobExecutor<SnapshotJobs>;
  readonly threads: Threads;
} {
  const startReal = environmentOf().startExecutor;
  const threads: Threads = { count: 0 };
  const start = (): JobExecutor<SnapshotJobs> => {
    let real = startReal();
    return {
      run: async (job, input, options = {}) => {
        if (job !== 'serialiseShared') return real.run(job, input, options);
        const mine = real;
        try {
          const running = real.run(job, input, options);
          trouble(++threads.count, mine, options);
          return await running;
        } catch (error) {
          await mine.close();
          real = startReal();
          throw error;
        }
      },
      close: () => real.close(),
    };
  };
  return { start, threads };
}

async function take(trouble: Trouble, attemptsMax: number) {
  const made = await makeTemporaryDirectory('serialise-faults-');
  onTestFinished(() => made.remove());
  const host = new LogHost();
  const asked: { readonly snapshotSeqno: Seqno; readonly digest: ReturnType<typeof digest> }[] = [];
  const { start: startExecutor, threads } = troubled(trouble);
  const snapshotter = await createSnapshotter({
    directory: made.path,
    source: { freeze: () => large(host.freeze()) },
    secrets: { at: () => host.secret },
    identity: createPublicKey(host.key),
    txInterval: 4,
    attemptsMax,
    evidence: {
      submit: async (evidence) => {
        asked.push(evidence);
        return { seqno: seqno(host.last + 1) };
      },
    },
    environment: { startExecutor },
  });
  onTestFinished(async () => {
    await snapshotter.close();
    memories.reset();
    expect(host.released).toBe(host.frozen);
  });
  const generation = await start({ host, snapshotter });
  return { directory: made.path, host, asked, snapshotter, generation, threads };
}

const dies: Trouble = (_, threads) => void threads.close();

test('a worker that dies in the middle is replaced, and the snapshot has the right bytes', async () => {
  const { directory, host, asked, snapshotter, generation, threads } = await take(
    (count, pool, options) => {
      if (count < 3) dies(count, pool, options);
    },
    3,
  );
  await expect.poll(() => asked.length, { timeout: 20_000 }).toBe(1);
  for (const evidence of asked) host.recordEvidence(snapshotter, evidence);
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  const output = await generation.ended;
  expect(output).toMatchObject({ outcome: 'committed', file: 'snapshot_6_7.committed' });
  expect(threads.count).toBe(3);
  const bytes = await realFileSystem.readFile(join(directory, 'snapshot_6_7.committed'), {
    bytesMax: 2 ** 30,
  });
  expect(bytes.length).toBeGreaterThan(10_000_000);
  const trustedKeys = [createPublicKey(host.key)];
  const verified = await verifySnapshotFile(bytes, {
    fileName: 'snapshot_6_7.committed',
    trustedKeys,
  });
  expect(verified).toMatchObject({ trusted: true, digest: output.digest });
});

test('workers that die every time end the generation as serialise-failed, and nothing is left', async () => {
  const { directory, generation } = await take(dies, 2);
  expect(await generation.ended).toMatchObject({ outcome: 'serialise-failed', leftover: false });
  await turns();
  const names = (await realFileSystem.list(directory)).map(({ name }) => name);
  expect(names.filter((name) => !isLockName(name))).toEqual([]);
});
