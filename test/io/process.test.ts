import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { realProcesses } from '../../src/io/process.ts';

test('realProcesses.incarnation() is the same text for a process that lives on', async () => {
  const text = await realProcesses.incarnation(realProcesses.pid);
  expect(text).toMatch(/^[0-9a-f-]{36}:[0-9]+$/);
  expect(await realProcesses.incarnation(realProcesses.pid)).toBe(text);
});

test('realProcesses.incarnation() differs between processes', async () => {
  const parent = await realProcesses.incarnation(process.ppid);
  expect(parent).not.toBe(await realProcesses.incarnation(realProcesses.pid));
});

test('realProcesses.incarnation() is undefined for a process that ended', async () => {
  const { pid } = spawnSync(process.execPath, ['-e', '0']);
  expect(await realProcesses.incarnation(pid)).toBeUndefined();
});
