import { expect, test } from 'vitest';
import type { GenerationOutput } from '../../machines/events.ts';
import type { GenerationContext } from '../../machines/generation-setup.ts';
import { LiveRun } from '../../src/testing/graph/runner.ts';
import { StubbedMachine } from '../../src/testing/graph/stub.ts';
import { generationSubject } from './alphabets.ts';

// What a generation does, rule by rule, by the numbers of the pipeline's specification.

const subject = generationSubject('cose', 'full');
const stubbed = new StubbedMachine(subject.machine);

/** A generation to which these samples have happened. */
function after(...samples: readonly string[]): LiveRun {
  const run = new LiveRun({ subject, stubbed });
  for (const name of samples) {
    const event = subject.samples[name];
    if (event === undefined) throw new Error(`no sample ${name}`);
    run.take(event);
  }
  return run;
}

const asked = (run: LiveRun, child: string) =>
  run.children
    .filter((note) => note.child === child && note.what === 'received')
    .map(({ detail }) => {
      const { type, action } = detail as { type: string; action?: { kind: string } };
      return action?.kind ?? type;
    });
const known = (run: LiveRun) => run.state.context as GenerationContext;
const released = ['chain ended', 'writer discarded'];
const outcomeOf = (run: LiveRun) => (run.state.output as GenerationOutput).outcome;

/** The way to `persisting`, a step at a time. */
const life = [
  'spool opened',
  'serialised',
  'submitted',
  'evidence',
  'signature',
  'tree',
  'signature proven',
  'evidence proven',
  'commit',
  'receipt built',
];
const phases = [
  ['serialised', 2],
  ['awaiting-evidence', 3],
  ['awaiting-evidence with its evidence', 4],
  ['awaiting-evidence with its proofs', 8],
  ['persisting', 9],
  ['persisting with its receipt', 10],
] as const;

test.each(phases)('WRT-8 in %s a new spool is filled from the same state (differs)', (_, steps) => {
  const run = after(...life.slice(0, steps));
  const { value } = run.state;
  for (const name of ['spool opened', 'serialised'] as const) {
    run.take(subject.samples[name] ?? { type: name });
  }
  expect(run.state.value).toEqual(value);
  expect(asked(run, 'chain').filter((kind) => kind === 'serialise')).toHaveLength(2);
  expect(asked(run, 'chain').filter((kind) => kind === 'submit-evidence')).toHaveLength(1);
  expect(asked(run, 'writer').filter((type) => type === 'spool.filled')).toHaveLength(2);
});

test.each(phases)('GEN-11 in %s another digest ends it, and names both', (_, steps) => {
  const run = after(...life.slice(0, steps), 'spool opened', 'serialised otherwise', ...released);
  const { outcome, reason } = run.state.output as GenerationOutput;
  expect(outcome).toBe('serialise-failed');
  expect(reason).toContain('d'.repeat(64));
  expect(reason).toContain('e'.repeat(64));
  expect(asked(run, 'writer').filter((type) => type === 'spool.filled')).toHaveLength(1);
});

test('WRT-8 what cannot be serialised again ends it', () => {
  const run = after(...life, 'spool opened', 'serialise failed', ...released);
  expect(outcomeOf(run)).toBe('serialise-failed');
});

test('EDGE-3 GEN-13 evidence may be seen before its submission is answered', () => {
  const run = after('spool opened', 'serialised', 'evidence');
  expect(run.state.matches({ 'awaiting-evidence': 'proving' })).toBe(true);
});

test('EDGE-3 evidence before the digest is known is refused and counted (differs)', () => {
  const run = after('spool opened', 'evidence');
  expect(run.state.value).toBe('scheduled');
  expect(known(run).refusedEvidence).toBe(1);
});

test.each([
  ['of another digest', 'evidence of another digest'],
  ['that is not after the snapshot', 'evidence not after the snapshot'],
])('GEN-20 EDGE-8 evidence %s is refused and counted (differs)', (_, name) => {
  const run = after('spool opened', 'serialised', 'submitted', name);
  expect(run.state.value).toEqual({ 'awaiting-evidence': 'unseen' });
  expect(known(run)).toMatchObject({ refusedEvidence: 1, evidenceSeqno: undefined });
});

