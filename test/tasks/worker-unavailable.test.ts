import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { WorkerPool, type WorkerPoolOptions } from '../../src/tasks/worker-pool.ts';
import type { EchoTable } from './fixtures/echo-jobs.ts';
import { echoWorker } from './fixtures/echo-worker-url.ts';

/** What the system says instead of giving a thread; none while it gives one. */
const system = vi.hoisted(() => ({ refusal: undefined as Error | undefined, asked: 0 }));

vi.mock('node:worker_threads', async (original) => {
  const actual = await original<typeof import('node:worker_threads')>();
  class Worker extends actual.Worker {
    constructor(...args: ConstructorParameters<typeof actual.Worker>) {
      system.asked += 1;
      if (system.refusal !== undefined) throw system.refusal;
      super(...args);
    }
  }
  return { ...actual, Worker };
});

afterEach(() => {
  system.refusal = undefined;
  system.asked = 0;
});

const errorOf = (code: string, message: string, more: object = {}) =>
  Object.assign(new Error(message), { code, ...more });

function makePool(options: WorkerPoolOptions = {}, entry = echoWorker): WorkerPool<EchoTable> {
  const pool = new WorkerPool<EchoTable>(entry, options);
  onTestFinished(() => pool.close());
  return pool;
}

const failureOf = async (job: Promise<unknown>) =>
  job.then(
    () => expect.unreachable(),
    (error: Error & { code: string }) => error,
  );

const init = 'Worker initialization failure';

test.each([
  ['ERR_WORKER_INIT_FAILED', `${init}: EAGAIN`, {}, 'raise the limit of processes and threads'],
  ['ERR_WORKER_INIT_FAILED', `${init}: EMFILE`, {}, 'raise the limit of open files'],
  ['ERR_WORKER_INIT_FAILED', `${init}: ENFILE`, {}, 'raise the limit of open files'],
  ['ERR_WORKER_INIT_FAILED', `${init}: ENOMEM`, {}, 'raise the limit of processes and threads'],
  ['ERR_ACCESS_DENIED', 'Access to this API has been restricted', {}, '--allow-worker'],
  [
    'ERR_ACCESS_DENIED',
    'Access to this API has been restricted',
    { permission: 'FileSystemRead' },
    '--allow-fs-read',
  ],
])('WorkerPool says of %s %s %o what to allow', async (code, message, more, advice) => {
  system.refusal = errorOf(code, message, more);
  const pool = makePool();
  const failure = await failureOf(pool.run('echo', 1));
  expect(failure).toMatchObject({ name: 'StorageError', code: 'WORKER_UNAVAILABLE', actual: code });
  expect(failure.cause).toBe(system.refusal);
  expect(failure.message).toContain(message);
  expect(failure.message).toContain(advice);
  expect(pool.summary()).toMatchObject({ running: 0, workers: 0 });
});

test('WorkerPool asks once for each job, and works again when there is a thread', async () => {
  system.refusal = errorOf('ERR_WORKER_INIT_FAILED', `${init}: EAGAIN`);
  const pool = makePool({ workers: 2 });
  const jobs = [1, 2, 3, 4, 5].map((value) => failureOf(pool.run('echo', value)));
  expect((await Promise.all(jobs)).map(({ code }) => code)).toEqual(
    new Array(5).fill('WORKER_UNAVAILABLE'),
  );
  expect(system.asked).toBe(5);
  system.refusal = undefined;
  expect(await pool.run('echo', 6)).toBe(6);
});

test('WorkerPool lets jobs wait for the thread that it has, where there is no second', async () => {
  const pool = makePool({ workers: 2, criticalWorkers: 1 });
  const first = await pool.run('threadId', undefined);
  system.refusal = errorOf('ERR_WORKER_INIT_FAILED', `${init}: EAGAIN`);
  const classes = ['normal', 'critical', 'normal'] as const;
  const ran = classes.map((jobClass) => pool.run('threadId', undefined, { class: jobClass }));
  expect(await Promise.all(ran)).toEqual([first, first, first]);
});

test('WorkerPool refuses what waits when its last thread dies and there is no other', async () => {
  const pool = makePool({ workers: 1 });
  await pool.run('echo', 1);
  system.refusal = errorOf('ERR_WORKER_INIT_FAILED', `${init}: EAGAIN`);
  const jobs = [pool.run('exit', 3), pool.run('echo', 2), pool.run('echo', 3)].map(failureOf);
  expect((await Promise.all(jobs)).map(({ code }) => code)).toEqual([
    'WORKER_DIED',
    'WORKER_UNAVAILABLE',
    'WORKER_UNAVAILABLE',
  ]);
  expect(pool.summary()).toMatchObject({ waiting: { normal: 0 }, workers: 0 });
});

const bundlers = 'from a bundler keep the package external';

function entryOf(source: string): URL {
  const directory = mkdtempSync(join(tmpdir(), 'worker-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'worker.mjs');
  writeFileSync(file, source);
  return pathToFileURL(file);
}

test.each([
  ['that throws', 'throw new Error("no licence")', 'no licence', undefined],
  ['that imports what is not there', 'import "./gone.js"', 'gone.js', 'ERR_MODULE_NOT_FOUND'],
  ['that rejects', 'await Promise.reject(new TypeError("odd"))', 'odd', undefined],
  ['with wrong syntax', 'const = 1', 'Unexpected token', undefined],
  ['that throws no error', 'throw "a text"', 'a text', undefined],
])('WorkerPool names what a module says %s', async (_, source, message, code) => {
  const entry = entryOf(source);
  const failure = await failureOf(makePool({}, entry).run('echo', 1));
  expect(failure).toMatchObject({ code: 'WORKER_DIED', actual: 1 });
  expect(failure.message).toContain('before it could begin: ');
  expect(failure.message).toContain(message);
  expect(failure.message).toContain(entry.pathname);
  expect(failure.message).toContain(bundlers);
  if (code !== undefined) expect(failure.cause).toMatchObject({ code });
});

test('WorkerPool says so of a module that ends the thread, and of one that is not there', async () => {
  const ended = await failureOf(makePool({}, entryOf('process.exit(7)')).run('echo', 1));
  expect(ended).toMatchObject({ code: 'WORKER_DIED', actual: 7 });
  expect(ended.message).toContain(bundlers);
  const gone = new URL('./fixtures/no-such-worker.js', import.meta.url);
  const missing = await failureOf(makePool({}, gone).run('echo', 1));
  expect(missing).toMatchObject({ code: 'WORKER_DIED', cause: { code: 'MODULE_NOT_FOUND' } });
  expect(missing.message).toContain(bundlers);
});

test('WorkerPool names what a thread threw that had begun, without a word on bundlers', async () => {
  const failure = await failureOf(makePool().run('throwUncaught', 'boom'));
  expect(failure.message).toBe('the worker thread ended (exit code 1) before its answer: boom');
});
