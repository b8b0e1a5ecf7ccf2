import {
  type Contract,
  type ContractOptions,
  registerContract,
  type TestFramework,
} from '../framework.ts';
import {
  type StoreCapability,
  type StoreDriver,
  type StoreRule,
  storeRules,
} from './store-driver.ts';
import { releaseCases } from './store-release-cases.ts';
import { stateCases } from './store-state-cases.ts';
import { versionCases } from './store-version-cases.ts';

/** The contract as data, for a runner of one's own. */
export function storeContract(): Contract<StoreDriver, StoreCapability, StoreRule> {
  return {
    name: 'store',
    rules: storeRules,
    cases: [...stateCases, ...versionCases(), ...releaseCases],
  };
}

/**
 * Registers the tests of a store behind a node, rule by rule as {@link storeRules} has them.
 *
 * Beside single cases they take each step in each state of a small model of a log (`log-model.ts`), and look after
 * each step at every version that can be had and at every state that is held; a long random history is held against
 * the reference store. A store that gives its newest state alone lacks `at`.
 */
export function registerStoreContract(
  framework: TestFramework,
  options: ContractOptions<StoreDriver, StoreCapability>,
): void {
  registerContract(framework, storeContract(), options);
}
