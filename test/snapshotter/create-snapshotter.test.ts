import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ConsensusError, StorageError } from '../../src/core/errors.ts';
import type { FrozenState } from '../../src/core/host-ports.ts';
import { digest, type Seqno, seqno } from '../../src/core/words.ts';
import { verifySnapshotFile } from '../../src/formats/snapshot/verify-snapshot.ts';
import { createSnapshotter, type Snapshotter } from '../../src/snapshotter/create-snapshotter.ts';
import type { RecordedEvidence } from '../../src/snapshotter/host-input.ts';
import { SharedStore } from '../../src/store/shared/shared-store.ts';
import { fakeProcesses } from '../files/fake-processes.ts';
import { LogHost } from '../helpers/log-host.ts';
import {
  digestOfSpool,
  names,
  setUp,
  start,
  turns,
  untilCommitted,
  untilSubmitted,
} from '../helpers/set-up-host.ts';

test('GEN-1 GEN-10 GEN-11 GEN-30 a snapshot goes from the frozen state to a file that anyone can verify', async () => {
  const setup = await setUp();
  const output = await untilCommitted(setup);
  expect(output).toMatchObject({
    outcome: 'committed',
    seqno: 6,
    evidenceSeqno: 7,
    refusedEvidence: 0,
  });
  expect(await names(setup.disk)).toEqual(['lock', 'snapshot_6_7.committed']);
  const bytes = await setup.disk.readFile('/snapshots/snapshot_6_7.committed', { bytesMax: 1e6 });
  const verified = await verifySnapshotFile(bytes, {
    fileName: 'snapshot_6_7.committed',
    trustedKeys: [createPublicKey(setup.host.key)],
  });
  expect(verified).toMatchObject({
    seqno: 6,
    evidenceSeqno: 7,
    trusted: true,
    digest: output.digest,
  });
});

/** The same state in shared memory. */
function inSharedMemory(frozen: FrozenState): FrozenState {
  const held = new SharedStore(seqno(6), frozen.tables).freeze();
  const { leaf, viewHistory } = frozen;
  return {
    ...{ leaf, viewHistory, tables: held.tables, share: () => held.share() },
    release: () => {
      held.release();
      frozen.release();
    },
  };
}

test.each([
  ['drawn', (state: FrozenState) => state],
  ['shared', inSharedMemory],
])(
  'worker threads, for a state that is %s, and the inline executor write the same bytes',
  async (_, frozen) => {
    const directory = await mkdtemp(join(tmpdir(), 'snapshotter-'));
    onTestFinished(() => rm(directory, { recursive: true }));
    const setup = await setUp();
    const { host, disk, asked } = setup;
    const threaded = await createSnapshotter({
      directory,
      source: { freeze: () => frozen(host.freeze()) },
      secrets: { at: () => host.secret },
      identity: createPublicKey(host.key),
      txInterval: 4,
      evidence: { submit: async () => ({ seqno: seqno(7) }) },
    });
    // One host drives both: every fact goes to each.
    const both = new Proxy(setup.snapshotter, {
      get: (target, name: keyof Snapshotter) => {
        const ours = target[name];
        const theirs = threaded[name];
        if (typeof ours !== 'function' || typeof theirs !== 'function') return ours;
        return (...args: []) => {
          Reflect.apply(theirs, threaded, args);
          return Reflect.apply(ours, target, args);
        };
      },
    });
    const generation = await start({ ...setup, snapshotter: both });
    const ended = threaded.live[0]?.ended;
    await expect.poll(() => asked.length).toBe(1);
    const phases = () => [both, threaded].map(({ live }) => live[0]?.phase);
    const waiting = ['awaiting-evidence', 'awaiting-evidence'];
    // Before its state is serialised no evidence can be its own, and a thread takes its time.
    await expect.poll(phases, { timeout: 50_000 }).toEqual(waiting);
    for (const evidence of asked) host.recordEvidence(both, evidence);
    await host.sign(both);
    both.commit(host.last, { primary: true });
    expect((await generation.ended).outcome).toBe('committed');
    expect((await ended)?.outcome).toBe('committed');
    const file = 'snapshot_6_7.committed';
    const inline = await disk.readFile(`/snapshots/${file}`, { bytesMax: 1e6 });
    expect(new Uint8Array(await readFile(join(directory, file)))).toEqual(inline);
    await threaded.close();
  },
);

test('GEN-13 EDGE-3 evidence may be recorded before its submission is answered', async () => {
  let answer = (_: { seqno: Seqno }) => {};
  const setup = await setUp({
    evidence: { submit: () => new Promise((resolve) => (answer = resolve)) },
  });
  const generation = await start(setup);
  await turns();
  const content = await digestOfSpool(setup);
  const evidenceSeqno = setup.host.recordEvidence(setup.snapshotter, {
    snapshotSeqno: generation.seqno,
    digest: content,
  });
  await setup.host.sign(setup.snapshotter);
  setup.snapshotter.commit(setup.host.last, { primary: true });
  answer({ seqno: evidenceSeqno });
  expect((await generation.ended).outcome).toBe('committed');
});

