import {
  type Contract,
  type ContractOptions,
  registerContract,
  type TestFramework,
} from '../framework.ts';
import { type DiskCapability, type DiskDriver, type DiskRule, diskRules } from './disk-driver.ts';
import { durabilityCases } from './disk-durability-cases.ts';
import { handleCases } from './disk-handle-cases.ts';
import { linkCases } from './disk-link-cases.ts';
import { nameCases } from './disk-name-cases.ts';
import { presentCases } from './disk-present-cases.ts';
import { writerCases } from './disk-writer-cases.ts';

/** The contract as data, for a runner of one's own. */
export function diskContract(): Contract<DiskDriver, DiskCapability, DiskRule> {
  return {
    name: 'disk',
    rules: diskRules,
    cases: [
      ...handleCases,
      ...nameCases,
      ...presentCases,
      ...durabilityCases,
      ...linkCases,
      ...writerCases(),
    ],
  };
}

/**
 * Registers the tests of a file system, rule by rule as {@link diskRules} has them.
 *
 * D22 and D23 are drawn from the `writer` chart: each of its steps may go well or fail, each way through it is
 * taken on the disk itself, and after each step there must be what the chart promises. A disk that cannot lose
 * its power in a test lacks `crash`.
 */
export function registerDiskContract(
  framework: TestFramework,
  options: ContractOptions<DiskDriver, DiskCapability>,
): void {
  registerContract(framework, diskContract(), options);
}
