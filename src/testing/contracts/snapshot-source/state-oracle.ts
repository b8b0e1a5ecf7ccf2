import { fromUtf8 } from '../../../core/bytes.ts';
import type { FrozenTable, StoreRecord } from '../../../core/host-ports.ts';
import { check, checkSame } from '../expectations.ts';

/** A new value of a key, or its removal; only keys that are there are removed. */
export interface TableChange {
  readonly table: string;
  readonly key: string;
  readonly value: string | undefined;
}

interface OracleRecord {
  readonly version: number;
  readonly value: string;
}

interface OracleTable {
  readonly version: number;
  readonly records: ReadonlyMap<string, OracleRecord>;
}

/** What a state must hold, kept the simplest way: copied at each change. */
export type OracleState = ReadonlyMap<string, OracleTable>;

/** The state after one transaction. */
export function applied(
  state: OracleState,
  seqno: number,
  changes: readonly TableChange[],
): OracleState {
  const next = new Map(state);
  for (const { table, key, value } of changes) {
    const records = new Map(next.get(table)?.records);
    if (value === undefined) records.delete(key);
    else records.set(key, { version: seqno, value });
    next.set(table, { version: seqno, records });
  }
  return next;
}

/**
 * The changes of transaction number `step`: a key that most write anew, one of its own, and now and then the
 * removal of an earlier one's; of several tables each second transaction leaves all but the first alone.
 */
export function changesOf(
  step: number,
  state: OracleState,
  tables: readonly string[],
): readonly TableChange[] {
  const used = step % 2 === 0 ? tables : tables.slice(0, 1);
  return used.flatMap((table) => {
    const old = [...(state.get(table)?.records.keys() ?? [])].find((key) => key !== 'shared');
    const removal = old === undefined ? [] : [{ table, key: old, value: undefined }];
    // A removal alone: nothing but the table's version tells of it.
    if (step % 3 === 2 && removal.length > 0) return removal;
    return [
      { table, key: 'shared', value: `of step ${step} in ${table}` },
      { table, key: `own ${step}`, value: 'x'.repeat(step) },
      ...(step % 4 === 0 ? removal : []),
    ];
  });
}

/** Compares what there is of `names` with what must be. @throws ContractError naming what differs */
export function checkTables(
  found: Iterable<FrozenTable>,
  expected: OracleState,
  { names, what }: { readonly names: readonly string[]; readonly what: string },
): void {
  const byName = new Map<string, FrozenTable>();
  for (const table of found) {
    check(!byName.has(table.name), `${what} has the table ${table.name} twice`);
    byName.set(table.name, table);
  }
  for (const name of names) checkTable(byName.get(name), expected.get(name), `${name} of ${what}`);
}

function checkTable(
  table: FrozenTable | undefined,
  expected: OracleTable = { version: 0, records: new Map() },
  what: string,
): void {
  const records = [...(table?.live.records() ?? [])];
  checkSame(table?.live.size ?? 0, records.length, `the size of the table ${what}`);
  const found = records.map(plainRecord).sort(byKey);
  const wanted = [...expected.records].map(([key, record]) => ({ key, ...record })).sort(byKey);
  checkSame(found, wanted, `what the table ${what} holds`);
  checkSame(table?.version ?? 0, expected.version, `the version of the table ${what}`);
}

const plainRecord = ({ key, version, value }: StoreRecord) => ({
  key: fromUtf8(key),
  version,
  value: fromUtf8(value),
});

const byKey = (a: { readonly key: string }, b: { readonly key: string }): number =>
  a.key < b.key ? -1 : Number(a.key > b.key);
