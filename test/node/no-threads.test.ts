import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { createNode } from '../../src/node/create-node.ts';

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

test.each([
  ['a limit on processes', 'ERR_WORKER_INIT_FAILED', 'Worker initialization failure: EAGAIN'],
  ['a limit on open files', 'ERR_WORKER_INIT_FAILED', 'Worker initialization failure: EMFILE'],
  ['the permission model', 'ERR_ACCESS_DENIED', 'Access to this API has been restricted'],
])(
  'under %s a node goes on, says what to allow, and takes snapshots again later',
  async (_, code, message) => {
    const directory = mkdtempSync(join(tmpdir(), 'no-threads-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    system.refusal = Object.assign(new Error(message), { code });
    await using node = await createNode({ directory, snapshotTxInterval: 5 });
    const ended: { readonly outcome: string; readonly reason: string | undefined }[] = [];
    node.snapshots.subscribe((event) => {
      if (event.type === 'generation.ended') ended.push(event);
    });
    const work = async () => {
      for (let i = 0; i < 6; i++) await node.transaction((tx) => tx.put('public:a', `${i}`, 'v'));
      await node.sign();
      await node.snapshots.untilIdle();
    };
    await work();
    expect(ended.length).toBeGreaterThan(0);
    for (const { outcome, reason } of ended) {
      expect(outcome).toBe('serialise-failed');
      expect(reason).toMatch(/^WORKER_UNAVAILABLE: /);
      expect(reason).toContain(message);
    }
    // Three attempts for each, and one for the self-test: nobody asks again and again.
    expect(system.asked).toBeLessThanOrEqual(3 * ended.length + 1);
    const before = ended.length;
    system.refusal = undefined;
    await work();
    expect(ended.slice(before).map(({ outcome }) => outcome)).toContain('committed');
    expect(node.status.failure).toBeUndefined();
  },
);
