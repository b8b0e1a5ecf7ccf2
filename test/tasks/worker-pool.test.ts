import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { AbortedError } from '../../src/core/errors.ts';
import { WorkerPool, type WorkerPoolOptions } from '../../src/tasks/worker-pool.ts';
import type { EchoTable } from './fixtures/echo-jobs.ts';
import { echoWorker } from './fixtures/echo-worker-url.ts';

const pools: WorkerPool<EchoTable>[] = [];

function makePool(options: WorkerPoolOptions = {}, entry = echoWorker): WorkerPool<EchoTable> {
  const pool = new WorkerPool<EchoTable>(entry, options);
  pools.push(pool);
  return pool;
}

/** Keeps one worker busy until it is stopped. */
function block(pool: WorkerPool<EchoTable>): { stop(): void; ended: Promise<string> } {
  const controller = new AbortController();
  const ended = pool.run('finishWhenAborted', undefined, { signal: controller.signal });
  return { stop: () => controller.abort(), ended };
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

test('WorkerPool runs jobs on other threads, at most as many as it has workers', async () => {
  const pool = makePool({ workers: 2 });
  const ids = await Promise.all(Array.from({ length: 20 }, () => pool.run('threadId', undefined)));
  expect(new Set(ids).size).toBe(2);
  expect(ids).not.toContain(0);
});

test('WorkerPool starts no second worker while the first one is free', async () => {
  const pool = makePool({ workers: 2 });
  const first = await pool.run('threadId', undefined);
  expect(await pool.run('threadId', undefined)).toBe(first);
});

test('WorkerPool runs waiting jobs in the order in which they came', async () => {
  const pool = makePool({ workers: 1 });
  const blocker = block(pool);
  const order: number[] = [];
  const jobs = [1, 2, 3].map(async (n) => {
    await pool.run('echo', n);
    order.push(n);
  });
  blocker.stop();
  await Promise.all(jobs);
  expect(order).toEqual([1, 2, 3]);
});

test('WorkerPool refuses a job more than may wait', async () => {
  const pool = makePool({ workers: 1, queueMax: 1 });
  const blocker = block(pool);
  const waiting = pool.run('echo', 1);
  await expect(pool.run('echo', 2)).rejects.toMatchObject({
    name: 'StorageError',
    code: 'QUEUE_FULL',
    limit: 1,
  });
  blocker.stop();
  expect(await waiting).toBe(1);
});

test('WorkerPool with queueMax 0 takes a job that need not wait', async () => {
  const pool = makePool({ workers: 1, queueMax: 0 });
  const blocker = block(pool);
  await expect(pool.run('echo', 1)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
  blocker.stop();
  await blocker.ended;
  expect(await pool.run('echo', 2)).toBe(2);
});

test('WorkerPool drops an aborted job that waits at once', async () => {
  const pool = makePool({ workers: 1, queueMax: 1 });
  const blocker = block(pool);
  const controller = new AbortController();
  const waiting = pool.run('echo', 1, { signal: controller.signal });
  controller.abort();
  await expect(waiting).rejects.toBeInstanceOf(AbortedError);
  const next = pool.run('echo', 2);
  blocker.stop();
  expect(await next).toBe(2);
});

test('WorkerPool goes on behind a waiting job whose input cannot be copied', async () => {
  const pool = makePool({ workers: 1 });
  const blocker = block(pool);
  const failing = expect(pool.run('echo', () => {})).rejects.toMatchObject({
    name: 'DataCloneError',
  });
  const working = pool.run('echo', 2);
  blocker.stop();
  await failing;
  expect(await working).toBe(2);
});

test('WorkerPool fails the job of a worker that exits, and replaces the worker', async () => {
  const pool = makePool({ workers: 1 });
  const first = await pool.run('threadId', undefined);
  const dying = expect(pool.run('exit', 3)).rejects.toMatchObject({
    name: 'StorageError',
    code: 'WORKER_DIED',
    actual: 3,
  });
  const second = pool.run('threadId', undefined);
  await dying;
  expect(await second).not.toBe(first);
});

test('WorkerPool names what ended a worker as the cause', async () => {
  const pool = makePool({ workers: 1 });
  await expect(pool.run('throwUncaught', 'boom')).rejects.toMatchObject({
    code: 'WORKER_DIED',
    cause: expect.objectContaining({ message: 'boom' }),
  });
  expect(await pool.run('echo', 1)).toBe(1);
});

test('WorkerPool fails each job when its entry cannot be loaded', async () => {
  const pool = makePool({}, new URL('./fixtures/no-such-worker.js', import.meta.url));
  await expect(pool.run('echo', 1)).rejects.toMatchObject({ code: 'WORKER_DIED' });
  await expect(pool.run('echo', 2)).rejects.toMatchObject({ code: 'WORKER_DIED' });
});

test('WorkerPool passes on that its workers do not know a job', async () => {
  const pool = new WorkerPool<{ unknown: { input: number; output: number } }>(echoWorker);
  await expect(pool.run('unknown', 1)).rejects.toThrow('no job unknown');
  await pool.close();
});

test('WorkerPool.close() ends a job that never ends, and drops those that wait', async () => {
  const pool = makePool({ workers: 1 });
  const closed = { name: 'StorageError', code: 'CLOSED' };
  const running = expect(pool.run('never', undefined)).rejects.toMatchObject(closed);
  const waiting = expect(pool.run('echo', 1)).rejects.toMatchObject(closed);
  await pool.close();
  await Promise.all([running, waiting]);
});

test.each([[{ workers: 0 }], [{ workers: 1.5 }], [{ queueMax: -1 }]])(
  'WorkerPool refuses the options %j',
  (options) => {
    expect(() => new WorkerPool<EchoTable>(echoWorker, options)).toThrow(RangeError);
  },
);

test('WorkerPool keeps the process alive while a job runs, and not longer', () => {
  const poolModule = new URL('../../dist/src/tasks/worker-pool.js', import.meta.url);
  const script = `
    import { WorkerPool } from '${poolModule.href}';
    const pool = new WorkerPool(new URL('${echoWorker.href}'));
    pool.run('echo', 'answered').then((output) => process.stdout.write(output));
  `;
  const options = { timeout: 30_000, cwd: fileURLToPath(new URL('.', import.meta.url)) };
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], options);
  expect([child.status, child.stdout.toString()]).toEqual([0, 'answered']);
});

test('WorkerPool.close() keeps the process alive until it is closed, though an answer comes meanwhile', () => {
  const pool = new URL('../../dist/src/tasks/worker-pool.js', import.meta.url);
  const script = `
    import { WorkerPool } from '${pool}';
    const pool = new WorkerPool(new URL('${echoWorker}'), { workers: 1 });
    await pool.run('echo', 1);
    pool.run('echo', 2).catch(() => {});
    // The answer is there, unread, when the worker is told to end.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    await pool.close();
    process.stdout.write('closed');
  `;
  const options = { timeout: 30_000 };
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], options);
  expect([child.status, child.stdout.toString()]).toEqual([0, 'closed']);
});
