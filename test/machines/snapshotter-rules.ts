import type { SnapshotterContext } from '../../machines/snapshotter-setup.ts';
import type { Rule } from '../../src/testing/graph/mutants/mutants-trial.ts';
import { LiveRun } from '../../src/testing/graph/runner.ts';
import { StubbedMachine } from '../../src/testing/graph/stub.ts';
import { pointsPast, signing, snapshotterSubject } from './snapshotter-subject.ts';

/** What a graph of two points does not show. */
export const snapshotterRules: Readonly<Record<string, Rule>> = {
  'of nine points that wait for commit the eighth gives way to the ninth': (machine) => {
    const subject = snapshotterSubject(pointsPast(1), { capacity: 1, whenFull: 'keep' });
    const run = new LiveRun({
      subject: { ...subject, machine },
      stubbed: new StubbedMachine(machine),
    });
    for (let point = 10; point <= 90; point += 10) run.take(signing(point));
    const { points } = run.state.context as SnapshotterContext;
    const waiting = points.map(({ seqno }) => seqno).join();
    if (waiting !== '10,20,30,40,50,60,70,90') throw new Error(`there wait ${waiting}`);
    const ended = run.emitted.map(({ seqno, end }) => `${seqno} ${end}`).join();
    if (ended !== '80 coalesced') throw new Error(`it says ${ended}`);
  },
};
