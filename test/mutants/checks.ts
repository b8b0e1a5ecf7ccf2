import { generationMachine } from '../../machines/generation.ts';
import { orderedTasksMachine } from '../../machines/ordered-tasks.ts';
import { recoveryMachine } from '../../machines/recovery.ts';
import { snapshotterMachine } from '../../machines/snapshotter.ts';
import { writerMachine } from '../../machines/writer.ts';
import type { Checks, Suite } from '../../src/testing/graph/mutants-trial.ts';
import { chainSubject, generationSubject, writerSubject } from '../machines/alphabets.ts';
import { generationInvariants, generationLaws } from '../machines/generation-laws.ts';
import { goldens } from '../machines/goldens.ts';
import { chainInvariants, chainRunLaws } from '../machines/ordered-tasks-laws.ts';
import { recoveryInvariants, recoveryRunLaws } from '../machines/recovery-laws.ts';
import { recoverySubject } from '../machines/recovery-subject.ts';
import { snapshotterInvariants, snapshotterRunLaws } from '../machines/snapshotter-laws.ts';
import {
  bySeconds,
  oneFullPoint,
  oneLeanPoint,
  pointsByTime,
  pointsPast,
  snapshotterSubject,
} from '../machines/snapshotter-subject.ts';
import { writerInvariants, writerRunLaws } from '../machines/writer-laws.ts';
import type { SourceMachine } from './source-mutants.ts';

/** A machine of ours with all that is held against it: what its tests hold, in an order that is quick. */
export interface Target {
  readonly checks: Checks;
  readonly source: SourceMachine;
}

const generationSuite = (receipt: 'cose' | 'json', size: 'lean' | 'full'): Suite => ({
  subject: generationSubject(receipt, size),
  invariants: generationInvariants,
  laws: generationLaws(receipt),
});

const snapshotterLaws = { invariants: snapshotterInvariants, laws: snapshotterRunLaws };

export const targets: Readonly<Record<string, Target>> = {
  generation: {
    checks: {
      machine: generationMachine,
      suites: [
        generationSuite('cose', 'lean'),
        generationSuite('json', 'lean'),
        { ...generationSuite('cose', 'full'), triesRefused: true },
        generationSuite('json', 'full'),
        { ...generationSuite('cose', 'lean'), isSimple: true, golden: goldens.generation },
      ],
    },
    source: {
      module: 'generation',
      name: 'generationMachine',
      changes: ['generation', 'generation-setup', 'guards'],
    },
  },
  'ordered-tasks': {
    checks: {
      machine: orderedTasksMachine,
      suites: [
        { subject: chainSubject(2, 'lean'), invariants: chainInvariants, laws: chainRunLaws },
        {
          subject: chainSubject(3, 'full'),
          invariants: chainInvariants,
          laws: chainRunLaws,
          triesRefused: true,
        },
        {
          subject: chainSubject(2, 'lean'),
          laws: chainRunLaws,
          isSimple: true,
          golden: goldens.orderedTasks,
        },
      ],
    },
    source: { module: 'ordered-tasks', name: 'orderedTasksMachine', changes: ['ordered-tasks'] },
  },
  recovery: {
    checks: {
      machine: recoveryMachine,
      suites: [
        {
          subject: recoverySubject,
          invariants: recoveryInvariants,
          laws: recoveryRunLaws,
          isSimple: true,
          triesRefused: true,
          golden: goldens.recovery,
        },
      ],
    },
    source: { module: 'recovery', name: 'recoveryMachine', changes: ['recovery'] },
  },
  snapshotter: {
    checks: { machine: snapshotterMachine, suites: snapshotterSuites() },
    source: {
      module: 'snapshotter',
      name: 'snapshotterMachine',
      changes: ['snapshotter', 'snapshotter-setup'],
    },
  },
  writer: {
    checks: {
      machine: writerMachine,
      suites: [
        {
          subject: writerSubject,
          invariants: writerInvariants,
          laws: writerRunLaws,
          isSimple: true,
          triesRefused: true,
          golden: goldens.writer,
        },
      ],
    },
    source: { module: 'writer', name: 'writerMachine', changes: ['writer'] },
  },
};

function snapshotterSuites(): readonly Suite[] {
  const inputs = [
    { capacity: 1, whenFull: 'drop' },
    { capacity: 1, whenFull: 'keep' },
    { capacity: 2, whenFull: 'drop' },
    { capacity: 2, whenFull: 'keep' },
    { capacity: 3, whenFull: 'drop' },
  ] as const;
  const onePoint = snapshotterSubject(oneLeanPoint, inputs[0]);
  return [
    { ...snapshotterLaws, subject: onePoint },
    { ...snapshotterLaws, subject: snapshotterSubject(pointsByTime, bySeconds) },
    {
      ...snapshotterLaws,
      subject: snapshotterSubject(oneFullPoint, inputs[0]),
      triesRefused: true,
    },
    ...inputs.map((input) => ({
      ...snapshotterLaws,
      subject: snapshotterSubject(pointsPast(input.capacity), input),
    })),
    { ...snapshotterLaws, subject: onePoint, isSimple: true, golden: goldens.snapshotter },
  ];
}
