import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { ccfTestdata } from '../helpers/ccf-folder.ts';

/** A new empty directory, removed with all that is in it after the tests of the file. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'cli-test-'));
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A path in the real data; nowhere where that is not installed, and then only skipped tests use it. */
export function inCcfData(...path: string[]): string {
  return join(ccfTestdata ?? '/nowhere', ...path);
}

/** A copy of a real ledger's chunks in a new directory below `parent`. */
export function copyLedger(service: string, parent: string, name = 'ledger'): string {
  const copy = join(parent, name);
  cpSync(inCcfData(service, 'ledger'), copy, { recursive: true });
  return copy;
}
