import { describe, expect, onTestFinished, test } from 'vitest';
import { StorageError } from '../../src/core/errors.ts';
import type { FileOperation } from '../../src/io/file-system.ts';
import { type SnapshotJobs, snapshotJobs } from '../../src/jobs/snapshot-jobs.ts';
import type { LedgerNode } from '../../src/node/ledger-node.ts';
import type { PipelineListener } from '../../src/snapshotter/live-generation.ts';
import { InlineExecutor } from '../../src/tasks/inline-executor.ts';
import { makeNodeKeyFiles, NodeHost, put, putMany, turn } from '../helpers/node-host.ts';
import { names, setUp, start, turns, untilSubmitted } from '../helpers/set-up-host.ts';

const keys = makeNodeKeyFiles();
const ofLedger = (path: string) => path.startsWith('/node/ledger/');
type Emitted = Parameters<PipelineListener>[0];

/** Fails when something takes longer than it may: nobody waits for a ledger that is gone. */
function soon<T>(promise: Promise<T>, what: string, msMax = 5000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} still waits`)), msMax);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A door before some job: closed until it is opened. */
class Gate {
  isClosed = true;
  arrived = 0;
  #open = () => {};
  readonly #opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  async pass(signal: AbortSignal): Promise<void> {
    this.arrived++;
    if (!this.isClosed) return;
    await Promise.race([
      this.#opened,
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ]);
  }

  open(): void {
    this.isClosed = false;
    this.#open();
  }
}

type GatedJob = 'serialise' | 'verifySignature' | 'checkReceipt';

async function nodeWithGate(gated?: GatedJob) {
  const host = await NodeHost.make(keys);
  const gate = new Gate();
  const jobs = snapshotJobs(host.disk);
  const behindGate =
    <Input, Output>(job: (input: Input, context: { signal: AbortSignal }) => Promise<Output>) =>
    async (input: Input, context: { signal: AbortSignal }) => {
      await gate.pass(context.signal);
      return job(input, context);
    };
  const startExecutor = () =>
    new InlineExecutor<SnapshotJobs>({
      ...jobs,
      ...(gated === 'serialise' && { serialise: behindGate(jobs.serialise) }),
      ...(gated === 'verifySignature' && { verifySignature: behindGate(jobs.verifySignature) }),
      ...(gated === 'checkReceipt' && { checkReceipt: behindGate(jobs.checkReceipt) }),
    });
  const node = await host.open({
    snapshotTxInterval: 8,
    signatureTxInterval: 4,
    crossCheck: 'off',
    environment: { startExecutor },
  });
  onTestFinished(async () => {
    gate.open();
    await node.close();
    expect(host.disk.openHandles).toBe(0);
  });
  const emitted: Emitted[] = [];
  node.snapshots.subscribe((event) => emitted.push(event));
  return { host, node, gate, emitted };
}

/** Waits for something that needs some turns of the event loop. */
async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 2000 && !condition(); i++) await turn();
  if (!condition()) throw new Error(`never: ${what}`);
}

/** Signs whatever is unsigned until a generation has come so far. */
async function untilSigned(node: LedgerNode, condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2000 && !condition(); i++) {
    await node.sign();
    await turn();
  }
}

type World = Awaited<ReturnType<typeof nodeWithGate>>;

/** Has the next write of the ledger fail, and makes one. */
async function breakDisk({ host, node }: World, operation: FileOperation = 'sync'): Promise<void> {
  host.disk.failNext(operation, 'EIO', { path: ofLedger });
  await put(node, 'the last', 'straw').catch(() => undefined);
  await until(() => node.status.failure !== undefined, 'the node fails');
}

const phaseOf = (node: LedgerNode) => node.snapshots.live[0]?.phase;

/** Each moment of a generation's life at which the ledger can be lost. */
const moments: readonly [string, GatedJob | undefined, (world: World) => Promise<void>][] = [
  [
    'before its evidence is submitted',
    'serialise',
    async ({ node, gate }) => {
      await putMany(node, 12);
      await node.sign();
      await until(() => gate.arrived > 0, 'serialising');
      expect(phaseOf(node)).toBe('scheduled');
    },
  ],
  [
    'when its evidence is submitted and not durable',
    'serialise',
    async ({ host, node, gate }) => {
      await putMany(node, 12);
      await node.sign();
      await until(() => gate.arrived > 0, 'serialising');
      const hold = host.disk.holdNext('sync', { path: ofLedger });
      gate.open();
      await hold.reached;
      await until(() => phaseOf(node) === 'awaiting-evidence', 'evidence in the log');
      host.disk.failNext('sync', 'EIO', { path: ofLedger });
      hold.release();
    },
  ],
  [
    'when its evidence is durable and not signed',
    'serialise',
    async ({ node, gate }) => {
      await putMany(node, 12);
      await node.sign();
      await until(() => gate.arrived > 0, 'serialising');
      gate.open();
      await until(() => phaseOf(node) === 'awaiting-evidence', 'evidence in the log');
      await until(() => node.status.durable === node.status.seqno, 'durable');
    },
  ],
  [
    'when its evidence is signed and that is not committed',
    'serialise',
    async ({ host, node, gate }) => {
      await putMany(node, 12);
      await node.sign();
      await until(() => gate.arrived > 0, 'serialising');
      gate.open();
      await until(() => phaseOf(node) === 'awaiting-evidence', 'evidence in the log');
      await until(() => node.status.durable === node.status.seqno, 'durable');
      host.disk.failNext('sync', 'EIO', { path: ofLedger });
      await expect(node.sign()).rejects.toBeInstanceOf(StorageError);
    },
  ],
  [
    'when its signature is being verified',
    'verifySignature',
    async ({ node, gate }) => {
      await putMany(node, 12);
      await node.sign();
      await untilSigned(node, () => gate.arrived > 0);
    },
  ],
  [
    'when its receipt is being checked',
    'checkReceipt',
    async ({ node, gate }) => {
      await putMany(node, 12);
      await node.sign();
      await untilSigned(node, () => gate.arrived > 0);
      expect(phaseOf(node)).toBe('persisting');
    },
  ],
];

describe.each(moments)('a ledger that fails %s', (_moment, gated, arrive) => {
  test('ends the generation as cancelled, with its slot, state and spool; everyone who waits is told', async () => {
    const world = await nodeWithGate(gated);
    const { host, node, emitted } = world;
    await arrive(world);
    const generations = node.snapshots.live.map(({ ended }) => ended);
    expect(generations.length + (node.status.failure ? 1 : 0)).toBeGreaterThan(0);
    const idle = node.snapshots.untilIdle();
    idle.catch(() => undefined);
    const committed = node.untilCommitted(node.status.seqno);
    committed.catch(() => undefined);
    if (node.status.failure === undefined) await breakDisk(world);
    const { failure } = node.status;
    expect(failure).toBeInstanceOf(StorageError);
    await expect(soon(idle, 'untilIdle')).rejects.toBe(failure);
    for (const ended of generations) {
      expect(await soon(ended, 'a generation')).toMatchObject({
        outcome: 'cancelled',
        reason: expect.stringContaining('the ledger has failed: '),
      });
    }
    const outcomes = emitted.filter(({ type }) => type === 'generation.ended');
    expect(outcomes.length).toBeGreaterThan(0);
    for (const ended of outcomes)
      expect(ended).toMatchObject({ outcome: 'cancelled', leftover: false });
    expect(node.snapshots.live).toEqual([]);
    const left = (await host.disk.list('/node/snapshots')).map(({ name }) => name);
    expect(left.filter((name) => name !== 'lock')).toEqual([]);
    await soon(
      committed.catch(() => undefined),
      'untilCommitted',
    );
    await soon(node.close(), 'close');
  });
});

test('whoever waits or asks after the failure is told of it at once, by the same error', async () => {
  const world = await nodeWithGate();
  const { node } = world;
  await put(node, 'first', 'value');
  await breakDisk(world);
  const { failure } = node.status;
  expect(failure).toBeInstanceOf(StorageError);
  expect(node.snapshots.isOpen).toBe(false);
  expect(() => node.snapshots.force()).toThrow(failure);
  for (const [what, waiter] of [
    ['sign', node.sign()],
    ['untilIdle', node.snapshots.untilIdle()],
    ['untilCommitted', node.untilCommitted(node.status.seqno)],
    ['transaction', put(node, 'later', 'value')],
    [
      'committed transaction',
      node.transaction((tx) => tx.put('records', 'k', 'v'), { until: 'committed' }),
    ],
    ['rollback', node.rollback(node.status.seqno)],
  ] as [string, Promise<unknown>][]) {
    await expect(soon(waiter, what), what).rejects.toBe(failure);
  }
});

test('a point that waits for its commit ends as cancelled when the ledger fails, and gives back its state', async () => {
  const world = await nodeWithGate();
  const { host, node, emitted } = world;
  node.snapshots.force();
  host.disk.failNext('sync', 'EIO', { path: ofLedger, skip: 1 });
  await put(node, 'first', 'value');
  await expect(soon(node.sign(), 'sign')).rejects.toBeInstanceOf(StorageError);
  await turn();
  expect(emitted).toMatchObject([{ type: 'point.ended', end: 'cancelled' }]);
  await expect(soon(node.snapshots.untilIdle(), 'untilIdle')).rejects.toBe(node.status.failure);
});

test.each(['write', 'sync', 'rename'] as const)(
  'a %s of the ledger that fails at any moment leaves nobody waiting',
  async (operation) => {
    let failures = 0;
    for (let skip = 0; skip < 12; skip++) {
      const { host, node } = await nodeWithGate();
      host.disk.failNext(operation, 'EIO', { path: ofLedger, skip });
      const work = async () => {
        for (let i = 0; i < 24; i++) await put(node, `key ${i}`, 'value');
        await node.sign();
      };
      await soon(
        work().catch(() => undefined),
        `work after ${skip}`,
      );
      // A fault that comes too late for this work has hurt nobody.
      const { failure } = node.status;
      if (failure !== undefined) {
        failures++;
        const idle = node.snapshots.untilIdle();
        await expect(soon(idle, `untilIdle after ${skip}`)).rejects.toBe(failure);
      }
      await soon(node.close(), `close after ${skip}`);
    }
    expect(failures).toBeGreaterThan(2);
  },
  60_000,
);

describe('Snapshotter.fail()', () => {
  const gone = new Error('the log is gone');

  test('ends a generation whose log never answers its submission, and one that awaits its commit', async () => {
    const setup = await setUp({ evidence: { submit: () => new Promise(() => {}) } });
    const generation = await start(setup);
    await turns();
    setup.snapshotter.fail(gone);
    expect(await soon(generation.ended, 'the generation')).toMatchObject({
      outcome: 'cancelled',
      reason: 'the ledger has failed: the log is gone',
    });
    await expect(soon(setup.snapshotter.untilIdle(), 'untilIdle')).rejects.toBe(gone);
    expect(await names(setup.disk)).toEqual(['lock']);
  });

  test('has every later call throw what it was given, and close still release', async () => {
    const setup = await setUp();
    const { snapshotter, host } = setup;
    await untilSubmitted(setup);
    snapshotter.fail(gone);
    snapshotter.fail(new Error('again'));
    expect(snapshotter.isOpen).toBe(false);
    expect(() => snapshotter.force()).toThrow(gone);
    expect(() => snapshotter.enable()).toThrow(gone);
    expect(() => snapshotter.recordCommittable(host.last)).toThrow(gone);
    expect(() => snapshotter.commit(host.last, { primary: true })).toThrow(gone);
    expect(() => snapshotter.rollback(host.last)).toThrow(gone);
    await soon(snapshotter.close(), 'close');
    expect(await names(setup.disk)).toEqual([]);
  });

  test('may be called by an observer, from inside a step', async () => {
    const setup = await setUp();
    const generation = await untilSubmitted(setup);
    const stop = setup.snapshotter.inspect((event) => {
      if (event.type === '@xstate.event') setup.snapshotter.fail(gone);
    });
    setup.snapshotter.commit(setup.host.last, { primary: true });
    expect(await soon(generation.ended, 'the generation')).toMatchObject({ outcome: 'cancelled' });
    stop();
  });

  test('does nothing to one that is closed', async () => {
    const { snapshotter } = await setUp();
    await snapshotter.close();
    snapshotter.fail(gone);
    await snapshotter.untilIdle();
  });
});

test('Snapshotter.close() ends a generation whose log never answers, also after its submission was aborted', async () => {
  const aborted: unknown[] = [];
  const setup = await setUp({
    evidence: {
      submit: (_evidence, { signal }) => {
        signal.addEventListener('abort', () => aborted.push(signal.reason));
        return new Promise(() => {});
      },
    },
  });
  const generation = await start(setup);
  await turns();
  await soon(setup.snapshotter.close(), 'close');
  expect(await generation.ended).toMatchObject({ outcome: 'cancelled' });
  expect(aborted).toHaveLength(1);
  await soon(setup.snapshotter.untilIdle(), 'untilIdle');
});
