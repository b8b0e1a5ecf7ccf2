import { execFile } from 'node:child_process';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { LargeSnapshot } from './large-snapshot.ts';

const isNightly = (process.env['LEDGER_NIGHTLY'] ?? '') !== '';

/** By night beyond 4 GiB, and each domain beyond 2 GiB; else enough for chunks of the larger size. */
const records = isNightly ? 1_150_000 : 40_000;
const bytesMin = isNightly ? 2 ** 32 : 2 ** 27;

/** Some pieces of a file and what comes of them before it is collected, whatever the size of the file. */
const summaryBytesMax = 2 ** 26;

/** In shared memory, and as much again in the page cache. */
const isRoom = freemem() > 3 * bytesMin;

/** Compiled, as users have it, in a process whose memory goes with it. */
const program = join(process.cwd(), 'dist/test/soak/large-snapshot-run.js');

test.skipIf(!isRoom)(
  `a snapshot of ${records} records of 4 KiB is whole, and its tag and digest are right${isRoom ? '' : ' (SKIPPED: not enough free memory)'}`,
  { timeout: 600_000 },
  async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [program, String(records)]);
    const found: LargeSnapshot = JSON.parse(stdout);
    expect(found).toMatchObject({ isWholeFile: true, isDigestRight: true, isSummaryRight: true });
    expect(found.summaryBytes).toBeLessThan(summaryBytesMax);
    expect(found.bytes).toBeGreaterThan(bytesMin);
    expect(Math.min(found.publicBytes, found.privateBytes)).toBeGreaterThan(bytesMin / 2);
  },
);
