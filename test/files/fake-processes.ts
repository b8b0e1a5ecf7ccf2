import type { Randomness } from '../../src/core/randomness.ts';
import type { Processes } from '../../src/io/process.ts';

/** A machine on which exactly the given processes run; by default our own, number 1. */
export function fakeProcesses(
  running: Readonly<Record<number, string>> = { 1: 'a' },
  pid = 1,
): Processes {
  const incarnations = new Map(Object.entries(running));
  return { pid, incarnation: async (asked) => incarnations.get(String(asked)) };
}

/** Counts up, so that no two nonces are equal. */
export function countingRandomness(): Randomness {
  let count = 0;
  return {
    bytes: (length) => {
      count += 1;
      return new Uint8Array(length).fill(count);
    },
  };
}
