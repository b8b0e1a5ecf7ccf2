import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createVitest, type TestModule, type Vitest } from 'vitest/node';

/** One text of a source file in place of another. */
export interface SourceChange {
  /** Source file, from the root of the project. */
  readonly file: string;
  /** As it stands in the file, once. */
  readonly text: string;
  /** @default nothing: the text is taken out */
  readonly replacement?: string;
}

/** What is run, and on which source. */
export interface RunOptions {
  /** @default none */
  readonly change?: SourceChange | undefined;
  /** @default all tests of the file */
  readonly within?: RegExp | undefined;
}

/** What a run of one file of tests came to. */
export interface TestsRun {
  readonly passed: readonly string[];
  readonly failed: readonly string[];
  /** What was thrown outside of the tests, as when the file cannot be loaded. */
  readonly errors: readonly string[];
}

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** What tests of the engine read beside `node_modules`, which Node finds above the copy. */
const copied = ['src', 'machines', 'test', 'package.json', 'tsconfig.json'];

/**
 * A temporary copy of source and tests, in which tests are run on changed source. One Vitest serves all runs, so that
 * only what was changed is compiled again; each file of tests has a process of its own, as always.
 */
export class ControlledCopy {
  readonly #folder: string;
  readonly #vitest: Vitest;

  private constructor(folder: string, vitest: Vitest) {
    this.#folder = folder;
    this.#vitest = vitest;
  }

  static async make(): Promise<ControlledCopy> {
    const folder = mkdtempSync(join(root, '.mutants-'));
    for (const name of copied) cpSync(join(root, name), join(folder, name), { recursive: true });
    // Worker threads run what was built, which no change is in.
    for (const name of ['dist', 'visualizations'])
      symlinkSync(join(root, name), join(folder, name));
    const vitest = await createVitest('test', {
      ...{ root: folder, config: false, watch: false, include: ['test/**/*.test.ts'] },
      ...{ reporters: [{}], maxWorkers: 1, testTimeout: 60_000, hookTimeout: 60_000 },
    });
    return new ControlledCopy(folder, vitest);
  }

  /**
   * Runs a file of tests, or those of its tests that have such names, on the source as it is or with one change.
   * @throws RangeError when the text to change is not there once
   */
  async run(tests: string, { change, within }: RunOptions = {}): Promise<TestsRun> {
    const path = join(this.#folder, change?.file ?? 'package.json');
    const original = readFileSync(path, 'utf8');
    if (change !== undefined) this.#write(path, changed(original, change));
    try {
      const [project] = this.#vitest.projects;
      if (project === undefined) throw new Error('Vitest has a project');
      const moduleId = join(this.#folder, tests);
      const named = within && { testNamePattern: within };
      const specification = project.createSpecification(moduleId, named);
      const { testModules } = await this.#vitest.runTestSpecifications([specification]);
      // Those of earlier runs are among them.
      return runOf(testModules.filter((module) => module.moduleId === moduleId));
    } finally {
      if (change !== undefined) this.#write(path, original);
    }
  }

  async close(): Promise<void> {
    await this.#vitest.close();
    rmSync(this.#folder, { recursive: true });
  }

  #write(path: string, text: string): void {
    writeFileSync(path, text);
    this.#vitest.invalidateFile(path);
  }
}

function changed(source: string, { file, text, replacement = '' }: SourceChange): string {
  const parts = source.split(text);
  if (parts.length !== 2) {
    throw new RangeError(`${file} has ${parts.length - 1} times, and not once: ${text}`);
  }
  return parts.join(replacement);
}

function runOf(modules: readonly TestModule[]): TestsRun {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const namesOf = (state: string) =>
    tests.filter((test) => test.result().state === state).map(({ fullName }) => fullName);
  const errors = modules.flatMap((module) => module.errors().map(({ message }) => message));
  return { passed: namesOf('passed'), failed: namesOf('failed'), errors };
}
