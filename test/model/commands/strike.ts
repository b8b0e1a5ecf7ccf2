import { seqno as toSeqno } from '../../../src/core/words.ts';
import type { Command } from './commands.ts';
import { armAt, perform } from './perform.ts';
import type { Run } from './run.ts';

type Strike = Extract<Command, { kind: 'strike' }>;

/** More than one generation takes from its beginning to its end. */
const answersMax = 60;

/** Goes on until a generation has come to the port, and does to it there what the command says. */
export async function strike(run: Run, { port, fails, pick, meanwhile }: Strike): Promise<void> {
  const snapshotSeqno = await goTo(run, port);
  if (snapshotSeqno === undefined) return;
  if (fails) armAt(run, { port, snapshotSeqno }, pick);
  const live = run.model.generations.find(
    (generation) => generation.snapshotSeqno === snapshotSeqno,
  );
  switch (meanwhile) {
    case 'cancel':
      run.world.snapshotter.cancel(live?.begun.number ?? 0);
      run.model.cancel(live?.begun.number ?? 0);
      return;
    case 'close':
      perform(run, { kind: 'close' });
      return;
    case 'crash':
      return run.crash([pick % 4, 1, pick % 3]);
    case 'resign':
      return resign(run, live?.evidence);
    case 'nothing':
  }
}

/** The snapshot whose generation has come there; where ports answer by themselves, any that lives. */
async function goTo(run: Run, port: Strike['port']): Promise<number | undefined> {
  if (run.model.generations.length === 0) perform(run, { kind: 'take' });
  await run.compare();
  for (let i = 0; i < answersMax; i++) {
    const { waiting } = run.world.gates;
    const found = waiting.find((ticket) => ticket.port === port);
    if (found !== undefined) return found.snapshotSeqno;
    if (waiting.length > 0) {
      await run.answer(0);
    } else {
      const { generations, isClosing } = run.model;
      if (generations.length === 0 || isClosing || i > answersMax / 2) break;
      if (run.isOpen) break;
      lead(run, port);
      await run.compare();
    }
  }
  return run.model.generations[0]?.snapshotSeqno;
}

/** Gives what the generations wait for; to come to a proof, all but the commit, since a rollback may follow. */
function lead(run: Run, port: Strike['port']): void {
  if (port !== 'prove' && port !== 'verify') {
    perform(run, { kind: 'prove' });
    return;
  }
  perform(run, { kind: 'evidence', claim: 'right', pick: 0 });
  perform(run, { kind: 'signature', flaw: 'none', failsToFreeze: false });
}

/** Another signature over the same evidence, of another tree. */
async function resign(run: Run, evidence: number | undefined): Promise<void> {
  const { model, world, ledger } = run;
  if (evidence === undefined || evidence < model.floor || evidence >= ledger.last) return;
  const to = toSeqno(evidence);
  world.snapshotter.rollback(to);
  model.rollback(to);
  ledger.rollback(to);
  // A rollback is settled before anything else: whose a late proof is could not be told otherwise.
  await run.compare();
  perform(run, { kind: 'transaction', count: 1 });
  perform(run, { kind: 'signature', flaw: 'none', failsToFreeze: false });
}
