import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { projectRoot } from '../architecture/sources.ts';

const run = promisify(execFile);

const program = `
import { createNode } from ${JSON.stringify(join(projectRoot, 'dist/src/index.js'))};
const node = await createNode({ directory: 'data', snapshotTxInterval: 5 });
node.snapshots.subscribe((event) => {
  if (event.type === 'generation.ended') console.log(event.outcome, event.reason);
});
for (let i = 0; i < 6; i++) await node.transaction((tx) => tx.put('public:a', String(i), 'v'));
await node.sign();
await node.snapshots.untilIdle();
await node.close();
`;

test('inside a bundle a snapshot fails with the cause, and what to do about it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'bundled-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, 'app.mjs'), program);
  const require =
    "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);";
  await build({
    entryPoints: [join(directory, 'app.mjs')],
    outfile: join(directory, 'bundle.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: require },
    logLevel: 'silent',
  });
  const { stdout } = await run(process.execPath, ['bundle.mjs'], { cwd: directory });
  expect(stdout).toContain('serialise-failed WORKER_DIED');
  expect(stdout).toContain('Cannot find module');
  expect(stdout).toContain('keep the package external');
}, 60_000);
