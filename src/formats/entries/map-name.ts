import { type ByteReader, compareBytes, fromUtf8, toUtf8 } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';

/** Which half of an entry or snapshot a map is written to. */
export type Domain = 'public' | 'private';

/** Tells whether a map is written encrypted: all are, unless the name begins with `public:`. */
export function isPrivateMap(name: string): boolean {
  return !name.startsWith('public:');
}

/** Orders map names as CCF's `std::map<std::string>` does: by UTF-8 bytes, not UTF-16 units. */
export function compareMapNames(a: string, b: string): number {
  return compareBytes(toUtf8(a), toUtf8(b));
}

/**
 * Checks that a name or key follows the one before it, so that each state has one encoding.
 * @throws FormatError `DUPLICATE_KEY`, `KEY_ORDER`
 */
export function checkAscending(
  previous: Uint8Array | undefined,
  current: Uint8Array,
  what: string,
  offset: number,
): void {
  if (previous === undefined) return;
  const order = compareBytes(previous, current);
  if (order < 0) return;
  if (order === 0) throw new FormatError('DUPLICATE_KEY', `${what} twice in a row`, { offset });
  throw new FormatError('KEY_ORDER', `${what} is not in byte order at ${offset}`, { offset });
}

/**
 * Reads the next map's name, which must follow the last one and belong to the domain.
 * @throws FormatError `DUPLICATE_KEY`, `KEY_ORDER`, `BAD_NAME`, `BAD_TEXT`, `LENGTH_EXCEEDS_PARENT`
 */
export function readMapName(
  reader: ByteReader,
  domain: Domain,
  previous: Uint8Array | undefined,
): { readonly name: string; readonly bytes: Uint8Array } {
  const offset = reader.offset;
  const bytes = reader.blob('map name');
  checkAscending(previous, bytes, 'map name', offset);
  const name = fromUtf8(bytes);
  if (isPrivateMap(name) !== (domain === 'private')) {
    const shown = JSON.stringify(name.slice(0, 80));
    throw new FormatError('BAD_NAME', `map ${shown} in the ${domain} domain`, { offset });
  }
  return { name, bytes };
}

/**
 * Sorts maps by name for writing.
 * @throws RangeError when a name is there twice or belongs to the other domain
 */
export function sortMaps<T extends { readonly name: string }>(
  maps: readonly T[],
  domain: Domain,
): T[] {
  const sorted = maps.toSorted((a, b) => compareMapNames(a.name, b.name));
  sorted.forEach((map, i) => {
    if (map.name === sorted[i - 1]?.name) throw new RangeError(`map ${map.name} is there twice`);
    if (isPrivateMap(map.name) !== (domain === 'private')) {
      throw new RangeError(`map ${map.name} does not belong to the ${domain} domain`);
    }
  });
  return sorted;
}