test('a host of release 0.1, which calls a snapshot’s seqno its version, has its snapshot committed', async () => {
  const setup = await setUp();
  const generation = await untilSubmitted(setup);
  const { host, snapshotter } = setup;
  const earlier = {
    recordEvidence: (at: Seqno, { snapshotSeqno: version, ...rest }: RecordedEvidence) =>
      snapshotter.recordEvidence(at, { version, ...rest }),
  } satisfies Pick<Snapshotter, 'recordEvidence'>;
  expect(setup.asked).toMatchObject([{ version: generation.seqno }]);
  for (const submitted of setup.asked) host.recordEvidence(earlier as Snapshotter, submitted);
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  expect((await generation.ended).outcome).toBe('committed');
});

test('GEN-20 evidence with another digest is refused and counted, and the generation waits on (differs)', async () => {
  const setup = await setUp();
  const generation = await untilSubmitted(setup);
  const { host, snapshotter, asked } = setup;
  host.recordEvidence(snapshotter, {
    snapshotSeqno: generation.seqno,
    digest: digest('00'.repeat(32)),
  });
  for (const evidence of asked) host.recordEvidence(snapshotter, evidence);
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  expect(await generation.ended).toMatchObject({ outcome: 'committed', refusedEvidence: 1 });
});

test('GEN-15 refused evidence ends the generation (differs)', async () => {
  const setup = await setUp({ evidence: { submit: async () => 'refused' } });
  const { ended } = await start(setup);
  expect(await ended).toMatchObject({ outcome: 'evidence-refused' });
});

test('GEN-16 a log that throws poisons the generation, not the snapshotter (differs)', async () => {
  const setup = await setUp({ evidence: { submit: () => Promise.reject(new TypeError('bug')) } });
  const { ended } = await start(setup);
  expect(await ended).toMatchObject({ outcome: 'poisoned', reason: 'bug' });
  expect(setup.snapshotter.live).toEqual([]);
});

test('a signature by another key is refused with its seqno', async () => {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
  const setup = await setUp({ identity: publicKey });
  const output = await untilCommitted(setup);
  expect(output.outcome).toBe('proof-refused');
  expect(output.reason).toMatch(/the message names key/);
});

test('EDGE-11 a signature without its COSE part proves nothing: the next one does', async () => {
  const setup = await setUp();
  const generation = await untilSubmitted(setup);
  const { host, snapshotter, asked } = setup;
  for (const evidence of asked) host.recordEvidence(snapshotter, evidence);
  await host.sign(snapshotter, { isSigned: false });
  snapshotter.commit(host.last, { primary: true });
  await turns();
  expect(snapshotter.live).toMatchObject([{ phase: 'awaiting-evidence' }]);
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  expect(await generation.ended).toMatchObject({
    outcome: 'committed',
    signatureSeqno: host.last,
  });
});

test('EDGE-11 a tree that does not reach back to the evidence is refused with its seqno', async () => {
  const setup = await setUp();
  const generation = await untilSubmitted(setup);
  const { host, snapshotter, asked } = setup;
  for (const evidence of asked) host.recordEvidence(snapshotter, evidence);
  await host.sign(snapshotter, { flushed: host.last + 1 });
  snapshotter.commit(host.last, { primary: true });
  expect(await generation.ended).toMatchObject({
    outcome: 'proof-refused',
    reason: 'the tree at seqno 8 holds leaves 8 … 7, not 7',
  });
});

test('SCH-71 SCH-72 a rollback of the evidence ends the generation without a file', async () => {
  const setup = await setUp();
  const generation = await untilSubmitted(setup);
  const { host, snapshotter, asked } = setup;
  for (const evidence of asked) host.recordEvidence(snapshotter, evidence);
  snapshotter.rollback(generation.seqno);
  expect((await generation.ended).outcome).toBe('rolled-back');
  expect(await names(setup.disk)).toEqual(['lock']);
});

test('cancel ends a generation in any phase and leaves no spool', async () => {
  const setup = await setUp();
  const generation = await untilSubmitted(setup);
  setup.snapshotter.cancel(generation.generation);
  expect((await generation.ended).outcome).toBe('cancelled');
  expect(await names(setup.disk)).toEqual(['lock']);
});

test('EDGE-15 GEN-32 close() cancels what lives and gives back handles, spools and the lock', async () => {
  const setup = await setUp();
  const generation = await untilSubmitted(setup);
  await setup.snapshotter.close();
  expect((await generation.ended).outcome).toBe('cancelled');
  expect(await names(setup.disk)).toEqual([]);
  expect(() => setup.snapshotter.commit(seqno(9), { primary: true })).toThrow(ConsensusError);
});

