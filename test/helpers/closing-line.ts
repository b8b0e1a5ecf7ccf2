import { readFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';
import { ccfTestdata } from './ccf-folder.ts';

/** Names every test that was skipped, with its reason, and closes the run with its three counts on a line of their own. */
export class ClosingLine implements Reporter {
  /** Whether only tests of some names are meant: then most are left out for no other reason. */
  #isFiltered = false;

  onInit({ config }: Vitest): void {
    this.#isFiltered = config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const skipped = tests.filter((test) => test.result().state === 'skipped');
    for (const test of skipped) {
      const reason = reasonOf(test, this.#isFiltered);
      const told = reason === undefined ? '' : `: ${reason}`;
      process.stdout.write(`SKIPPED ${test.module.relativeModuleId} > ${test.fullName}${told}\n`);
    }
    const count = (state: string) => tests.filter((test) => test.result().state === state).length;
    process.stdout.write(
      `\n${count('passed')} passed, ${count('failed')} failed, ${skipped.length} skipped\n`,
    );
  }
}

/** What the test says itself, or else what its file says: Vitest knows no reason where a test is left out at once. */
function reasonOf(test: TestCase, isFiltered: boolean): string | undefined {
  const result = test.result();
  if (result.state === 'skipped' && result.note) return result.note;
  if (isFiltered || ccfTestdata !== undefined) return undefined;
  const isOnCcfData = readFileSync(test.module.moduleId, 'utf8').includes('testOnCcfData');
  return isOnCcfData ? 'the ledgers that CCF wrote are not here, see CONTRIBUTING.md' : undefined;
}
