import { readFileSync } from 'node:fs';
import { type Seqno, seqno } from '../../src/core/words.ts';
import type { KeyValue, MapWrites } from '../../src/formats/entries/write-set.ts';
import { pageBytes } from '../../src/store/memory/memories.ts';
import { BodyGather } from '../../src/store/shared/gather.ts';
import { openShared } from '../../src/store/shared/shared-descriptor.ts';
import { SharedStore } from '../../src/store/shared/shared-store.ts';
import { rounded } from './bench.ts';
import { type Shape, ShapedData, scatter } from './data.ts';

/** On-CPU nanoseconds an operation, ours and a Map's, one behind the other in each of many small turns. */
export interface OperationRound {
  readonly ratio: number;
  readonly ns: number;
  readonly mapNs: number;
}

/** On-CPU milliseconds, and those of a plain copy of as many bytes. */
export interface GatherRound {
  readonly ratio: number;
  readonly ms: number;
  readonly copyMs: number;
}

export interface StoreFigures {
  readonly operations: Readonly<Record<'put' | 'get' | 'update', readonly OperationRound[]>>;
  readonly gather: readonly GatherRound[];
  readonly freezeUs: readonly number[];
  readonly bytesPerEntry: number;
  readonly memory: object;
}

/** Operations between two looks at the clock, and in a transaction. */
const turn = 10_000;
const perTransaction = 100;
const gatherRounds = 7;
const freezes = 21;
const gatheredBytesMin = 128 * 2 ** 20;

/** Nanoseconds that this thread was on a core. */
function cpuNs(): number {
  const [ns = '0'] = readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ');
  return Number(ns);
}

function timed(work: () => void): number {
  const start = cpuNs();
  work();
  return cpuNs() - start;
}

/** `node dist/test/bench/store-steps.js SHAPE` measures one shape of data; prints its figures as JSON. */
class Measured {
  readonly #shape: Shape;
  readonly #data: ShapedData;
  readonly #store = new SharedStore(seqno(0), []);
  readonly #maps: Map<string, Uint8Array>[] = [];
  readonly #names: string[];
  #read = 0;

  constructor(shape: Shape) {
    this.#shape = shape;
    this.#data = new ShapedData(shape);
    this.#names = Array.from({ length: shape.tables }, (_, i) => this.#data.tableName(i));
    for (let i = 0; i < shape.tables; i++) this.#maps.push(new Map());
  }

  figures(): StoreFigures {
    const put = this.#rounds((i) => i, 0);
    const get = this.#gets();
    const update = this.#rounds((i) => this.#data.updatedBy(i), 1);
    return {
      operations: { put, get, update },
      freezeUs: this.#freezes(),
      gather: this.#gathers(),
      bytesPerEntry: (this.#store.usedPages * pageBytes) / this.#shape.entries,
      memory: {
        memoryBytes: this.#store.memoryBytes,
        rss: process.memoryUsage.rss(),
        read: this.#read,
      },
    };
  }

  /** Writes every entry; a round is a fifth of them. */
  #rounds(indexOf: (i: number) => number, version: number): OperationRound[] {
    return this.#inFifths((from, to) => {
      const writes: KeyValue[] = [];
      for (let i = from; i < to; i++) {
        const index = indexOf(i);
        writes.push({ key: this.#data.keyOf(index), value: this.#data.valueOf(index, version) });
      }
      const first = scatter(from) % this.#names.length;
      const transactions: MapWrites[] = [];
      for (let i = 0; i < writes.length; i += perTransaction) {
        const name = this.#names[(first + i / perTransaction) % this.#names.length] ?? '';
        transactions.push({ name, writes: writes.slice(i, i + perTransaction), removes: [] });
      }
      return [timed(() => this.#apply(transactions)), timed(() => this.#set(transactions, first))];
    });
  }

  #apply(transactions: readonly MapWrites[]): void {
    for (const changes of transactions) this.#store.apply(this.#next, [changes]);
    this.#store.compact(this.#store.seqno);
  }

  get #next(): Seqno {
    return seqno(this.#store.seqno + 1);
  }

  #set(transactions: readonly MapWrites[], first: number): void {
    transactions.forEach(({ writes }, i) => {
      const map = this.#maps[(first + i) % this.#maps.length];
      for (const { key, value } of writes) map?.set(latin1(key), new Uint8Array(value));
    });
  }

