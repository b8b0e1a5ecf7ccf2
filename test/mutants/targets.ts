import { generationMachine } from '../../machines/generation.ts';
import { orderedTasksMachine } from '../../machines/ordered-tasks.ts';
import { recoveryMachine } from '../../machines/recovery.ts';
import { snapshotterMachine } from '../../machines/snapshotter.ts';
import { writerMachine } from '../../machines/writer.ts';
import type { Suite } from '../../src/testing/graph/mutants/mutants-trial.ts';
import { chainSubject, generationSubject, writerSubject } from '../machines/alphabets.ts';
import { generationInvariants, generationLaws } from '../machines/generation-laws.ts';
import { goldens } from '../machines/goldens.ts';
import { chainInvariants, chainRunLaws } from '../machines/ordered-tasks-laws.ts';
import { recoveryInvariants, recoveryRunLaws } from '../machines/recovery-laws.ts';
import { recoverySubject } from '../machines/recovery-subject.ts';
import { snapshotterInvariants, snapshotterRunLaws } from '../machines/snapshotter-laws.ts';
import { snapshotterRules } from '../machines/snapshotter-rules.ts';
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

const beforeGate = /^(?!receipt built|chain ended|writer )/;

/** The straight way, and every way in which an action, the chain or the writer ends. */
const endSamples =
  /^(?:serialise.*|spool opened|subm.*|evidence|signature|tree|signature proven|evidence proven|(?:signature|inclusion) undecided|commit|receipt built|build .*|cancel|chain .*|writer .*)$/;

const generationSuite = (receipt: 'cose' | 'json', size: 'lean' | 'full'): Suite => ({
  subject: generationSubject(receipt, size),
  invariants: generationInvariants,
  laws: generationLaws(receipt),
});

/** One point, and what its generation is told and says. */
const toldSamples =
  /^(?:(?:point|frozen) 10|commit 1[05]|evidence.*|(?:late )?signature|tree|cancel .*|slot:0 (?:failed|committed) 10|slot:0 broke|shutdown|rollback .*|commit 1[05] as backup)$/;

/** Two points, one of them forced, and what makes them needless. */
const forcedSamples =
  /^(?:forced|(?:point|frozen|commit) 1[05]|status 15|rollback .*|slot:0 (?:failed|committed) 1[05]|commit 15 as backup|enabled|disabled|shutdown)$/;

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
        ...gateSuites(),
        withSamples(generationSuite('json', 'full'), gateSamples),
        { ...withSamples(generationSuite('cose', 'full'), endSamples), triesRefused: true },
        generationSuite('json', 'lean'),
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
    checks: { machine: snapshotterMachine, suites: snapshotterSuites(), rules: snapshotterRules },
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

/** The small graph first, which ends where the gate does: most mutants are noticed there. */
function gateSuites(): readonly Suite[] {
  const cose = withSamples(generationSuite('cose', 'full'), gateSamples);
  return [
    withSamples(cose, beforeGate),
    withSamples(withSamples(generationSuite('json', 'full'), gateSamples), beforeGate),
    cose,
  ];
}

/** All samples at once make too many states to walk through them for each mutant. */
function withSamples(suite: Suite, names: RegExp): Suite {
  const samples = Object.entries(suite.subject.samples).filter(([name]) => names.test(name));
  return { ...suite, subject: { ...suite.subject, samples: Object.fromEntries(samples) } };
}

function snapshotterSuites(): readonly Suite[] {
  const onePoint = snapshotterSubject(oneLeanPoint, { capacity: 1, whenFull: 'drop' });
  const inputs = [
    [1, { capacity: 1, whenFull: 'keep' }],
    [2, { capacity: 1, whenFull: 'drop' }],
    [2, { capacity: 2, whenFull: 'drop' }],
    [2, { capacity: 2, whenFull: 'keep' }],
  ] as const;
  const full = {
    ...snapshotterLaws,
    subject: snapshotterSubject(oneFullPoint, { capacity: 1, whenFull: 'drop' }),
  };
  return [
    { ...snapshotterLaws, subject: onePoint, isSimple: true, golden: goldens.snapshotter },
    ...inputs.map(([past, input]) => ({
      ...snapshotterLaws,
      subject: snapshotterSubject(pointsPast(past), input),
    })),
    { ...snapshotterLaws, subject: snapshotterSubject(pointsByTime, bySeconds) },
    { ...withSamples(full, toldSamples), triesRefused: true },
    withSamples(full, forcedSamples),
  ];
}
