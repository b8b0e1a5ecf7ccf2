import { test } from 'vitest';
import type { Command, Step } from './commands.ts';
import { emptyTally, Run } from './run.ts';

// What the campaigns, or their writing, have found: each a schedule that went wrong before it was mended.

const settings = {
  txInterval: 6,
  capacity: 2,
  whenFull: 'keep',
  attemptsMax: 2,
  evidenceTimeoutMs: 2 ** 31 - 1,
  timeIntervalMs: 0,
  minTxInterval: 2,
} as const;

const step = (command: Command, ...answers: readonly number[]): Step => ({
  command,
  isHasty: false,
  answers,
});

const run = (...steps: readonly Step[]) =>
  Run.of({ settings, isReal: false, steps }, { isOpen: false, tally: emptyTally() });

const signature = { kind: 'signature', flaw: 'none', failsToFreeze: false } as const;
const toEvidence = { kind: 'rollback', isDeep: true, pick: 1 } as const;
const right = { kind: 'evidence', claim: 'right', pick: 0 } as const;
const transaction = { kind: 'transaction', count: 1 } as const;
const commit = { kind: 'commit', to: 'signature', pick: 0 } as const;

test('a proof that a rollback has voided does not give the receipt its path when it answers last', async () => {
  await run(
    step({ kind: 'take' }, 0, 0),
    step(right),
    step(transaction),
    step(signature),
    step(toEvidence),
    step(transaction),
    step(signature, 3, 2, 1, 0),
    step(commit, 0, 0, 0, 0, 0, 0),
  );
});

test('a proof that a rollback has voided does not poison its generation when it answers last', async () => {
  await run(
    step({ kind: 'take' }, 0, 0),
    step(right),
    step(transaction),
    step(signature),
    step(toEvidence),
    step(signature, 3, 2, 1, 0),
    step(commit, 0, 0, 0, 0, 0, 0),
  );
});

test('a generation that is cancelled while its file is named ends also when the naming fails', async () => {
  await run(
    step({ kind: 'take' }, 0, 0),
    step({ kind: 'prove' }, 0, 0, 0, 0, 0, 0),
    step({ kind: 'fault', fault: 'rename', pick: 0, times: 1, isAtHand: false }),
    step({ kind: 'cancel', pick: 0 }, 0, 0, 0, 0, 0),
  );
});

test('a file that was named and not synced may be lost by a crash after a restart, too', async () => {
  await run(
    step({ kind: 'strike', port: 'dirsync', fails: true, pick: 0, meanwhile: 'close' }),
    step({ kind: 'jump', ms: -10_000 }, 0),
    step({ kind: 'strike', port: 'open', fails: false, pick: 0, meanwhile: 'crash' }),
  );
});
