import { test } from 'vitest';

/**
 * Vitest's `test` for long sweeps: left out where Stryker runs the tests once for each mutant (see
 * `test/mutants/vitest.config.ts`), so that what they find must be shown by a quick test as well.
 */
export const slowTest: typeof test.skip = test.skipIf(process.env['MUTANTS'] === '1');
