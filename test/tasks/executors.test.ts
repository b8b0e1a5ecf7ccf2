import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  AbortedError,
  ConsensusError,
  FormatError,
  StorageError,
  VerificationError,
} from '../../src/core/errors.ts';
import { InlineExecutor } from '../../src/tasks/inline-executor.ts';
import type { JobExecutor, JobSummary } from '../../src/tasks/job.ts';
import { WorkerPool } from '../../src/tasks/worker-pool.ts';
import { isCollected } from './fixtures/collect-garbage.ts';
import { type EchoTable, echoJobs } from './fixtures/echo-jobs.ts';
import { echoWorker } from './fixtures/echo-worker-url.ts';

type Executor = JobExecutor<EchoTable> & { summary(): JobSummary };

const kinds: [string, () => Executor][] = [
  ['InlineExecutor', () => new InlineExecutor(echoJobs)],
  ['WorkerPool', () => new WorkerPool<EchoTable>(echoWorker)],
];

/** Runs a job that ends when it is told, for a caller who keeps nothing. */
function giveJob(executor: Executor, signal: AbortSignal): WeakRef<object> {
  const owner = { answers: 0 };
  executor.run('stopWhenAborted', undefined, { signal }).catch(() => owner.answers++);
  return new WeakRef(owner);
}

describe.each(kinds)('%s', (_name, makeExecutor) => {
  let executor: Executor;
  beforeEach(() => {
    executor = makeExecutor();
  });
  afterEach(() => executor.close());

  test('JobExecutor.run() gives the job’s output', async () => {
    const input = { text: 'a', bytes: new Uint8Array([1, 2]), map: new Map([[1, [undefined]]]) };
    expect(await executor.run('echo', input)).toEqual(input);
  });

  test('JobExecutor.run() gives a copy, never the same object', async () => {
    const input = { text: 'a' };
    expect(await executor.run('echo', input)).not.toBe(input);
  });

  test('JobExecutor.run() moves the buffers to transfer, and takes those of the output', async () => {
    const bytes = new Uint8Array([1, 2, 3]);
    const output = await executor.run('reverse', bytes, { transfer: [bytes.buffer] });
    expect(output).toEqual(new Uint8Array([3, 2, 1]));
    expect(bytes.length).toBe(0);
  });

  test('JobExecutor.run() runs many jobs', async () => {
    const inputs = Array.from({ length: 40 }, (_, i) => i);
    const outputs = await Promise.all(inputs.map((input) => executor.run('echo', input)));
    expect(outputs).toEqual(inputs);
  });

  const place = { file: 'a', offset: 1, seqno: 2, actual: 3, expected: 'four', message: 'bad' };
  test.each([
    ['FormatError', FormatError, { ...place, code: 'BAD_NAME' }],
    ['VerificationError', VerificationError, { ...place, code: 'SIG_INVALID' }],
    ['StorageError', StorageError, { code: 'READ_FAILED', cause: { code: 'EIO' } }],
    ['ConsensusError', ConsensusError, { code: 'CLOSED' }],
    ['TypeError', TypeError, { message: 'bad' }],
  ] as const)(
    'TSK-30 JobExecutor.run() fails with the %s of the job, and goes on',
    async (kind, errorClass, fields) => {
      const failure = await executor.run('fail', kind).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(errorClass);
      expect(failure).toMatchObject({ name: kind, ...fields });
      expect(await executor.run('echo', 1)).toBe(1);
    },
  );

  test('JobExecutor.run() fails when the input cannot be copied, and goes on', async () => {
    const failing = executor.run('echo', () => {});
    const working = executor.run('echo', 1);
    await expect(failing).rejects.toMatchObject({ name: 'DataCloneError' });
    expect(await working).toBe(1);
  });

  test('JobExecutor.run() fails when the output cannot be copied', async () => {
    const running = executor.run('giveFunction', undefined);
    await expect(running).rejects.toMatchObject({ name: 'DataCloneError' });
  });

  test('TSK-3 JobExecutor.run() runs a job as often as it is given', async () => {
    const input = { text: 'a' };
    const outputs = await Promise.all([1, 2, 3].map(() => executor.run('echo', input)));
    expect(outputs).toEqual([input, input, input]);
  });

  test('TSK-4 JobExecutor.run() takes jobs of both classes', async () => {
    const critical = executor.run('echo', 1, { class: 'critical' });
    const normal = executor.run('echo', 2, { class: 'normal' });
    expect(await Promise.all([critical, normal])).toEqual([1, 2]);
  });

  test('TSK-14 JobExecutor.summary() counts the jobs that run, until they have answered', async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const running = [1, 2].map(() => executor.run('finishWhenAborted', undefined, { signal }));
    const waiting = { critical: 0, normal: 0 };
    expect(executor.summary()).toMatchObject({ waiting, running: 2 });
    controller.abort();
    await Promise.all(running);
    expect(executor.summary()).toMatchObject({ waiting, running: 0 });
  });

  test('TSK-1 JobExecutor.run() does not begin a job whose signal is aborted', async () => {
    const running = executor.run('never', undefined, { signal: AbortSignal.abort() });
    await expect(running).rejects.toBeInstanceOf(AbortedError);
  });

  test('TSK-2 JobExecutor.run() asks a running job to stop through its signal', async () => {
    const controller = new AbortController();
    const running = executor.run('stopWhenAborted', undefined, { signal: controller.signal });
    controller.abort();
    await expect(running).rejects.toBeInstanceOf(AbortedError);
    await expect(running).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('TSK-2 JobExecutor.run() awaits the answer of an aborted job, which may be that it finished', async () => {
    const controller = new AbortController();
    const running = executor.run('finishWhenAborted', undefined, { signal: controller.signal });
    controller.abort();
    expect(await running).toBe('finished');
  });

  test('JobExecutor.run() leaves no listener on the caller’s signal', async () => {
    const { signal } = new AbortController();
    await executor.run('echo', 1, { signal });
    await executor.run('fail', 'TypeError', { signal }).catch(() => undefined);
    await executor.run('echo', () => {}, { signal }).catch(() => undefined);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  test('TSK-4 JobExecutor.close() ends a running job with another error than a cancellation', async () => {
    const running = executor.run('stopWhenAborted', undefined);
    const failing = expect(running).rejects.toMatchObject({ code: 'CLOSED' });
    await executor.close();
    await failing;
  });

  test('TSK-40 JobExecutor.close() leaves no listener, no running job and no worker', async () => {
    const { signal } = new AbortController();
    const running = executor.run('stopWhenAborted', undefined, { signal }).catch(() => undefined);
    await executor.close();
    await running;
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    const waiting = { critical: 0, normal: 0 };
    expect(executor.summary()).toEqual({ waiting, running: 0, workers: 0 });
  });

  test('TSK-43 JobExecutor.close() leaves no reference to what was given, though executor and signal live', async () => {
    const { signal } = new AbortController();
    const input = giveJob(executor, signal);
    await executor.close();
    expect(await isCollected(input)).toBe(true);
    expect(signal.aborted).toBe(false);
  });

  test('TSK-41 JobExecutor.close() refuses jobs from then on, twice is once', async () => {
    await executor.close();
    await executor.close();
    const running = executor.run('echo', 1);
    await expect(running).rejects.toMatchObject({ name: 'StorageError', code: 'CLOSED' });
  });
});