test('close() does not wait for a log that never answers', async () => {
  let told: AbortSignal | undefined;
  const setup = await setUp({
    evidence: {
      submit: (_, { signal }) => {
        told = signal;
        return new Promise(() => {});
      },
    },
  });
  const generation = await start(setup);
  await expect.poll(() => told).toBeDefined();
  await setup.snapshotter.close();
  expect((await generation.ended).outcome).toBe('cancelled');
  expect(told?.aborted).toBe(true);
});

test('a source that fails to release is logged and disturbs nobody', async () => {
  const errors: string[] = [];
  const logger = {
    info: () => {},
    warn: () => {},
    error: (_: object, text: string) => errors.push(text),
  };
  const host = new LogHost();
  const setup = await setUp({
    logger,
    source: {
      freeze: () => ({
        ...host.freeze(),
        release: () => {
          throw new Error('host');
        },
      }),
    },
  });
  const generation = await untilSubmitted(setup);
  setup.snapshotter.cancel(generation.generation);
  expect((await generation.ended).outcome).toBe('cancelled');
  await turns();
  expect(errors).toEqual(['the source failed to release a frozen state']);
});

test('an AbortSignal closes the snapshotter', async () => {
  const controller = new AbortController();
  const setup = await setUp({ signal: controller.signal });
  const generation = await untilSubmitted(setup);
  controller.abort();
  expect((await generation.ended).outcome).toBe('cancelled');
});

test.each([
  ['write', 'appending'],
  ['sync', 'syncing'],
  ['rename', 'publishing'],
] as const)(
  'GEN-31 a disk that fails to %s ends in persist-failed at %s, without a file (differs)',
  async (operation, step) => {
    const setup = await setUp();
    await untilSubmitted(setup);
    setup.disk.failNext(operation, 'EIO', {
      path: (path) => path.includes('spool_'),
    });
    const [generation] = setup.snapshotter.live;
    const { host, snapshotter, asked } = setup;
    for (const evidence of asked) host.recordEvidence(snapshotter, evidence);
    await host.sign(snapshotter);
    snapshotter.commit(host.last, { primary: true });
    expect(await generation?.ended).toMatchObject({ outcome: 'persist-failed', step });
    expect(await names(setup.disk)).toEqual(['lock']);
  },
);

test('WRT-12 a directory that cannot be synced is said, and the file stays (differs)', async () => {
  const setup = await setUp();
  const generation = await untilSubmitted(setup);
  setup.disk.failNext('syncDirectory', 'EIO');
  const { host, snapshotter, asked } = setup;
  for (const evidence of asked) host.recordEvidence(snapshotter, evidence);
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  expect((await generation.ended).outcome).toBe('committed-not-durable');
  expect(await names(setup.disk)).toContain('snapshot_6_7.committed');
});

test('SCH-43 SCH-74 commit and rollback that go back are typed errors of the host', async () => {
  const setup = await setUp();
  await start(setup);
  const { snapshotter } = setup;
  expect(() => snapshotter.commit(seqno(1), { primary: true })).toThrow(/commit went back to 1/);
  expect(() => snapshotter.rollback(seqno(1))).toThrow(/rollback to 1, but 6 is committed/);
  expect(() => snapshotter.recordTree(seqno(6), new Uint8Array(16))).toThrow(
    /tree of 6 came after/,
  );
});

test('SCH-1 a second snapshotter on the same directory is refused', async () => {
  const setup = await setUp();
  const { host, disk } = setup;
  const second = createSnapshotter({
    directory: '/snapshots',
    source: host,
    secrets: { at: () => host.secret },
    identity: createPublicKey(host.key),
    evidence: { submit: async () => 'refused' },
    environment: { fileSystem: disk, processes: fakeProcesses() },
  });
  await expect(second).rejects.toThrow(StorageError);
});

test('an inspect observer sees every actor, and one that throws disturbs none', async () => {
  const seen = new Set<string>();
  const setup = await setUp({
    inspect: (event) => {
      const { actorRef } = event;
      if ('id' in actorRef && typeof actorRef.id === 'string') seen.add(actorRef.id);
      throw new Error('an observer of the host');
    },
  });
  expect((await untilCommitted(setup)).outcome).toBe('committed');
  expect([...seen]).toEqual(
    expect.arrayContaining(['slot:0', 'chain', 'writer', 'runAction', 'verifySignature']),
  );
});

test('a call from inside a step is refused', async () => {
  const codes = new Set<string>();
  let snapshotter: Snapshotter | undefined;
  const setup = await setUp({
    inspect: () => {
      try {
        snapshotter?.force();
      } catch (error) {
        codes.add(error instanceof ConsensusError ? error.code : String(error));
      }
    },
  });
  snapshotter = setup.snapshotter;
  setup.snapshotter.recordCommittable(seqno(2));
  expect([...codes]).toEqual(['RE_ENTRANT_CALL']);
});
