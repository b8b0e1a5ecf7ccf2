import type { TestFramework } from '../../../src/testing/contracts/framework.ts';

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
