import type { Reporter, TestModule } from 'vitest/node';

/** Names every test that was skipped, and closes the run with its three counts on a line of their own. */
export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const skipped = tests.filter((test) => test.result().state === 'skipped');
    for (const test of skipped) {
      const result = test.result();
      const note = result.state === 'skipped' && result.note ? `: ${result.note}` : '';
      process.stdout.write(`SKIPPED ${test.module.relativeModuleId} > ${test.fullName}${note}\n`);
    }
    const count = (state: string) => tests.filter((test) => test.result().state === state).length;
    process.stdout.write(
      `\n${count('passed')} passed, ${count('failed')} failed, ${skipped.length} skipped\n`,
    );
  }
}
