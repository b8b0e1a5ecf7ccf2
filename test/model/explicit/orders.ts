import type { Model } from './explore.ts';
import type { Team } from './product.ts';
import { type Choice, contextOf, type State } from './world.ts';

/** Two things that may come in either order, and what each is called when it comes after the other. */
interface Pair {
  readonly one: Choice;
  readonly other: Choice;
  readonly law: string;
  readonly oneAfter: string;
  readonly otherAfter: string;
}

/** 8: what comes in either order leads to the same state. */
export function brokenByOrder(
  model: Model,
  state: State,
  choices: readonly Choice[],
): string | undefined {
  for (const pair of [...submissions(choices), ...proofs(choices)]) {
    const oneFirst = model.take(state, pair.one).after;
    const otherFirst = model.take(state, pair.other).after;
    const ends = [
      follow(model, oneFirst, pair.otherAfter),
      follow(model, otherFirst, pair.oneAfter),
    ] as const;
    if (!areSame(ends)) return pair.law;
  }
  return undefined;
}

function follow(model: Model, state: State, label: string): State | undefined {
  const next = model.choices(state).find((choice) => choice.label === label);
  return next && model.take(state, next).after;
}

/** Evidence is recorded, and its submission is answered. */
function submissions(choices: readonly Choice[]): readonly Pair[] {
  return choices.flatMap((one) => {
    const answered = /^(slot \d+: evidence of (\d+) accepted at (\d+)), not yet recorded$/;
    const [, isOne, version, at] = answered.exec(one.label) ?? [];
    const recorded = `evidence of ${version} recorded at ${at}`;
    const other = choices.find(({ label }) => label === recorded);
    if (isOne === undefined || other === undefined) return [];
    const law = '8: evidence recorded and its submission answered commute';
    return [{ law, one, other, oneAfter: isOne, otherAfter: `${recorded}, late` }];
  });
}

/** The signature is verified, and the evidence is found in the tree. */
function proofs(choices: readonly Choice[]): readonly Pair[] {
  return choices.flatMap((one) => {
    const slot = /^slot (\d+): verifySignature \d+ done$/.exec(one.label)?.[1];
    const other = choices.find(({ label }) =>
      new RegExp(`^slot ${slot}: proveEvidence .* done$`).test(label),
    );
    if (slot === undefined || other === undefined) return [];
    const law = '8: signature verified and evidence proven commute';
    return [{ law, one, other, oneAfter: one.label, otherAfter: other.label }];
  });
}

/** Equal but for where the submission was told to be, which nobody asks once the evidence is seen. */
function areSame([one, other]: readonly [State | undefined, State | undefined]): boolean {
  if (one === undefined || other === undefined) return false;
  return (
    one.world === other.world &&
    one.actors.snapshotter === other.actors.snapshotter &&
    one.actors.teams.every((team, slot) => areSameTeams(team, other.actors.teams[slot]))
  );
}

function areSameTeams(one: Team | undefined, other: Team | undefined): boolean {
  if (one === other || one === undefined || other === undefined) return one === other;
  const contexts = [contextOf(one), contextOf(other)].map(({ submittedSeqno: _, ...rest }) => rest);
  const { generation } = one;
  return (
    one.chain === other.chain &&
    one.writer === other.writer &&
    JSON.stringify(contexts[0]) === JSON.stringify(contexts[1]) &&
    JSON.stringify(generation.state.value) === JSON.stringify(other.generation.state.value) &&
    generation.timers.join() === other.generation.timers.join()
  );
}
