import { and, not, or } from 'xstate';

/** What XState makes of `and`, `or` and `not`: a function that carries its operands. */
interface Composite {
  readonly name: string;
  readonly guards: readonly unknown[];
}

const composites: Readonly<Record<string, (guards: readonly unknown[]) => unknown>> = {
  and: (guards) => and(guards as never),
  or: (guards) => or(guards as never),
  not: ([guard]) => not(guard as never),
};

/** A guard or an action in a few words: its name, and the operands of one that is put together. */
export function wordsOf(guard: unknown): string {
  if (typeof guard === 'string') return guard;
  if (isComposite(guard)) return `${guard.name}(${guard.guards.map(wordsOf).join(', ')})`;
  if (typeof guard === 'function') return guard.name || 'inline';
  return typeof guard === 'object' && guard !== null && 'type' in guard
    ? String(guard.type)
    : String(guard);
}

/** The guards that are left when one operand is taken away, at any depth, each with what was done. */
export function operandVariants(guard: unknown): readonly (readonly [string, unknown])[] {
  if (!isComposite(guard)) return [];
  const { name, guards } = guard;
  const nested = guards.flatMap((operand, index) =>
    operandVariants(operand).map(
      ([what, variant]) => [what, composites[name]?.(guards.toSpliced(index, 1, variant))] as const,
    ),
  );
  if (name === 'not') return [[`${wordsOf(guard)} without not`, guards[0]], ...nested];
  const fewer = guards.map((operand, index) => {
    const what = `${wordsOf(guard)} without ${wordsOf(operand)}`;
    return [what, composites[name]?.(guards.toSpliced(index, 1))] as const;
  });
  return [...(guards.length > 1 ? fewer : []), ...nested];
}

function isComposite(guard: unknown): guard is Composite {
  return (
    typeof guard === 'function' &&
    'guards' in guard &&
    Array.isArray(guard.guards) &&
    guard.name in composites
  );
}
