import { expect, test } from 'vitest';
import { createActor, fromPromise, waitFor } from 'xstate';
import type { CandidateVerdict, RecoverySources, SnapshotCandidate } from '../../machines/ports.ts';
import { recoveryMachine } from '../../machines/recovery.ts';
import { seqno } from '../../src/core/words.ts';

const candidate = (at: number, isSparse?: boolean): SnapshotCandidate => ({
  file: `snapshot_${at}_${at + 1}.committed`,
  seqno: seqno(at),
  ...(isSparse !== undefined && { isSparse }),
});

/** The seqnos of candidates in the order in which a recovery tries them, when none is usable. */
async function triedOf(candidates: readonly SnapshotCandidate[]): Promise<readonly number[]> {
  const tried: number[] = [];
  const actor = createActor(
    recoveryMachine.provide({
      actors: {
        listSources: fromPromise<RecoverySources, void>(async () => ({
          candidates,
          first: undefined,
        })),
        checkCandidate: fromPromise<CandidateVerdict, SnapshotCandidate>(async ({ input }) => {
          tried.push(input.seqno);
          return { verdict: 'refused', code: 'SIG_INVALID', reason: 'forged' };
        }),
      },
    }),
  ).start();
  await waitFor(actor, ({ status }) => status === 'done');
  return tried;
}

test('a recovery tries sparse files last, and each kind newest first', async () => {
  const candidates = [
    candidate(50, true),
    candidate(40),
    candidate(30, true),
    candidate(20, false),
  ];
  expect(await triedOf(candidates)).toEqual([40, 20, 50, 30]);
});

test('a recovery tries them newest first where all are sparse, as on a disk that compresses', async () => {
  expect(await triedOf([candidate(50, true), candidate(40, true)])).toEqual([50, 40]);
});
