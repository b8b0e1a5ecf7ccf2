import type { Subject } from '../graph/subject.ts';
import { generationSubject } from './generation.ts';
import { chainSubject } from './ordered-tasks.ts';
import { recoverySubject } from './recovery.ts';
import { oneFullPoint, oneLeanPoint, snapshotterSubject } from './snapshotter.ts';
import { writerSubject } from './writer.ts';

/** The machines of this package whose samples are shipped with it, by the names of their files. */
export const machineNames = [
  'generation',
  'snapshotter',
  'writer',
  'ordered-tasks',
  'recovery',
] as const;

/** One of {@link "machineNames"}. */
export type MachineName = (typeof machineNames)[number];

/**
 * How many samples a subject has: one for each outcome of a guard, few enough for every simple path and
 * every pair of edges; or every way in which a fact can be right, wrong, early, late or forged.
 */
export type SubjectSize = 'lean' | 'full';

const one = { capacity: 1, whenFull: 'drop' } as const;

/** A machine of this package with the samples that its own tests are drawn from. */
export function subjectOf(machine: MachineName, size: SubjectSize): Subject {
  switch (machine) {
    case 'generation':
      return generationSubject('cose', size);
    case 'snapshotter':
      return snapshotterSubject(size === 'lean' ? oneLeanPoint : oneFullPoint, one);
    case 'writer':
      return writerSubject;
    case 'ordered-tasks':
      return chainSubject(size === 'lean' ? 2 : 3, size);
    case 'recovery':
      return recoverySubject;
  }
}
