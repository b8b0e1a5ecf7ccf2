import { expect, test } from 'vitest';
import type { TestFramework } from '../../../src/testing/contracts/framework.ts';

/**
 * Vitest, for an adapter of ours for which some cases can never run, such as a power cut on the real disk. One test
 * names the rules that have such cases, so that a case is left out on purpose and is not counted as skipped.
 */
export function exemptFrom(...rules: readonly string[]): TestFramework {
  const exempt = new Set<string>();
  const skip = (name: string) => {
    exempt.add(/ ([A-Z]+\d+): /.exec(name)?.[1] ?? name);
  };
  test(`some cases of ${rules.join(', ')} cannot be shown here, and of no other rule`, () => {
    expect([...exempt]).toEqual(rules);
  });
  return {
    test: Object.assign((name: string, fn: () => Promise<void>) => test(name, fn), { skip }),
  };
}
