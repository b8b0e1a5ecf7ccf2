import type { SourceChange } from '../controlled-copy.ts';

/** A check that is taken out of the source, and the tests that must fail then. */
export interface Control extends SourceChange {
  /** Names of tests, with those of their groups; one at least must fail, and no test of another name. */
  readonly fails: RegExp;
  /** Only `npm run nightly` tries it: without the check the tests take long. */
  readonly nightly?: true;
}

/** Checks that the tests of one file notice. */
export interface ControlledTests {
  readonly tests: string;
  /** Tests that are run by day; by night all of the file are. @default all */
  readonly within?: RegExp;
  readonly controls: readonly Control[];
}
