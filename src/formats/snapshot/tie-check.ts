import { createHash } from 'node:crypto';
import { toHex } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';
import { tiedKeysMax } from '../../core/limits.ts';

/** Keys of more bytes are told apart by their digest, so that an entry of the set is small. */
const shownBytesMax = 64;

/** Checks that keys ascend by hash and that none comes twice, however many share a hash. */
export class TieCheck {
  readonly #mapName: string;
  /** Of the last key; -1 before the first. */
  hash = -1;
  /** Keys of the current hash; made only once a second one comes. */
  #tied: Set<string> | undefined;

  constructor(mapName: string) {
    this.#mapName = mapName;
  }

  /** A greater hash than the last one: no key needs to be looked at. */
  passed(hash: number): void {
    this.hash = hash;
    this.#tied = undefined;
  }

  /**
   * A key whose hash is not greater than the last one.
   * @param previous the key before it
   * @throws FormatError `KEY_ORDER`, `DUPLICATE_KEY`, `TOO_LARGE` when too many keys have one hash
   */
  check(hash: number, key: Uint8Array, previous: () => Uint8Array): void {
    if (hash < this.hash) throw this.#error('KEY_ORDER', key, 'is out of hash order');
    this.#tied ??= new Set([nameOf(previous())]);
    const name = nameOf(key);
    if (this.#tied.has(name)) throw this.#error('DUPLICATE_KEY', key, 'comes twice');
    if (this.#tied.size === tiedKeysMax) {
      const message = `more than ${tiedKeysMax} keys of ${this.#mapName} have one hash`;
      throw new FormatError('TOO_LARGE', message, { expected: tiedKeysMax });
    }
    this.#tied.add(name);
  }

  #error(code: 'KEY_ORDER' | 'DUPLICATE_KEY', key: Uint8Array, how: string): FormatError {
    const shown = toHex(key.slice(0, 40));
    return new FormatError(code, `key ${shown} of ${this.#mapName} ${how}`);
  }
}

function nameOf(key: Uint8Array): string {
  if (key.length <= shownBytesMax) return toHex(key.slice());
  return `${key.length} ${createHash('sha256').update(key).digest('hex')}`;
}
