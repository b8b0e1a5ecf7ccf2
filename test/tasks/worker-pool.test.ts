import { spawnSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { AbortedError } from '../../src/core/errors.ts';
import type { JobClass } from '../../src/tasks/job.ts';
import { WorkerPool, type WorkerPoolOptions } from '../../src/tasks/worker-pool.ts';
import { isCollected } from './fixtures/collect-garbage.ts';
import type { EchoTable } from './fixtures/echo-jobs.ts';
import { echoWorker } from './fixtures/echo-worker-url.ts';
import { TickClock } from './fixtures/tick-clock.ts';

const pools: WorkerPool<EchoTable>[] = [];

function makePool(options: WorkerPoolOptions = {}, entry = echoWorker): WorkerPool<EchoTable> {
  const pool = new WorkerPool<EchoTable>(entry, options);
  pools.push(pool);
  return pool;
}

/** Keeps one worker busy until it is stopped. */
function block(
  pool: WorkerPool<EchoTable>,
  jobClass?: JobClass,
): { stop(): void; ended: Promise<string> } {
  const controller = new AbortController();
  const { signal } = controller;
  const ended = pool.run('finishWhenAborted', undefined, { class: jobClass, signal });
  return { stop: () => controller.abort(), ended };
}

/** Runs a script with a `WorkerPool` and the url of a `worker` in a process of its own, which ends when nothing holds it. */
function runAlone(script: string): { readonly status: number | null; readonly stdout: string } {
  const pool = new URL('../../dist/src/tasks/worker-pool.js', import.meta.url);
  const head = `import { WorkerPool } from '${pool}'; const worker = new URL('${echoWorker}');`;
  const args = ['--input-type=module', '-e', head + script];
  const { status, stdout } = spawnSync(process.execPath, args, { timeout: 30_000 });
  return { status, stdout: stdout.toString() };
}

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

const watched = () => {
  const clock = new TickClock();
  return { clock, pool: makePool({ workers: 1, watch: { clock, hungMs: 1000 } }) };
};

test('WorkerPool ends a thread that shows no sign of life, and takes another', async () => {
  const { clock, pool } = watched();
  const signs = new Int32Array(new SharedArrayBuffer(4));
  const running = pool.run('countAndHang', { signs, count: 3 }, { signsOfLife: signs });
  const failed = expect(running).rejects.toMatchObject({
    code: 'WORKER_DIED',
    cause: { message: 'it showed no sign of life' },
  });
  while (Atomics.load(signs, 0) < 3) await new Promise((resolve) => setImmediate(resolve));
  // The first time it has shown some since the beginning.
  clock.tick(1000);
  expect(clock.timers).toBe(1);
  clock.tick(1000);
  await failed;
  expect(await pool.run('echo', 'well')).toBe('well');
  expect(clock.timers).toBe(0);
});

test('WorkerPool leaves a thread alone that shows signs of life, and one that is not watched', async () => {
  const { clock, pool } = watched();
  const signs = new Int32Array(new SharedArrayBuffer(4));
  const controller = new AbortController();
  const { signal } = controller;
  const alive = pool.run('finishWhenAborted', undefined, { signal, signsOfLife: signs });
  for (let i = 0; i < 5; i++) {
    Atomics.add(signs, 0, 1);
    clock.tick(1000);
  }
  controller.abort();
  expect(await alive).toBe('finished');
  const again = new AbortController();
  const silent = pool.run('finishWhenAborted', undefined, { signal: again.signal });
  clock.tick(10_000);
  again.abort();
  expect(await silent).toBe('finished');
});

test('WorkerPool ends a thread that does not stop when it is told to', async () => {
  const { clock, pool } = watched();
  const controller = new AbortController();
  const running = pool.run('block', undefined, { signal: controller.signal });
  const failed = expect(running).rejects.toMatchObject({
    code: 'WORKER_DIED',
    cause: { message: 'it did not stop when it was told to' },
  });
  controller.abort();
  clock.tick(1000);
  await failed;
});

test('WorkerPool runs jobs on other threads, at most as many as it has workers', async () => {
  const pool = makePool({ workers: 2 });
  const ids = await Promise.all(Array.from({ length: 20 }, () => pool.run('threadId', undefined)));
  expect(new Set(ids).size).toBe(2);
  expect(ids).not.toContain(0);
});

test('TSK-11 WorkerPool starts no second worker while the first one is free', async () => {
  const pool = makePool({ workers: 2 });
  const first = await pool.run('threadId', undefined);
  expect(await pool.run('threadId', undefined)).toBe(first);
});

test('TSK-10 WorkerPool runs waiting jobs of a class in the order in which they came', async () => {
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

test('TSK-10 WorkerPool runs critical jobs before the normal ones that wait', async () => {
  const pool = makePool({ workers: 1 });
  const blocker = block(pool);
  const order: string[] = [];
  const classes: JobClass[] = ['normal', 'critical', 'normal', 'critical'];
  const jobs = classes.map(async (jobClass, index) => {
    await pool.run('echo', index, { class: jobClass });
    order.push(`${jobClass} ${index}`);
  });
  blocker.stop();
  await Promise.all(jobs);
  expect(order).toEqual(['critical 1', 'critical 3', 'normal 0', 'normal 2']);
});

test('TSK-10 WorkerPool keeps critical-only threads free of normal jobs', async () => {
  const pool = makePool({ workers: 1, criticalWorkers: 1 });
  const blocker = block(pool);
  const normal = pool.run('threadId', undefined);
  expect(pool.summary()).toEqual({ waiting: { critical: 0, normal: 1 }, running: 1, workers: 1 });
  const critical = await pool.run('threadId', undefined, { class: 'critical' });
  expect(pool.summary().waiting.normal).toBe(1);
  blocker.stop();
  expect(await normal).not.toBe(critical);
  await blocker.ended;
});

test('TSK-10 WorkerPool gives a critical job to a critical-only thread rather than to another', async () => {
  const pool = makePool({ workers: 1, criticalWorkers: 1 });
  const general = await pool.run('threadId', undefined);
  const [critical, normal] = await Promise.all([
    pool.run('threadId', undefined, { class: 'critical' }),
    pool.run('threadId', undefined),
  ]);
  expect(normal).toBe(general);
  expect(critical).not.toBe(general);
});

test('TSK-10 WorkerPool gives critical jobs to other threads when the critical-only ones are busy', async () => {
  const pool = makePool({ workers: 1, criticalWorkers: 1 });
  const blocker = block(pool, 'critical');
  const critical = pool.run('threadId', undefined, { class: 'critical' });
  const normal = pool.run('threadId', undefined);
  expect(await critical).toBe(await normal);
  blocker.stop();
  await blocker.ended;
});

test('TSK-11 WorkerPool never gives a busy thread another job', async () => {
  const pool = makePool({ workers: 1 });
  const blocker = block(pool);
  const next = pool.run('echo', 1);
  expect(pool.summary()).toMatchObject({ waiting: { normal: 1 }, running: 1, workers: 1 });
  blocker.stop();
  expect([await blocker.ended, await next]).toEqual(['finished', 1]);
});

test('TSK-14 WorkerPool.summary() counts what waits of each class, what runs, and the threads', async () => {
  const pool = makePool({ workers: 2 });
  expect(pool.summary()).toEqual({ waiting: { critical: 0, normal: 0 }, running: 0, workers: 0 });
  const blockers = [block(pool), block(pool)];
  const classes: JobClass[] = ['normal', 'critical', 'normal'];
  const jobs = classes.map((jobClass) => pool.run('echo', 1, { class: jobClass }));
  expect(pool.summary()).toEqual({ waiting: { critical: 1, normal: 2 }, running: 2, workers: 2 });
  for (const { stop } of blockers) stop();
  await Promise.all([...jobs, ...blockers.map(({ ended }) => ended)]);
  expect(pool.summary()).toEqual({ waiting: { critical: 0, normal: 0 }, running: 0, workers: 2 });
});

test('WorkerPool with normal jobs up to queueMax takes a critical one', async () => {
  const pool = makePool({ workers: 1, queueMax: 1 });
  const blocker = block(pool);
  const normal = pool.run('echo', 1);
  const critical = pool.run('echo', 2, { class: 'critical' });
  const refused = pool.run('echo', 3, { class: 'critical' });
  await expect(refused).rejects.toMatchObject({ code: 'QUEUE_FULL' });
  blocker.stop();
  expect(await Promise.all([normal, critical])).toEqual([1, 2]);
});

test('WorkerPool refuses a job more than may wait', async () => {
  const pool = makePool({ workers: 1, queueMax: 1 });
  const blocker = block(pool);
  const waiting = pool.run('echo', 1);
  await expect(pool.run('echo', 2)).rejects.toMatchObject({
    name: 'StorageError',
    code: 'QUEUE_FULL',
    expected: 1,
  });
  blocker.stop();
  expect(await waiting).toBe(1);
});

test('TSK-11 WorkerPool with queueMax 0 takes a job that need not wait', async () => {
  const pool = makePool({ workers: 1, queueMax: 0 });
  const blocker = block(pool);
  await expect(pool.run('echo', 1)).rejects.toMatchObject({ code: 'QUEUE_FULL' });
  blocker.stop();
  await blocker.ended;
  expect(await pool.run('echo', 2)).toBe(2);
});

test('TSK-2 WorkerPool drops an aborted job that waits at once', async () => {
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

test('TSK-30 WorkerPool fails the job of a worker that exits, and replaces the worker', async () => {
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

test('TSK-30 WorkerPool names what ended a worker as the cause', async () => {
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

test('TSK-32 WorkerPool.close() ends a job that never ends, and drops those that wait', async () => {
  const pool = makePool({ workers: 1 });
  const closed = { name: 'StorageError', code: 'CLOSED' };
  const running = expect(pool.run('never', undefined)).rejects.toMatchObject(closed);
  const waiting = expect(pool.run('echo', 1)).rejects.toMatchObject(closed);
  await pool.close();
  await Promise.all([running, waiting]);
});

test('TSK-40 WorkerPool.close() refuses what waits, critical jobs first, and ends all threads; twice is once', async () => {
  const pool = makePool({ workers: 1, criticalWorkers: 1 });
  const blockers = [block(pool), block(pool, 'critical')];
  const refused: string[] = [];
  const classes: JobClass[] = ['normal', 'critical', 'normal', 'critical'];
  const jobs = classes.map((jobClass) =>
    pool.run('echo', 1, { class: jobClass }).catch((error: { code: string }) => {
      refused.push(`${jobClass} ${error.code}`);
    }),
  );
  const ended = Promise.allSettled(blockers.map((blocker) => blocker.ended));
  await Promise.all([pool.close(), pool.close()]);
  await Promise.all([ended, ...jobs]);
  const order = ['critical', 'critical', 'normal', 'normal'].map((name) => `${name} CLOSED`);
  expect(refused).toEqual(order);
  expect(pool.summary()).toEqual({ waiting: { critical: 0, normal: 0 }, running: 0, workers: 0 });
});

test('TSK-40 WorkerPool.close() leaves no listener on the signals of jobs that wait', async () => {
  const pool = makePool({ workers: 1 });
  const { signal } = new AbortController();
  const blocked = expect(block(pool).ended).rejects.toMatchObject({ code: 'CLOSED' });
  const waiting = expect(pool.run('echo', 1, { signal })).rejects.toMatchObject({ code: 'CLOSED' });
  await pool.close();
  await Promise.all([blocked, waiting]);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

/** A job that waits with a caller who keeps nothing; the input is what the pool itself holds. */
function giveWaiting(pool: WorkerPool<EchoTable>): WeakRef<object> {
  const input = { text: 'a' };
  pool.run('echo', input).catch(() => {});
  return new WeakRef(input);
}

test('TSK-43 WorkerPool.close() leaves no reference to a job that waits, though the pool lives', async () => {
  const pool = makePool({ workers: 1 });
  const blocked = expect(block(pool).ended).rejects.toMatchObject({ code: 'CLOSED' });
  const input = giveWaiting(pool);
  await pool.close();
  await blocked;
  expect(await isCollected(input)).toBe(true);
  expect(pool.summary().workers).toBe(0);
});

test('TSK-40 WorkerPool.close() leaves no handle behind in its process', () => {
  const { stdout } = runAlone(`
    // The output is a pipe of the test's, not a handle of the pool's.
    const handles = () => process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap');
    const pool = new WorkerPool(worker, { workers: 1, criticalWorkers: 1 });
    pool.run('never').catch(() => {});
    pool.run('never', undefined, { class: 'critical' }).catch(() => {});
    pool.run('echo', 1).catch(() => {});
    const meanwhile = handles();
    await pool.close();
    await new Promise((resolve) => setImmediate(resolve));
    process.stdout.write(JSON.stringify([meanwhile, handles()]));
  `);
  const [meanwhile, after] = JSON.parse(stdout);
  expect(meanwhile.filter((name: string) => name === 'MessagePort')).toHaveLength(2);
  expect(after).toEqual([]);
});

test.each([
  [{ workers: 0 }],
  [{ workers: 1.5 }],
  [{ workers: 64 }],
  [{ criticalWorkers: -1 }],
  [{ workers: 63, criticalWorkers: 1 }],
  [{ queueMax: -1 }],
])('TSK-31 WorkerPool refuses the options %j', (options) => {
  expect(() => new WorkerPool<EchoTable>(echoWorker, options)).toThrow(RangeError);
});

test('WorkerPool keeps the process alive while a job runs, and not longer', () => {
  const ended = runAlone(`
    const pool = new WorkerPool(worker);
    pool.run('echo', 'answered').then((output) => process.stdout.write(output));
  `);
  expect(ended).toEqual({ status: 0, stdout: 'answered' });
});

test('WorkerPool.close() keeps the process alive until it is closed, though an answer comes meanwhile', () => {
  const ended = runAlone(`
    const pool = new WorkerPool(worker, { workers: 1 });
    await pool.run('echo', 1);
    pool.run('echo', 2).catch(() => {});
    // The answer is there, unread, when the worker is told to end.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    await pool.close();
    process.stdout.write('closed');
  `);
  expect(ended).toEqual({ status: 0, stdout: 'closed' });
});
