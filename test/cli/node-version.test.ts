import { expect, test } from 'vitest';
import { nodeVersionFault, nodeVersionMin } from '../../src/cli/node-version.ts';
import { textOf } from '../architecture/sources.ts';
import { newerVersions } from '../tools/tried-versions.ts';

test.each(['18.20.8', '20.0.0', '20.18.3'])('nodeVersionFault() refuses %s', (version) => {
  expect(nodeVersionFault(version)).toMatch(
    new RegExp(`^error: Node.js ${version} is too old: .* needs 20.19 or newer\n {2}next: `),
  );
});

test.each(['20.19.0', '20.20.2', '21.0.0', '22.11.0', '24.1.0'])(
  'nodeVersionFault() takes %s',
  (version) => {
    expect(nodeVersionFault(version)).toBeUndefined();
  },
);

test('package.json names the versions that are tried, and the oldest is nodeVersionMin', () => {
  const { engines } = JSON.parse(textOf('package.json')) as { engines: { node: string } };
  expect(engines.node).toBe(
    [`^${nodeVersionMin}`, ...newerVersions.map((major) => `^${major}`)].join(' || '),
  );
});

test('the program loads nothing that an older Node cannot link before it has said so', () => {
  for (const file of ['main', 'node-version']) {
    const imported = [...textOf(`src/cli/${file}.ts`).matchAll(/^import .* from '(.*)';$/gm)];
    const own = file === 'main' ? ['./node-version.ts'] : [];
    expect(imported.map(([, name]) => name)).toEqual(own);
  }
});
