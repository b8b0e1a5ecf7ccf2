import type { FrozenState, FrozenTable } from '../../../core/host-ports.ts';
import type { Seqno } from '../../../core/words.ts';
import { checkSame } from '../expectations.ts';
import { capability } from '../framework.ts';
import type { LogStep } from '../log-model.ts';
import type { SourceCapability, SourceCase, SourceDriver, SourceRule } from './source-driver.ts';
import { applied, changesOf, checkTables, type OracleState } from './state-oracle.ts';

/** Everything that a frozen state says, in the order in which it says it. */
export function contentOf({ tables, leaf, viewHistory }: FrozenState) {
  return {
    tables: [...tables].map(contentOfTable),
    leaf: new Uint8Array(leaf),
    viewHistory: [...viewHistory],
  };
}

function contentOfTable({ name, version, live, tombstones }: FrozenTable) {
  const records = (set: FrozenTable['live'] | undefined) =>
    [...(set?.records() ?? [])].map(({ key, version: at, value }) => ({
      key: new Uint8Array(key),
      version: at,
      value: new Uint8Array(value),
    }));
  return { name, version, size: live.size, live: records(live), removed: records(tombstones) };
}

/** A state that was frozen, with what it said then and what it must say. */
export interface HeldState {
  readonly seqno: Seqno;
  readonly frozen: FrozenState;
  readonly content: ReturnType<typeof contentOf>;
  readonly expected: OracleState;
}

/** Does with a source what a log does, beside an oracle that knows what there must be. */
export class SourceRun {
  readonly driver: SourceDriver;
  /** States that are held, in the order of their freezing. */
  held: HeldState[] = [];
  /** Item i: the state after i transactions, and where the log stood. */
  readonly #history: { readonly state: OracleState; readonly seqno: Seqno }[];
  /** Frozen above a rollback: released only after the next step, as a snapshotter may. */
  #overdue: HeldState[] = [];
  #transactions = 0;

  constructor(driver: SourceDriver) {
    this.driver = driver;
    this.#history = [{ state: new Map(), seqno: driver.last() }];
  }

  get state(): OracleState {
    return this.#now.state;
  }

  async take(step: LogStep): Promise<void> {
    const overdue = this.#overdue;
    this.#overdue = [];
    await this.#take[step]();
    for (const { frozen } of overdue) frozen.release();
    this.checkHeld(step);
  }

  readonly #take: Readonly<Record<LogStep, () => unknown>> = {
    apply: () => this.apply(),
    freeze: () => this.freeze(),
    'release the older': () => this.release(this.held[0]),
    'release the newer': () => this.release(this.held.at(-1)),
    'roll back by 1': () => this.rollback(1),
    'roll back by 2': () => this.rollback(2),
    commit: () => this.commit(),
  };

  /** One transaction. */
  async apply(): Promise<Seqno> {
    this.#transactions += 1;
    const changes = changesOf(this.#transactions, this.state, this.driver.tables);
    const seqno = await this.driver.apply(changes);
    this.#history.push({ state: applied(this.state, seqno, changes), seqno });
    return seqno;
  }

  freeze(): HeldState {
    const seqno = this.driver.last();
    const frozen = this.driver.source.freeze(seqno);
    const held = { seqno, frozen, content: contentOf(frozen), expected: this.state };
    this.held.push(held);
    this.check(held, 'freezing it');
    return held;
  }

  release(held: HeldState | undefined): void {
    this.held = this.held.filter((other) => other !== held);
    held?.frozen.release();
  }

  /** Takes back so many transactions; what was frozen of them nobody reads any more. */
  async rollback(by: number): Promise<void> {
    this.#history.length -= by;
    const { seqno } = this.#now;
    this.#overdue = this.held.filter((held) => held.seqno > seqno);
    this.held = this.held.filter((held) => held.seqno <= seqno);
    await capability(this.driver.rollback, 'rollback').call(this.driver, seqno);
    this.#stand();
  }

  async commit(): Promise<void> {
    await capability(this.driver.commit, 'commit').call(this.driver);
    this.#stand();
  }

  /** A host may put entries of its own behind a rollback or a commit. */
  #stand(): void {
    const { state } = this.#now;
    this.#history[this.#history.length - 1] = { state, seqno: this.driver.last() };
  }

  /** @throws ContractError when a held state is not what it was and must be */
  checkHeld(after: string): void {
    for (const held of this.held) this.check(held, `"${after}"`);
  }

  check({ frozen, seqno, content, expected }: HeldState, after: string): void {
    const what = `the state frozen at ${seqno}, after ${after}`;
    checkTables(frozen.tables, expected, { names: this.driver.tables, what });
    checkSame(contentOf(frozen), content, what);
  }

  /** Gives back everything. */
  end(): void {
    for (const { frozen } of [...this.#overdue, ...this.held]) frozen.release();
    this.#overdue = [];
    this.held = [];
  }

  get #now(): { readonly state: OracleState; readonly seqno: Seqno } {
    return this.#history.at(-1) ?? { state: new Map(), seqno: this.driver.last() };
  }
}

/** A case that runs beside an oracle. */
export const beside = (
  rule: SourceRule,
  title: string,
  run: (run: SourceRun) => Promise<void>,
  needs: readonly SourceCapability[] = [],
): SourceCase => ({
  rule,
  title,
  needs,
  async run(driver) {
    const besideOracle = new SourceRun(driver);
    await run(besideOracle);
    besideOracle.end();
  },
});
