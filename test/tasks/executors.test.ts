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
import type { JobExecutor } from '../../src/tasks/job.ts';
import { WorkerPool } from '../../src/tasks/worker-pool.ts';
import { type EchoTable, echoJobs } from './fixtures/echo-jobs.ts';
import { echoWorker } from './fixtures/echo-worker-url.ts';

const kinds: [string, () => JobExecutor<EchoTable>][] = [
  ['InlineExecutor', () => new InlineExecutor(echoJobs)],
  ['WorkerPool', () => new WorkerPool<EchoTable>(echoWorker)],
];

describe.each(kinds)('%s', (_name, makeExecutor) => {
  let executor: JobExecutor<EchoTable>;
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

  const place = { file: 'a', offset: 1, seqno: 2, actual: 3, limit: 'four', message: 'bad' };
  test.each([
    ['FormatError', FormatError, { ...place, code: 'BAD_NAME' }],
    ['VerificationError', VerificationError, { ...place, code: 'SIG_INVALID' }],
    ['StorageError', StorageError, { code: 'READ_FAILED', cause: { code: 'EIO' } }],
    ['ConsensusError', ConsensusError, { code: 'CLOSED' }],
    ['TypeError', TypeError, { message: 'bad' }],
  ] as const)(
    'JobExecutor.run() fails with the %s of the job',
    async (kind, errorClass, fields) => {
      const failure = await executor.run('fail', kind).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(errorClass);
      expect(failure).toMatchObject({ name: kind, ...fields });
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

  test('JobExecutor.run() does not begin a job whose signal is aborted', async () => {
    const running = executor.run('never', undefined, { signal: AbortSignal.abort() });
    await expect(running).rejects.toBeInstanceOf(AbortedError);
  });

  test('JobExecutor.run() aborts a running job through its signal', async () => {
    const controller = new AbortController();
    const running = executor.run('stopWhenAborted', undefined, { signal: controller.signal });
    controller.abort();
    await expect(running).rejects.toBeInstanceOf(AbortedError);
    await expect(running).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('JobExecutor.run() awaits the answer of an aborted job, which may be that it finished', async () => {
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

  test('JobExecutor.close() ends a running job', async () => {
    const running = executor.run('stopWhenAborted', undefined);
    const failing = expect(running).rejects.toMatchObject({ code: 'CLOSED' });
    await executor.close();
    await failing;
  });

  test('JobExecutor.close() refuses jobs from then on, twice is once', async () => {
    await executor.close();
    await executor.close();
    const running = executor.run('echo', 1);
    await expect(running).rejects.toMatchObject({ name: 'StorageError', code: 'CLOSED' });
  });
});
