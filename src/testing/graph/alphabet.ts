import type { AnyStateMachine, DoneActorEvent, ErrorActorEvent } from 'xstate';
import type { Samples, Subject } from './subject.ts';

/** The sample of a child that ends well: a promise that resolves, or a machine's output. */
export function childDone<Id extends string, Output>(
  actorId: Id,
  output: Output,
): DoneActorEvent<Output, Id> {
  return { type: `xstate.done.actor.${actorId}`, output, actorId };
}

/** The sample of a child that breaks: a promise that rejects, or a machine that throws. */
export function childFailed<Id extends string>(
  actorId: Id,
  error: unknown,
): ErrorActorEvent<unknown, Id> {
  return { type: `xstate.error.actor.${actorId}`, error, actorId };
}

/** The sample of a named delay, or of one in milliseconds, that has passed in the state node `id`. */
export function delayPassed<Delay extends string | number, Id extends string>(
  delay: Delay,
  id: Id,
) {
  return { type: `xstate.after.${delay}.${id}` } as const;
}

/** What is wrong with the samples, in words: those that are missing, strange or forged. */
export function alphabetFaults(subject: Pick<Subject, 'machine' | 'samples'>): readonly string[] {
  return [
    ...missingSamples(subject).map((descriptor) => `no sample for ${descriptor}`),
    ...strangeSamples(subject).map((name) => `the machine does not know the sample ${name}`),
    ...forgedSamples(subject.samples).map(
      (name) => `only the machine may raise the sample ${name}`,
    ),
  ];
}

/**
 * Descriptors that the machine reacts to and no sample has: each hides paths.
 *
 * `*` and `xstate.done.state.*` need none: the first is for anything, the second is raised by the
 * machine itself, and as a sample it would be a forgery that opens what it guards.
 */
export function missingSamples({ machine, samples }: Pick<Subject, 'machine' | 'samples'>) {
  const types = Object.values(samples).map(({ type }) => type);
  return descriptorsOf(machine).filter(
    (descriptor) => !types.some((type) => matchesDescriptor(type, descriptor)),
  );
}

/** Samples that forge what only the machine itself may raise; there must be none. */
export function forgedSamples(samples: Samples): readonly string[] {
  return Object.entries(samples)
    .filter(([, { type }]) => type.startsWith('xstate.done.state.') || type === 'xstate.stop')
    .map(([name]) => name);
}

/** Samples of types that the machine does not know at all: misspelt, or left from another version. */
export function strangeSamples({ machine, samples }: Pick<Subject, 'machine' | 'samples'>) {
  const descriptors: readonly string[] = machine.events;
  return Object.entries(samples)
    .filter(
      ([, { type }]) => !descriptors.some((descriptor) => matchesDescriptor(type, descriptor)),
    )
    .map(([name]) => name);
}

function descriptorsOf(machine: AnyStateMachine): readonly string[] {
  const descriptors: readonly string[] = machine.events;
  return descriptors.filter(
    (descriptor) => descriptor !== '*' && !descriptor.startsWith('xstate.done.state.'),
  );
}

function matchesDescriptor(type: string, descriptor: string): boolean {
  if (descriptor === '*') return true;
  return descriptor.endsWith('.*')
    ? type === descriptor.slice(0, -2) || type.startsWith(descriptor.slice(0, -1))
    : type === descriptor;
}
