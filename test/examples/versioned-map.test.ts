import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FrozenTable, type Seqno, seqno } from '../../src/index.ts';
import { VersionedMap } from './append-only-log/versioned-map.ts';

type Values = ReadonlyMap<string, string>;

interface Frozen {
  readonly seqno: Seqno;
  readonly table: FrozenTable;
  readonly values: Values;
  release(): void;
}

/** The map, beside a copy of all that it had at each seqno. */
class Model {
  readonly map = new VersionedMap();
  readonly states: Values[] = [new Map()];
  frozen: readonly Frozen[] = [];
  committed = 0;

  get last(): Seqno {
    return seqno(this.states.length - 1);
  }

  put(key: string, value: string | undefined): void {
    const values = new Map(this.states.at(-1));
    if (value === undefined) values.delete(key);
    else values.set(key, value);
    this.states.push(values);
    this.map.put(this.last, key, value);
  }

  freeze(): void {
    const values = this.states.at(-1) ?? new Map();
    const frozen = this.map.freeze(this.last, 'public:table');
    this.frozen = [...this.frozen, { ...frozen, seqno: this.last, values }];
  }

  release(isGone: (frozen: Frozen, index: number) => boolean): void {
    for (const frozen of this.frozen.filter(isGone)) frozen.release();
    this.frozen = this.frozen.filter((frozen, index) => !isGone(frozen, index));
  }

  commit(ahead: number): void {
    this.committed = Math.min(this.last, this.committed + ahead);
    this.map.compact(seqno(this.committed));
  }

  /** What was frozen above is gone too: no snapshotter reads it any more. */
  rollback(back: number): void {
    const to = seqno(Math.max(this.committed, this.last - back));
    this.map.rollback(to);
    this.states.length = to + 1;
    this.release((frozen) => frozen.seqno > to);
  }
}

const command = fc.oneof(
  { weight: 2, arbitrary: fc.tuple(fc.constant('put'), fc.nat(3), fc.boolean()) },
  fc.tuple(
    fc.constantFrom('freeze', 'commit', 'commit', 'rollback', 'release'),
    fc.nat(4),
    fc.boolean(),
  ),
);

test('the log example has in its map what was written, and in what it froze what there was', () => {
  const law = (commands: readonly (readonly [string, number, boolean])[]) => {
    const model = new Model();
    for (const [index, [kind, n, flag]] of commands.entries()) {
      if (kind === 'put') model.put(`key ${n}`, flag ? `value ${index}` : undefined);
      if (kind === 'freeze') model.freeze();
      if (kind === 'release') model.release((_, i) => i === n);
      if (kind === 'commit') model.commit(n);
      if (kind === 'rollback') model.rollback(n);
      check(model);
    }
  };
  fc.assert(fc.property(fc.array(command, { maxLength: 40 }), law), { numRuns: 1000 });
});

function check({ map, states, frozen }: Model): void {
  for (const key of ['key 0', 'key 1', 'key 2', 'key 3']) {
    expect(map.get(key)).toBe(states.at(-1)?.get(key));
  }
  for (const { table, values } of frozen) {
    expect(table.live.size).toBe(values.size);
    expect(recordsOf(table)).toEqual(new Map([...values].sort()));
  }
}

const recordsOf = ({ live }: FrozenTable): Values =>
  new Map(
    [...live.records()].map(({ key, value }) => [String(key), String(value)] as const).sort(),
  );
