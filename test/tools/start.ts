import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * What `npm start` runs: replays the ledger that is given, else the project's own small one; options
 * alone go with that one. It is the command itself in this process, so that a signal finds it.
 */
const fixture = fileURLToPath(
  new URL('../../../test/fixtures/0.1.0/small-ledger', import.meta.url),
);
const given = process.argv.slice(2);
const isOwn = given[0] === undefined || given[0].startsWith('-');
const own = [join(fixture, 'ledger'), '--member-keys', join(fixture, 'keys')];

process.argv.splice(2, given.length, 'replay', ...(isOwn ? own : []), ...given);
await import('../../src/cli/main.ts');
