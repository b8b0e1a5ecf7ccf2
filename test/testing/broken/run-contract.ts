import type { TestFramework } from '../../../src/testing/contracts/framework.ts';

/** What finds a broken adapter. */
export interface Found {
  readonly register: (framework: TestFramework) => void;
  /** Every rule of which a test fails. */
  readonly rules: readonly string[];
  /** The tests that fail, but for those that are drawn from a chart. */
  readonly tests: readonly string[];
}

/** Registers a suite with a framework that only collects, runs each test, and names those that fail. */
export async function failingTests(
  register: (framework: TestFramework) => void,
): Promise<readonly string[]> {
  const tests: { readonly name: string; readonly fn: () => Promise<void> }[] = [];
  const test = Object.assign(
    (name: string, fn: () => Promise<void>) => void tests.push({ name, fn }),
    { skip: () => {} },
  );
  register({ test });
  const failed: string[] = [];
  for (const { name, fn } of tests) {
    await fn().catch(() => failed.push(name));
  }
  return failed;
}
