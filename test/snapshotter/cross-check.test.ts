import { describe, expect, test } from 'vitest';
import { StorageError, VerificationError } from '../../src/core/errors.ts';
import type { Logger } from '../../src/core/host-ports.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import type { Environment } from '../../src/jobs/environment.ts';
import type { CrossCheck } from '../../src/jobs/second-opinion.ts';
import { type SnapshotJobs, snapshotJobs } from '../../src/jobs/snapshot-jobs.ts';
import { createNode } from '../../src/node/create-node.ts';
import { InlineExecutor } from '../../src/tasks/inline-executor.ts';
import { setUp, untilCommitted } from '../helpers/set-up-host.ts';

type CoseJsJob = 'prepareCrossCheck' | 'checkReceipt';

/** What goes wrong with a job; `undefined` when it is to be run. */
type Fault = (job: CoseJsJob, asksCoseJs: boolean) => Error | undefined;

const notThere = new VerificationError('CROSS_CHECK_UNAVAILABLE', 'cose-js is not installed');
const disagrees = new VerificationError('CROSS_CHECK_DISAGREES', 'cose-js refuses the signature');
const died = new StorageError('WORKER_DIED', 'the worker thread ended');

/** A world on one disk, what its jobs ask of cose-js, and what is logged of that. */
function listening(faultOf: Fault = () => undefined) {
  const asked: string[] = [];
  const told: string[] = [];
  const fileSystem = new MemoryFileSystem();
  const jobs = snapshotJobs(fileSystem);
  const failIf = (job: CoseJsJob, asksCoseJs: boolean) => {
    const fault = faultOf(job, asksCoseJs);
    if (fault) throw fault;
  };
  const startExecutor = () =>
    new InlineExecutor<SnapshotJobs>({
      ...jobs,
      prepareCrossCheck: async (input, context) => {
        asked.push('prepare');
        failIf('prepareCrossCheck', true);
        return jobs.prepareCrossCheck(input, context);
      },
      checkReceipt: async (input, context) => {
        asked.push(input.crossCheck ? 'check by both' : 'check by node:crypto');
        failIf('checkReceipt', input.crossCheck);
        return jobs.checkReceipt(input, context);
      },
    });
  const logger: Logger = {
    info: (_details, message) => told.push(`info: ${message}`),
    warn: (_details, message) => told.push(`warn: ${message}`),
    error: (_details, message) => told.push(`error: ${message}`),
  };
  const environment: Partial<Environment> = { fileSystem, startExecutor };
  return {
    asked,
    told: () => told.filter((line) => /cose-js|cross-check/.test(line)),
    fileSystem,
    environment,
    logger,
  };
}

const withMode = (crossCheck: CrossCheck | boolean | undefined) =>
  crossCheck === undefined ? {} : { crossCheck };

test.each([
  [undefined, ['prepare', 'check by both']],
  ['when-available', ['prepare', 'check by both']],
  ['required', ['prepare', 'check by both']],
  [true, ['prepare', 'check by both']],
  ['off', ['check by node:crypto']],
  [false, ['check by node:crypto']],
] as const)(
  'createSnapshotter() with crossCheck %s asks cose-js about a receipt, or does not',
  async (crossCheck, expected) => {
    const { asked, environment } = listening();
    const setup = await setUp({ environment, ...withMode(crossCheck) });
    expect(await untilCommitted(setup)).toMatchObject({ outcome: 'committed' });
    expect(asked).toEqual(expected);
  },
);

test.each([notThere, died])(
  'createSnapshotter() goes on without cose-js when it is there no more than by %o, and says so once',
  async (fault) => {
    const { asked, told, environment, logger } = listening((job) =>
      job === 'prepareCrossCheck' ? fault : undefined,
    );
    const setup = await setUp({ environment, logger });
    expect(await setup.snapshotter.crossCheck).toMatchObject({ status: 'unavailable' });
    expect(await untilCommitted(setup)).toMatchObject({ outcome: 'committed' });
    expect(asked).toEqual(['prepare', 'check by node:crypto']);
    expect(told()).toEqual(['warn: no cross-check: node:crypto alone checks receipts']);
  },
);