  #gets(): OperationRound[] {
    return this.#inFifths((from, to) => {
      const keys: Uint8Array[] = [];
      for (let i = from; i < to; i++) keys.push(this.#data.keyOf(this.#data.updatedBy(i)));
      const records = this.#store.tables.get(this.#names[0] ?? '')?.live;
      const map = this.#maps[0];
      const ours = timed(() => {
        for (const key of keys) this.#read += records?.get(key)?.value.length ?? 0;
      });
      const theirs = timed(() => {
        for (const key of keys) this.#read += map?.get(latin1(key))?.length ?? 0;
      });
      return [ours, theirs];
    });
  }

  #inFifths(work: (from: number, to: number) => readonly [number, number]): OperationRound[] {
    const { entries } = this.#shape;
    const fifth = Math.ceil(entries / 5);
    const rounds: OperationRound[] = [];
    for (let start = 0; start < entries; start += fifth) {
      const end = Math.min(entries, start + fifth);
      let [ours, theirs] = [0, 0];
      for (let from = start; from < end; from += turn) {
        const [ns, mapNs] = work(from, Math.min(end, from + turn));
        ours += ns;
        theirs += mapNs;
      }
      const count = end - start;
      const ratio = rounded(ours / theirs, 3);
      rounds.push({ ratio, ns: Math.round(ours / count), mapNs: Math.round(theirs / count) });
    }
    return rounds;
  }

  /** In microseconds: the wall's, since a freeze is shorter than the scheduler counts. */
  #freezes(): number[] {
    const times: number[] = [];
    for (let i = 0; i < freezes; i++) {
      const writes = [
        { key: this.#data.keyOf(scatter(i) % this.#shape.entries), value: this.#data.valueOf(i) },
      ];
      this.#apply([{ name: this.#names[0] ?? '', writes, removes: [] }]);
      const start = performance.now();
      const frozen = this.#store.freeze();
      frozen.share();
      times.push((performance.now() - start) * 1000);
      frozen.release();
    }
    return times;
  }

  #gathers(): GatherRound[] {
    const frozen = this.#store.freeze();
    const state = openShared(frozen.share());
    const target = new Uint8Array(new SharedArrayBuffer(4 * 2 ** 20)).fill(1);
    const total = state.tables.reduce((sum, { live }) => sum + live.bodyBytes, 0);
    const source = new Uint8Array(new SharedArrayBuffer(total)).fill(1);
    const rounds: GatherRound[] = [];
    // What is too short for the scheduler to count is done again and again.
    const times = Math.ceil(gatheredBytesMin / total);
    const repeated = (work: () => void) =>
      timed(() => {
        for (let i = 0; i < times; i++) work();
      }) / times;
    for (let round = 0; round < gatherRounds; round++) {
      const ns = repeated(() => {
        for (const { live } of state.tables) {
          const gather = new BodyGather(state, live);
          while (gather.fill(target) === target.length);
        }
      });
      const copyNs = repeated(() => {
        for (let from = 0; from < total; from += target.length) {
          target.set(source.subarray(from, Math.min(total, from + target.length)));
        }
      });
      const [ms, copyMs] = [rounded(ns / 1e6, 1), rounded(copyNs / 1e6, 1)];
      rounds.push({ ratio: rounded(ns / copyNs, 3), ms, copyMs });
    }
    frozen.release();
    return rounds;
  }
}

function latin1(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}

const shape = JSON.parse(process.argv[2] ?? '{}') as Shape;
console.log(JSON.stringify(new Measured(shape).figures()));
