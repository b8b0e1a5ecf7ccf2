import { expect, test } from 'vitest';
import type { Environment } from '../../src/engine/environment.ts';
import { type SnapshotJobs, snapshotJobs } from '../../src/engine/jobs.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { InlineExecutor } from '../../src/tasks/inline-executor.ts';
import { setUp, untilCommitted } from '../helpers/set-up-host.ts';

/** A world on one disk, and what its jobs ask of cose-js. */
function listening(): { readonly asked: string[]; readonly environment: Partial<Environment> } {
  const asked: string[] = [];
  const fileSystem = new MemoryFileSystem();
  const jobs = snapshotJobs(fileSystem);
  const startExecutor = () =>
    new InlineExecutor<SnapshotJobs>({
      ...jobs,
      prepareCrossCheck: async (input, context) => {
        asked.push('prepare');
        return jobs.prepareCrossCheck(input, context);
      },
      checkReceipt: async (input, context) => {
        asked.push(input.crossCheck ? 'check by both' : 'check by node:crypto');
        return jobs.checkReceipt(input, context);
      },
    });
  return { asked, environment: { fileSystem, startExecutor } };
}

test.each([
  [undefined, ['prepare', 'check by both']],
  [false, ['check by node:crypto']],
])(
  'createSnapshotter() with crossCheck %s asks cose-js about a receipt, or does not',
  async (crossCheck, expected) => {
    const { asked, environment } = listening();
    const setup = await setUp({ environment, ...(crossCheck !== undefined && { crossCheck }) });
    expect(await untilCommitted(setup)).toMatchObject({ outcome: 'committed' });
    expect(asked).toEqual(expected);
  },
);
