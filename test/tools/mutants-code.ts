import { spawn } from 'node:child_process';
import { join } from 'node:path';

/**
 * Changes the code behind the statecharts, by Stryker: `npm run mutants:code -- [GROUP...]`, all groups when none is
 * named. Each is judged by the tests that are its own. Exit status 1 when Stryker fails, 2 for a group that is not
 * there. It takes minutes a file, so it runs by night.
 */
const groups: Readonly<Record<string, { readonly files: string[]; readonly tests: string[] }>> = {
  spool: { files: ['src/files/spool.ts'], tests: ['test/files/spool*.test.ts'] },
  effects: { files: ['src/engine/effects.ts'], tests: ['test/engine/snapshotter*.test.ts'] },
  verifier: {
    files: ['src/formats/verify-snapshot.ts'],
    tests: ['test/formats/verify-snapshot.test.ts'],
  },
  parsers: {
    files: ['cbor', 'certificate', 'cose-receipt', 'cose-sign1', 'entry', 'json-receipt']
      .concat(['ledger-chunk', 'merkle-tree', 'snapshot-body', 'write-set'])
      .map((noun) => `src/formats/${noun}.ts`),
    tests: ['test/formats/*.test.ts'],
  },
};

const named = process.argv.slice(2);
const chosen = named.length > 0 ? named : Object.keys(groups);
if (chosen.some((name) => groups[name] === undefined)) {
  console.error(`usage: mutants:code [GROUP...]; there are: ${Object.keys(groups).join(', ')}`);
  process.exitCode = 2;
} else {
  for (const name of chosen) if ((await stryker(name)) !== 0) process.exitCode = 1;
}

/** The exit status of Stryker's run over one group. */
function stryker(name: string): Promise<number> {
  const { files = [], tests = [] } = groups[name] ?? {};
  const program = join(process.cwd(), 'node_modules/@stryker-mutator/core/bin/stryker.js');
  const args = [program, 'run', '-m', files.join(), '-t', tests.join()];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: 'inherit' });
    child.on('error', reject);
    child.on('close', (status) => resolve(status ?? -1));
  });
}
