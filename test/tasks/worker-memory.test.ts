import { spawnSync } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import { WorkerPool } from '../../src/tasks/worker-pool.ts';
import type { EchoTable } from './fixtures/echo-jobs.ts';
import { echoWorker } from './fixtures/echo-worker-url.ts';

test('WorkerPool outlives a thread that has no memory left, and takes another', async () => {
  const pool = new WorkerPool<EchoTable>(echoWorker, { workers: 1, heapMegabytesMax: 32 });
  onTestFinished(() => pool.close());
  await expect(pool.run('fillHeap', undefined)).rejects.toMatchObject({
    code: 'WORKER_DIED',
    cause: { code: 'ERR_WORKER_OUT_OF_MEMORY' },
  });
  expect(await pool.run('echo', 'well')).toBe('well');
});

test('WorkerPool gives a thread no more heap than its own thread has, so that it alone dies', () => {
  const pool = new URL('../../dist/src/tasks/worker-pool.js', import.meta.url);
  const script = `import { WorkerPool } from '${pool}';
    const pool = new WorkerPool(new URL('${echoWorker}'), { workers: 1 });
    console.log(await pool.run('fillHeap').catch(({ code, cause }) => code + ' ' + cause.code));
    console.log(await pool.run('echo', 'well'));
    await pool.close();`;
  const args = ['--max-old-space-size=64', '--input-type=module', '-e', script];
  const { status, stdout } = spawnSync(process.execPath, args, { timeout: 60_000 });
  expect(stdout.toString()).toBe('WORKER_DIED ERR_WORKER_OUT_OF_MEMORY\nwell\n');
  expect(status).toBe(0);
}, 60_000);

test.each([0, -1, 1.5, Number.NaN])('WorkerPool refuses %s megabytes', (heapMegabytesMax) => {
  expect(() => new WorkerPool(echoWorker, { heapMegabytesMax })).toThrow(RangeError);
});
