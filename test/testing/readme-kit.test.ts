import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { projectRoot, textOf } from '../architecture/sources.ts';
import { countedGraphs, numbersOf, rowOf, runWhole } from './numbers.ts';

const run = promisify(execFile);
const readme = textOf('README.md');

// Inside the project the package, as it was built, finds itself by its own name.
const folder = mkdtempSync(join(projectRoot, 'dist/kit-'));
// Else vitest would go by our own configuration.
writeFileSync(join(folder, 'vitest.config.mjs'), 'export default {};\n');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the README's test of a traffic light", () => {
  const [, example = ''] = /```js\n([\s\S]*?)```/.exec(readme) ?? [];
  const light = join(projectRoot, 'dist/test/testing/machines/traffic-light.js');
  const text = example.replace("'./traffic-light.js'", JSON.stringify(pathToFileURL(light).href));
  const require = createRequire(import.meta.url);
  const runners = {
    'node:test': (file: string) => ['--test', '--test-reporter', 'tap', file],
    vitest: (file: string) => [
      join(projectRoot, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--root',
      folder,
      file,
    ],
    jest: (file: string) => [
      '--experimental-vm-modules',
      require.resolve('jest/bin/jest'),
      ...['--rootDir', folder, '--testMatch', file, '--transform', '{}'],
    ],
  };

  test.each(Object.entries(runners))(
    'runs under %s as it stands, and fails once the light is broken',
    async (runner, argsOf) => {
      const name = runner === 'node:test' ? 'node' : runner;
      const own = text.replace("import { test } from 'node:test';", () =>
        runner === 'node:test' ? "import { test } from 'node:test';" : importOf(runner),
      );
      const whole = join(folder, `${name}-whole.test.mjs`);
      const broken = join(folder, `${name}-broken.test.mjs`);
      writeFileSync(whole, own);
      writeFileSync(
        broken,
        own.replace(
          'machine: trafficLight,',
          'machine: trafficLight.provide({ guards: { isAsked: () => true } }),',
        ),
      );
      await run(process.execPath, argsOf(whole), { cwd: folder });
      const failure = run(process.execPath, argsOf(broken), { cwd: folder }).then(
        () => 'it passed',
        ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr,
      );
      expect(await failure).toContain('it walks only when asked');
    },
    300_000,
  );

  test('is short', () => {
    expect(example.trimEnd().split('\n').length).toBeLessThanOrEqual(40);
  });
});

/** Jest has its test as a global. */
const importOf = (runner: string): string =>
  runner === 'vitest' ? "import { test } from 'vitest';" : '';

test.each(Object.entries(countedGraphs))(
  "the README's numbers of %s are those of its graph: npm run numbers",
  (machine, graphOf) => {
    const { graph, isWhole } = graphOf();
    expect(readme).toContain(`\n${rowOf(numbersOf(machine, graph, isWhole))}`);
  },
);

test.each(['generation', 'writer', 'ordered-tasks', 'recovery'] as const)(
  'every simple path, edge and pair of edges of %s goes live as in its graph',
  (machine) => {
    const { graph, isWhole } = countedGraphs[machine]();
    expect(runWhole(graph, isWhole)).toBeGreaterThan(graph.vertices.length);
  },
);
