/** What a state is made of. */
export interface Shape {
  readonly entries: number;
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly tables: number;
  /** In tables whose bytes are encrypted. */
  readonly isPrivate?: boolean;
  /** Half of the updates go to a thousandth of the keys. */
  readonly isSkewed?: boolean;
}

/** Keys of 24 B and pseudo-random values of 128 B: what every party is given. */
export const d1m: Shape = { entries: 1_000_000, keyBytes: 24, valueBytes: 128, tables: 1 };
export const d1g: Shape = { ...d1m, entries: 6_700_000 };
export const d64k: Shape = { ...d1m, entries: 390 };

/** Values are pieces of this much noise. */
const noiseBytes = 4 * 2 ** 20;

/** Scatters indexes, the same in every run. */
export function scatter(index: number): number {
  let x = Math.imul(index ^ (index >>> 16), 0x45d9f3b);
  x = Math.imul(x ^ (x >>> 15), 0x9e3779b1);
  return (x ^ (x >>> 14)) >>> 0;
}

/** Makes the keys and values of a shape, the same in every run. */
export class ShapedData {
  readonly shape: Shape;
  readonly #noise: Uint8Array;

  constructor(shape: Shape) {
    this.shape = shape;
    this.#noise = new Uint8Array(noiseBytes + shape.valueBytes);
    for (let i = 0; i < this.#noise.length; i++) this.#noise[i] = scatter(i) >>> 24;
  }

  keyTextOf(index: number): string {
    const { keyBytes } = this.shape;
    const prefix = keyBytes >= 24 ? 'key:' : '';
    return prefix + String(index).padStart(keyBytes - prefix.length, '0');
  }

  /** A key is memory of its own. */
  keyOf(index: number): Uint8Array {
    return Uint8Array.from(Buffer.from(this.keyTextOf(index), 'latin1'));
  }

  /** The bytes of an entry's value; another `version` of it has others. */
  valueOf(index: number, version = 0): Uint8Array {
    const from = scatter(index + version * 0x1234567) % noiseBytes;
    return this.#noise.subarray(from, from + this.shape.valueBytes);
  }

  /** Which entry the i-th update goes to. */
  updatedBy(i: number): number {
    const { entries, isSkewed = false } = this.shape;
    const hot = isSkewed && i % 2 === 0 ? Math.ceil(entries / 1000) : entries;
    return scatter(i + 1) % hot;
  }

  tableOf(index: number): number {
    return index % this.shape.tables;
  }

  tableName(table: number): string {
    return `${this.shape.isPrivate ? '' : 'public:'}app.table ${table}`;
  }
}