test('GEN-20 evidence that comes again does not take the place of the first (differs)', () => {
  const run = after('spool opened', 'serialised', 'submitted', 'evidence', 'evidence');
  expect(known(run)).toMatchObject({ refusedEvidence: 1, evidenceSeqno: 12 });
});

test('GEN-21 a signature before the evidence changes nothing', () => {
  const run = after('spool opened', 'serialised', 'submitted', 'signature', 'tree');
  expect(run.state.value).toEqual({ 'awaiting-evidence': 'unseen' });
  run.take(subject.samples['evidence'] ?? { type: 'none' });
  run.take(subject.samples['signature not after the evidence'] ?? { type: 'none' });
  expect(known(run).signatureSeqno).toBeUndefined();
});

test('GEN-21 the first signature after the evidence wins', () => {
  const run = after(...life.slice(0, 5), 'later signature', 'later tree');
  expect(known(run).signatureSeqno).toBe(14);
});

test.each([
  ['without its signature', ['evidence proven', 'commit']],
  ['without its tree', ['signature proven', 'commit']],
  ['without a commit', ['signature proven', 'evidence proven']],
  ['below the signature', ['signature proven', 'evidence proven', 'commit below the signature']],
])('GEN-22 the gate stays shut %s (differs)', (_, samples) => {
  const run = after(...life.slice(0, 6), ...samples);
  expect(run.state.matches({ 'awaiting-evidence': 'proving' })).toBe(true);
});

test('GEN-22 a commit beyond all that is known opens no gate', () => {
  const run = after(...life.slice(0, 4), 'later commit');
  expect(run.state.matches({ 'awaiting-evidence': { proving: { commit: 'waiting' } } })).toBe(true);
});

test('GEN-23 the receipt is asked for when the gate opens, behind what is serialised', () => {
  expect(asked(after(...life), 'chain')).toEqual(['serialise', 'submit-evidence', 'build-receipt']);
});

test('SCH-71 EDGE-4 a rollback before it is serialised changes nothing (differs)', () => {
  const run = after('spool opened', 'rollback of the evidence');
  expect(run.state.value).toBe('scheduled');
});

test('SCH-71 EDGE-4 a rollback while its evidence is in flight ends it', () => {
  const run = after('spool opened', 'serialised', 'rollback to the signature', ...released);
  expect(outcomeOf(run)).toBe('rolled-back');
});

test('SCH-72 EDGE-4 EDGE-9 a rollback of its evidence ends it', () => {
  const run = after(...life.slice(0, 8), 'rollback of the evidence', ...released);
  expect(outcomeOf(run)).toBe('rolled-back');
});

test('EDGE-4 a rollback between evidence and signature voids every proof (differs)', () => {
  const run = after(...life.slice(0, 8), 'rollback to the evidence');
  expect(run.state.value).toEqual({
    'awaiting-evidence': { proving: { signature: 'missing', tree: 'missing', commit: 'waiting' } },
  });
});

test('SCH-74 EDGE-4 a rollback after its release changes nothing', () => {
  const run = after(...life, 'rollback of the evidence');
  expect(run.state.value).toEqual({ persisting: 'writing' });
});

test.each([
  ['serialised', 'submission out of time', 2],
  ['awaiting-evidence', 'out of time', 3],
])('GEN-15 what waits for ever in %s ends after evidenceTimeout (differs)', (_, name, steps) => {
  const run = after(...life.slice(0, steps), name, ...released);
  expect(outcomeOf(run)).toBe('timed-out');
});

test('GEN-15 refused evidence ends it, and its slot with it (differs)', () => {
  const run = after('spool opened', 'serialised', 'submission refused', ...released);
  expect(outcomeOf(run)).toBe('evidence-refused');
});

test('GEN-16 a chain that breaks off ends it (differs)', () => {
  expect(outcomeOf(after('spool opened', 'chain broke', 'writer discarded'))).toBe('poisoned');
});
