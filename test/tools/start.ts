import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * What `npm start` runs: replays the ledger that is given with its options, else the project's own
 * small one.
 */
const root = fileURLToPath(new URL('../../..', import.meta.url));
const main = join(root, 'dist/src/cli/main.js');
const fixture = join(root, 'test/fixtures/0.1.0/small-ledger');
const given = process.argv.slice(2);
const args =
  given.length > 0 ? given : [join(fixture, 'ledger'), '--member-keys', join(fixture, 'keys')];

const { status } = spawnSync(process.execPath, [main, 'replay', ...args], { stdio: 'inherit' });
process.exitCode = status ?? 130;
