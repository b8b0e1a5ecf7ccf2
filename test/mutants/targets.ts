import { generationMachine } from '../../machines/generation.ts';
import { orderedTasksMachine } from '../../machines/ordered-tasks.ts';
import { recoveryMachine } from '../../machines/recovery.ts';
import { snapshotterMachine } from '../../machines/snapshotter.ts';
import { writerMachine } from '../../machines/writer.ts';
import type { Suite } from '../../src/testing/graph/mutants-trial.ts';
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
import type { Target } from './campaign.ts';
import { equivalents } from './equivalents.ts';

/** All of the proofs, from the digest to the gate, and one way to end: what else can happen is elsewhere. */
const gateSamples =
  /^(?:serialised|submitted|.*evidence.*|.*signature.*|.*tree.*|.*commit.*|receipt built|chain ended|out of time|inclusion look-alike|writer (?:durable|discarded))$/;

const generationSuite = (receipt: 'cose' | 'json', size: 'lean' | 'full'): Suite => ({
  subject: generationSubject(receipt, size),
  invariants: generationInvariants,
  laws: generationLaws(receipt),
});

const snapshotterLaws = { invariants: snapshotterInvariants, laws: snapshotterRunLaws };

const generationSource = {
  module: 'generation',
  name: 'generationMachine',
  changes: ['generation', 'generation-setup', 'guards'],
};

/** Every machine, and the gates of a generation by themselves: the COSE signature's and the tree's. */
export const targets: Readonly<Record<string, Target>> = {
  gates: {
    checks: { machine: generationMachine, suites: gateSuites() },
    source: { ...generationSource, changes: ['guards'] },
    takes: (mutant) => /^(?:generation\.awaiting-evidence|guards )/.test(mutant),
    equivalents: equivalents['generation'] ?? {},
  },
  generation: {
    equivalents: equivalents['generation'] ?? {},
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
    source: generationSource,
  },
  'ordered-tasks': {
    equivalents: equivalents['ordered-tasks'] ?? {},
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
    equivalents: equivalents['recovery'] ?? {},
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
    equivalents: equivalents['snapshotter'] ?? {},
    checks: { machine: snapshotterMachine, suites: snapshotterSuites() },
    source: {
      module: 'snapshotter',
      name: 'snapshotterMachine',
      changes: ['snapshotter', 'snapshotter-setup'],
    },
  },
  writer: {
    equivalents: equivalents['writer'] ?? {},
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

/** What is judged with every run of the tests. */
export const usual: readonly string[] = ['gates', 'writer'];

function gateSuites(): readonly Suite[] {
  return (['cose', 'json'] as const).map((receipt) => {
    const { subject, ...held } = generationSuite(receipt, 'full');
    const samples = Object.entries(subject.samples).filter(([name]) => gateSamples.test(name));
    return { ...held, subject: { ...subject, samples: Object.fromEntries(samples) } };
  });
}

function snapshotterSuites(): readonly Suite[] {
  const onePoint = snapshotterSubject(oneLeanPoint, { capacity: 1, whenFull: 'drop' });
  const inputs = [
    { capacity: 1, whenFull: 'drop' },
    { capacity: 1, whenFull: 'keep' },
    { capacity: 2, whenFull: 'drop' },
    { capacity: 2, whenFull: 'keep' },
  ] as const;
  const full = snapshotterSubject(oneFullPoint, { capacity: 1, whenFull: 'drop' });
  return [
    { ...snapshotterLaws, subject: onePoint },
    ...inputs.map((input) => ({
      ...snapshotterLaws,
      subject: snapshotterSubject(pointsPast(input.capacity), input),
    })),
    { ...snapshotterLaws, subject: snapshotterSubject(pointsByTime, bySeconds) },
    { ...snapshotterLaws, subject: onePoint, isSimple: true, golden: goldens.snapshotter },
    { ...snapshotterLaws, subject: full, triesRefused: true },
  ];
}
