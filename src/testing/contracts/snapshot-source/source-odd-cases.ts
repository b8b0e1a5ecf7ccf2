import { fromUtf8 } from '../../../core/bytes.ts';
import type { FrozenState } from '../../../core/host-ports.ts';
import { seqno as toSeqno } from '../../../core/words.ts';
import { check, checkSame } from '../expectations.ts';
import { capability } from '../framework.ts';
import type { SourceCase } from './source-driver.ts';
import { beside, type SourceRun } from './source-run.ts';
import { applied, checkTables, type OracleState, type TableChange } from './state-oracle.ts';

/** Keys that a store might take for something else. */
const oddKeys = [
  ...['__proto__', 'constructor', 'toString', 'length', '0', '10', '2', '-1', '1e3'],
  ...['a', 'aa', 'a b', 'a\0b', 'A', 'é', 'e\u0301', '\u{FFFD}', '\u{1F600}', 'k'.repeat(500)],
];

const oddValues = ['', '\0', 'null', 'undefined', '\u{1F600}', 'x'.repeat(100_000)];

/** Applies changes beside an oracle of their own; keeps to one table. */
class OddRun {
  readonly #run: SourceRun;
  readonly table: string;
  #state: OracleState = new Map();

  constructor(run: SourceRun) {
    this.#run = run;
    [this.table = ''] = run.driver.tables;
  }

  async apply(records: Readonly<Record<string, string | undefined>>): Promise<number> {
    const changes: readonly TableChange[] = Object.entries(records).map(([key, value]) => ({
      table: this.table,
      key,
      value,
    }));
    const seqno = await this.#run.driver.apply(changes);
    this.#state = applied(this.#state, seqno, changes);
    return seqno;
  }

  check(what: string): void {
    const { driver } = this.#run;
    const frozen = driver.source.freeze(driver.last());
    checkTables(frozen.tables, this.#state, { names: [this.table], what });
    frozen.release();
  }

  /** The tombstones of the table now, by key. */
  tombstones(): ReadonlyMap<string, number> {
    const { driver } = this.#run;
    const frozen = driver.source.freeze(driver.last());
    const found = tableOf(frozen, this.table);
    const removed = [...(found?.tombstones?.records() ?? [])];
    const live = new Set([...(found?.live.records() ?? [])].map(({ key }) => fromUtf8(key)));
    const versions = new Map(removed.map(({ key, version }) => [fromUtf8(key), version]));
    frozen.release();
    for (const key of versions.keys()) {
      check(!live.has(key), `the key ${key} is live and has a tombstone`);
    }
    checkSame(versions.size, removed.length, 'the number of keys that have a tombstone');
    return versions;
  }

  /** @throws ContractError when there is a tombstone of another key, or under another version */
  checkTombstones(expected: Readonly<Record<string, number>>, what: string): void {
    for (const [key, version] of this.tombstones()) {
      checkSame(version, expected[key], `the version of the tombstone of ${key} ${what}`);
    }
  }
}

const tableOf = ({ tables }: FrozenState, name: string) =>
  [...tables].find((table) => table.name === name);

/** Records of two frozen states, taken in turn from both. */
function walkInTurns(run: SourceRun, states: readonly FrozenState[]): readonly string[][] {
  const [name = ''] = run.driver.tables;
  const walks = states.map((state) => {
    const records = tableOf(state, name)?.live.records() ?? [];
    return { iterator: records[Symbol.iterator](), seen: [] as string[] };
  });
  for (let left = walks.length, count = 0; left > 0 && count < 1000; count++) {
    left = 0;
    for (const { iterator, seen } of walks) {
      const next = iterator.next();
      if (next.done === true) continue;
      const { key, version, value } = next.value;
      seen.push(`${fromUtf8(key)}@${version}=${fromUtf8(value)}`);
      left += 1;
    }
    // Whoever freezes meanwhile begins no walk, and ends none.
    if (count === 1) run.driver.source.freeze(run.driver.last()).release();
  }
  return walks.map(({ seen }) => seen);
}

/** What is easily forgotten: odd keys, walks beside each other, leaves after rollbacks, tombstones. */
export const oddCases: readonly SourceCase[] = [
  beside('F1', 'odd keys and values are ordinary records', async (run) => {
    const odd = new OddRun(run);
    const values = oddKeys.map((key, i) => [key, oddValues[i % oddValues.length]] as const);
    await odd.apply(Object.fromEntries(values));
    odd.check('the state of odd keys');
    for (const key of oddKeys.slice(0, 4)) {
      await odd.apply(Object.fromEntries([[key, 'written anew']]));
      odd.check(`the state with another value of ${key}`);
      await odd.apply(Object.fromEntries([[key, undefined]]));
      odd.check(`the state without ${key}`);
    }
    for (const value of oddValues) {
      await odd.apply({ a: value });
      odd.check(`the state with a value of ${value.length} characters`);
    }
  }),
  beside('F4', 'walks of two states at once do not disturb each other', async (run) => {
    for (let count = 0; count < 4; count++) await run.apply();
    const older = run.freeze();
    for (let count = 0; count < 3; count++) await run.apply();
    const newer = run.freeze();
    const states = [older.frozen, newer.frozen];
    const alone = states.flatMap((state) => walkInTurns(run, [state]));
    checkSame(walkInTurns(run, states), alone, 'what two walks in turns have seen');
    checkSame(walkInTurns(run, states.toReversed()), alone.toReversed(), 'what they have seen');
  }),
  beside(
    'F5',
    'a seqno that comes again after a rollback has the leaf of its own transaction',
    async (run) => {
      const leafAt = capability(run.driver.leafAt, 'leafAt').bind(run.driver);
      for (let count = 0; count < 2; count++) await run.apply();
      for (let round = 0; round < 3; round++) {
        const { frozen, seqno } = run.freeze();
        checkSame(frozen.leaf, leafAt(seqno), `the leaf frozen at ${seqno} in round ${round}`);
        await run.rollback(1);
        await run.apply();
      }
      const { frozen, seqno } = run.freeze();
      checkSame(frozen.leaf, leafAt(seqno), `the leaf frozen at ${seqno} at last`);
    },
    ['leafAt', 'rollback'],
  ),
  beside('F9', 'tombstones, where there are any, are of removed keys alone', async (run) => {
    const odd = new OddRun(run);
    await odd.apply({ x: '1', y: '1', z: '1' });
    odd.checkTombstones({}, 'when nothing was removed');
    const x = await odd.apply({ x: undefined });
    odd.checkTombstones({ x: -x }, 'when x was removed');
    const y = await odd.apply({ y: undefined, z: '2' });
    odd.checkTombstones({ x: -x, y: -y }, 'when x and y were removed');
    await odd.apply({ x: 'again' });
    odd.checkTombstones({ y: -y }, 'when x was written again');
    odd.check('the state after removals');
  }),
  beside(
    'F9',
    'a rollback takes away the tombstones of what it undoes',
    async (run) => {
      const rollback = capability(run.driver.rollback, 'rollback').bind(run.driver);
      const odd = new OddRun(run);
      const before = await odd.apply({ x: '1', y: '1' });
      await odd.apply({ x: undefined });
      await odd.apply({ y: undefined });
      await rollback(toSeqno(before));
      odd.checkTombstones({}, 'when the removals were taken back');
    },
    ['rollback'],
  ),
];
