import { defineConfig } from 'vitest/config';
import type { Reporter, TestModule, Vitest } from 'vitest/node';

/**
 * Makes an error of each file of tests that broke off outside of its tests: when it was imported, or in a hook. Stryker
 * 9.6.1 looks at the tests alone, and would say of a mutant that breaks them all off that it survived.
 */
class FailedFiles implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const error of modules.flatMap((module) => module.errors())) {
      this.#vitest?.state.catchError(new Error(error.message), 'Failed File');
    }
  }
}

/**
 * How Stryker runs the tests: those that `MUTANT_TESTS` names, by commas. Its own option for that, `testFiles`, keeps it
 * from switching a mutant on before the tests are imported (9.6.1), so that all that is computed once would survive.
 */
export default defineConfig({
  test: {
    include: (process.env['MUTANT_TESTS'] ?? 'test/**/*.test.ts').split(','),
    reporters: [new FailedFiles()],
    env: { MUTANTS: '1' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
