import { setFlagsFromString } from 'node:v8';
import { expect, onTestFinished, test } from 'vitest';
import { WorkerPool } from '../../src/tasks/worker-pool.ts';
import type { EchoTable } from './fixtures/echo-jobs.ts';
import { echoWorker } from './fixtures/echo-worker-url.ts';

/** Megabytes that threads which begin from now on have for their heap; 0 for as many as usual. */
function setHeap(megabytes: number): void {
  setFlagsFromString(`--max-old-space-size=${megabytes}`);
}

test('WorkerPool outlives a thread that has no memory left, and takes another', async () => {
  const pool = new WorkerPool<EchoTable>(echoWorker, { workers: 1 });
  setHeap(32);
  onTestFinished(async () => {
    setHeap(0);
    await pool.close();
  });
  await expect(pool.run('fillHeap', undefined)).rejects.toMatchObject({
    code: 'WORKER_DIED',
    cause: { code: 'ERR_WORKER_OUT_OF_MEMORY' },
  });
  setHeap(0);
  expect(await pool.run('echo', 'well')).toBe('well');
});
