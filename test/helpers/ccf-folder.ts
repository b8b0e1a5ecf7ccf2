import { existsSync } from 'node:fs';
import { join } from 'node:path';

const folder =
  process.env['CCF_TESTDATA'] ?? join(import.meta.dirname, '../../../shared/ccf-testdata');

/** Folder of the real CCF ledgers, `undefined` where they are not installed. */
export const ccfTestdata: string | undefined = existsSync(folder) ? folder : undefined;
