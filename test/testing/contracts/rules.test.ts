import { expect, test } from 'vitest';
import { clockContract } from '../../../src/testing/contracts/clock-contract.ts';
import { consensusContract } from '../../../src/testing/contracts/consensus/consensus-contract.ts';
import { diskContract } from '../../../src/testing/contracts/disk/disk-contract.ts';
import { evidenceLogContract } from '../../../src/testing/contracts/evidence-log-contract.ts';
import {
  type Closable,
  type Contract,
  type ContractOptions,
  registerContract,
  type TestFramework,
  testNameOf,
} from '../../../src/testing/contracts/framework.ts';
import { secretsContract } from '../../../src/testing/contracts/secrets-contract.ts';
import { signerContract } from '../../../src/testing/contracts/signer-contract.ts';
import { snapshotSourceContract } from '../../../src/testing/contracts/snapshot-source/snapshot-source-contract.ts';
import { storeContract } from '../../../src/testing/contracts/store/store-contract.ts';

const contracts = [
  snapshotSourceContract(),
  evidenceLogContract,
  secretsContract,
  diskContract(),
  clockContract,
  consensusContract(),
  signerContract,
  storeContract(),
];

test.each(contracts)('the contract of the $name shows each of its rules', ({ rules, cases }) => {
  const shown = new Set(cases.map(({ rule }) => rule));
  expect(Object.keys(rules).filter((rule) => !shown.has(rule as never))).toEqual([]);
});

test.each(contracts)('the tests of the $name have names of their own', (contract) => {
  const names = contract.cases.map((item) => testNameOf(contract, item));
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

interface NumberDriver extends Closable {
  readonly number: number;
}

/** A contract of one rule, whose adapter is a number. */
const made: Contract<NumberDriver, 'sleep', 'N1'> = {
  name: 'number',
  rules: { N1: 'it is small' },
  cases: [
    {
      rule: 'N1',
      title: 'it is below 10',
      run: ({ number }) => {
        if (number >= 10) throw new Error(`it is ${number}`);
      },
    },
    { rule: 'N1', title: 'it sleeps', needs: ['sleep'], run: () => {} },
  ],
};

/** Registers it, and gives the tests by name; skipped ones have no function. */
function collect(options: ContractOptions<NumberDriver, 'sleep'>) {
  const tests = new Map<string, (() => Promise<void>) | undefined>();
  const test = (name: string, fn: () => Promise<void>) => tests.set(name, fn);
  const skip = (name: string) => tests.set(name, undefined);
  const framework: TestFramework = { test: Object.assign(test, { skip }) };
  registerContract(framework, made, options);
  return tests;
}

test('registerContract() names the rule that is broken, and by what', async () => {
  const tests = collect({ open: () => ({ number: 12 }) });
  await expect(tests.get('number N1: it is below 10')?.()).rejects.toThrow(
    'number N1 is broken (it is small): it is 12',
  );
});

test('registerContract() reports what a driver lacks as a skipped test with its reason', () => {
  const lacks = { sleep: 'numbers do not sleep' };
  const name = 'number N1: it sleeps (skipped: numbers do not sleep)';
  const skipped = collect({ open: () => ({ number: 1 }), lacks });
  expect([skipped.has(name), skipped.get(name)]).toEqual([true, undefined]);
});

test('registerContract() closes a driver, also one whose test fails', async () => {
  const closed: number[] = [];
  for (const number of [1, 12]) {
    const driver = { number, close: () => void closed.push(number) };
    await collect({ open: () => driver })
      .get('number N1: it is below 10')?.()
      .catch(() => undefined);
  }
  expect(closed).toEqual([1, 12]);
});

test('registerContract() fails a test that does not end', async () => {
  const tests = collect({ open: () => new Promise(() => {}), timeoutMs: 5 });
  await expect(tests.get('number N1: it is below 10')?.()).rejects.toThrow(
    'it has not ended within 5 ms',
  );
});