test('createSnapshotter() goes on when a thread that took the place of another finds no cose-js', async () => {
  const { asked, told, environment, logger } = listening((job, asksCoseJs) =>
    job === 'checkReceipt' && asksCoseJs ? notThere : undefined,
  );
  const setup = await setUp({ environment, logger });
  expect(await untilCommitted(setup)).toMatchObject({ outcome: 'committed' });
  expect(await setup.snapshotter.crossCheck).toMatchObject({ status: 'unavailable' });
  expect(asked).toEqual(['prepare', 'check by both', 'check by node:crypto']);
  expect(told()).toHaveLength(2);
});

test('createSnapshotter() ends a generation as proof-refused when cose-js passed its self-test and refuses', async () => {
  const { environment } = listening((job) => (job === 'checkReceipt' ? disagrees : undefined));
  const setup = await setUp({ environment });
  expect(await untilCommitted(setup)).toMatchObject({
    outcome: 'proof-refused',
    reason: expect.stringContaining('CROSS_CHECK_DISAGREES'),
  });
});

describe.each([notThere, died])('where cose-js is required and not there, by %o,', (fault) => {
  const code = 'CROSS_CHECK_UNAVAILABLE';
  const absent = () => listening((job) => (job === 'prepareCrossCheck' ? fault : undefined));

  test.each(['required', true] as const)(
    'createSnapshotter({ crossCheck: %s }) is refused',
    async (crossCheck) => {
      const { environment, fileSystem } = absent();
      await expect(setUp({ environment, crossCheck })).rejects.toMatchObject({ code });
      expect(await fileSystem.stat('/snapshots')).toBeUndefined();
    },
  );

  test('createNode() is refused before it writes anything', async () => {
    const { environment, fileSystem } = absent();
    const node = createNode({ directory: '/node', environment, crossCheck: 'required' });
    await expect(node).rejects.toMatchObject({ code });
    expect(await fileSystem.stat('/node')).toBeUndefined();
  });
});

test.each([
  ['the cross-check is required and gone', notThere],
  ['the thread dies', died],
] as const)(
  'createSnapshotter() cancels a generation, and refuses no proof, when %s',
  async (_what, fault) => {
    const { environment } = listening((job) => (job === 'checkReceipt' ? fault : undefined));
    const setup = await setUp({ environment, crossCheck: 'required' });
    expect(await untilCommitted(setup)).toMatchObject({
      outcome: 'cancelled',
      reason: `${fault.code}: ${fault.message}`,
    });
  },
);

test.each(['verifySignature', 'proveEvidence'] as const)(
  'createSnapshotter() cancels a generation, and refuses no proof, when the thread dies of %s',
  async (job) => {
    const fileSystem = new MemoryFileSystem();
    const jobs = { ...snapshotJobs(fileSystem), [job]: () => Promise.reject(died) };
    const startExecutor = () => new InlineExecutor<SnapshotJobs>(jobs);
    const setup = await setUp({ environment: { fileSystem, startExecutor }, crossCheck: 'off' });
    expect(await untilCommitted(setup)).toMatchObject({
      outcome: 'cancelled',
      reason: died.message,
    });
  },
);

test('createNode() starts without cose-js, and says why', async () => {
  const { environment, told, logger } = listening((job) =>
    job === 'prepareCrossCheck' ? notThere : undefined,
  );
  const node = await createNode({ directory: '/node', environment, logger });
  expect(await node.snapshots.crossCheck).toEqual({
    status: 'unavailable',
    reason: 'cose-js is not installed',
  });
  expect(told()).toHaveLength(1);
  await node.close();
});

test('a crossCheck that is none is a RangeError', async () => {
  const crossCheck = 'sometimes' as CrossCheck;
  const { environment } = listening();
  await expect(setUp({ environment, crossCheck })).rejects.toThrow(RangeError);
  await expect(createNode({ directory: '/node', environment, crossCheck })).rejects.toThrow(
    'crossCheck must be one of required, when-available, off, is sometimes',
  );
});
