import { createPublicKey } from 'node:crypto';
import { SimulatedClock } from 'xstate';
import type { Clock } from '../../src/core/clock.ts';
import { assert } from '../../src/core/errors.ts';
import { type Digest, type Seqno, seqno } from '../../src/core/words.ts';
import { Mutex } from '../../src/files/mutex.ts';
import { InspectionBridge } from '../../src/inspect/bridge.ts';
import { type Frame, loadRecording, saveRecording } from '../../src/inspect/recorder.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { type SnapshotJobs, snapshotJobs } from '../../src/jobs/snapshot-jobs.ts';
import { createSnapshotter } from '../../src/snapshotter/create-snapshotter.ts';
import { InlineExecutor } from '../../src/tasks/inline-executor.ts';
import type { JobExecutor } from '../../src/tasks/job.ts';
import { fakeProcesses } from '../files/fake-processes.ts';
import { LogHost } from '../helpers/log-host.ts';

interface Evidence {
  readonly snapshotSeqno: Seqno;
  readonly digest: Digest;
}

/**
 * Has the pipeline take one snapshot, and records it: as the live page does, through text and back. Keys are drawn
 * anew each time, so digests differ from run to run; what is said, and in which order, does not.
 */
export async function recordSnapshot(): Promise<readonly Frame[]> {
  const host = new LogHost();
  const fileSystem = new MemoryFileSystem();
  let ask: ((evidence: Evidence) => void) | undefined;
  const asked = new Promise<Evidence>((resolve) => {
    ask = resolve;
  });
  const snapshotter = await createSnapshotter({
    directory: '/snapshots',
    source: host,
    secrets: { at: () => host.secret },
    identity: createPublicKey(host.key),
    txInterval: 4,
    evidence: {
      submit: async (evidence) => {
        ask?.(evidence);
        return { seqno: seqno(host.last + 1) };
      },
    },
    environment: {
      fileSystem,
      processes: fakeProcesses(),
      // XState's own ids are numbers, and what Clock gives back is what it gave.
      clock: new SimulatedClock() as SimulatedClock & Clock,
      startExecutor: () => oneAtATime(fileSystem),
    },
  });
  const lines: string[] = [];
  let frames = 0;
  const bridge = new InspectionBridge({ source: snapshotter, nowMs: () => frames++ });
  bridge.add({ backlogBytes: 0, send: (line) => lines.push(line), drop: () => {} });
  for (let i = 0; i < 4; i++) host.write(`key ${i}`, `value ${i}`);
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  const evidence = await asked;
  await new Promise((resolve) => setImmediate(resolve));
  host.recordEvidence(snapshotter, evidence);
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  const [generation] = snapshotter.live;
  assert(generation !== undefined, 'it lives until its file is there');
  await generation.ended;
  bridge.close();
  await snapshotter.close();
  return loadRecording(saveRecording(lines));
}

/** Two jobs at once would answer in an order that depends on the machine. */
function oneAtATime(fileSystem: MemoryFileSystem): JobExecutor<SnapshotJobs> {
  const executor = new InlineExecutor<SnapshotJobs>(snapshotJobs(fileSystem));
  const queue = new Mutex();
  return {
    run: (job, input, options) => queue.run(() => executor.run(job, input, options)),
    close: () => executor.close(),
  };
}
