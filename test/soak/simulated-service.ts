import { createHash, generateKeyPairSync } from 'node:crypto';
import type { Digest, Seqno } from '../../src/core/words.ts';
import { digest, seqno as toSeqno, view } from '../../src/core/words.ts';
import { signRootSignature } from '../../src/formats/signatures/root-signature.ts';
import type { Environment } from '../../src/jobs/environment.ts';
import type { SnapshotJobs } from '../../src/jobs/snapshot-jobs.ts';
import { createSnapshotter, type Snapshotter } from '../../src/snapshotter/create-snapshotter.ts';
import type { JobExecutor } from '../../src/tasks/job.ts';
import { countingRandomness, fakeProcesses } from '../files/fake-processes.ts';
import { ForgetfulFileSystem } from './forgetful-file-system.ts';
import type { Soaked, Tenths } from './soaked.ts';

const digestOf = (text: string): Digest => digest(createHash('sha256').update(text).digest('hex'));

const notAsked = (): never => {
  throw new Error('nothing is restored here');
};

/** Says of every signature, tree and receipt that it is true. */
function believer(): JobExecutor<SnapshotJobs> {
  const root = digestOf('root');
  const answers: {
    [Job in keyof SnapshotJobs]: (input: SnapshotJobs[Job]['input']) => SnapshotJobs[Job]['output'];
  } = {
    serialise: ({ state }) => ({ digest: digestOf(`${state.seqno}`), bytes: 100, profile: '3+' }),
    serialiseShared: ({ state }) => ({
      digest: digestOf(`${state.seqno}`),
      bytes: 100,
      profile: '3+',
    }),
    gather: () => undefined,
    findRelease: () => undefined,
    comparePublic: () => undefined,
    verifySignature: () => ({ root }),
    proveEvidence: () => ({ root, path: [] }),
    checkReceipt: () => undefined,
    verifyFile: () => ({ digest: root, trusted: true }),
    prepareCrossCheck: () => undefined,
    loadSnapshot: notAsked,
    openSnapshot: notAsked,
  };
  return {
    run: async (job, input) => answers[job](input),
    close: async () => {},
  };
}

/**
 * Generations one after another through the real machines and the real pipeline, with a log, a signer and a disk
 * that keep nothing. Three in twenty end early: cancelled, refused by the log, or rolled back. `onOpen` is given the
 * snapshotter before its first generation.
 */
export async function soakSimulated(
  generations: number,
  tenths: Tenths,
  onOpen: (snapshotter: Snapshotter) => Promise<void> = async () => {},
): Promise<Soaked> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const claims = { iat: 1, iss: 'test', sub: 'ledger', txId: { view: view(2), seqno: toSeqno(1) } };
  const message = await signRootSignature(new Uint8Array(32), claims, privateKey);
  const fileSystem = new ForgetfulFileSystem();
  const controller = new AbortController();
  const outcomes: Record<string, number> = {};
  const submitted: { snapshotSeqno: Seqno; digest: Digest }[] = [];
  const refused = new Set<Seqno>();
  const rolledBack = new Set<Seqno>();
  let last = 0;
  let started = 0;
  let frozen = 0;
  let released = 0;
  const environment: Partial<Environment> = {
    fileSystem,
    processes: fakeProcesses(),
    randomness: countingRandomness(),
    startExecutor: believer,
  };
  const snapshotter = await createSnapshotter({
    directory: '/snapshots',
    environment,
    source: {
      freeze: () => {
        frozen++;
        return {
          tables: [],
          leaf: new Uint8Array(32),
          viewHistory: [1, 1],
          release: () => {
            released++;
          },
        };
      },
    },
    evidence: {
      submit: async (evidence) => {
        if (refused.has(evidence.snapshotSeqno)) return 'refused';
        submitted.push(evidence);
        return { seqno: toSeqno(last + 1) };
      },
    },
    secrets: { at: () => new Uint8Array(32) },
    identity: publicKey,
    txInterval: 1,
    attemptsMax: 2,
    signal: controller.signal,
  });
  await onOpen(snapshotter);
  const begin = ({ generation, seqno }: { generation: number; seqno: Seqno }) => {
    started++;
    if (generation % 20 === 3) snapshotter.cancel(generation);
    if (generation % 20 === 7) refused.add(seqno);
    if (generation % 20 === 13) rolledBack.add(seqno);
  };
  snapshotter.subscribe((event) => {
    if (event.type === 'generation.started') begin(event);
    if (event.type === 'generation.ended') {
      outcomes[event.outcome] = (outcomes[event.outcome] ?? 0) + 1;
      refused.delete(event.seqno);
      rolledBack.delete(event.seqno);
    }
  });
  const record = (evidence: { snapshotSeqno: Seqno; digest: Digest }) =>
    snapshotter.recordEvidence(toSeqno(++last), {
      ...evidence,
      writeSetDigest: new Uint8Array(32),
      commitEvidence: `ce:2.${last}:${'00'.repeat(32)}`,
    });
  await tenths.sample();
  while (started < generations) {
    for (const evidence of submitted.splice(0)) {
      record(evidence);
      if (rolledBack.delete(evidence.snapshotSeqno)) snapshotter.rollback(toSeqno(--last));
    }
    const seqno = toSeqno(++last);
    snapshotter.recordCommittable(seqno);
    snapshotter.recordSignature(seqno, message);
    snapshotter.recordTree(seqno, new Uint8Array(16));
    snapshotter.commit(seqno, { primary: true });
    await new Promise((resolve) => setImmediate(resolve));
    if (started >= (generations * tenths.taken) / 10) await tenths.sample();
  }
  await snapshotter.close();
  return {
    generations: started,
    outcomes,
    taken: frozen,
    released,
    slots: snapshotter.live.length,
    handles: fileSystem.openHandles,
    spools: fileSystem.spools.size,
    signal: controller.signal,
  };
}
