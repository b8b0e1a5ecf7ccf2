import { expect, test } from 'vitest';
import type { TestFramework } from '../../../src/testing/contracts/framework.ts';

/**
 * Vitest, for an adapter of ours that no driver can have show all: one test names the rules that some case of is
 * left out, so that none is ever left out unseen and none is counted as skipped that can never run.
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
