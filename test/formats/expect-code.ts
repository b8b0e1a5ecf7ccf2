import { expect } from 'vitest';
import { isTypedError } from '../helpers/hostile-bytes.ts';

/** The code that a promise is rejected with, or `'accepted'`; an untyped error fails the test. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'accepted';
  } catch (error) {
    if (!isTypedError(error)) throw error;
    return error.code;
  }
}

/** What a promise is rejected with, as a user reads it: `CODE: message`, or `'accepted'`. */
export async function refusalOfAsync(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'accepted';
  } catch (error) {
    if (!isTypedError(error)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

/** Asserts that every one of many inputs is refused with a typed error; returns the codes seen. */
export async function refusals<T>(
  inputs: readonly T[],
  verify: (input: T) => Promise<unknown>,
): Promise<ReadonlySet<string>> {
  const codes = await Promise.all(inputs.map((input) => codeOf((async () => verify(input))())));
  expect(codes).toHaveLength(inputs.length);
  expect(codes.indexOf('accepted')).toBe(-1);
  return new Set(codes);
}
