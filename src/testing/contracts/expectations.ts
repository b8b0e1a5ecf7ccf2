import { inspect, isDeepStrictEqual } from 'node:util';
import { toHex } from '../../core/bytes.ts';
import { LedgerSnapshotterError, type StorageCode, StorageError } from '../../core/errors.ts';

/** What a contract found; its message says which rule is broken, and by what. */
export class ContractError extends Error {
  override readonly name = 'ContractError';
}

/** @throws ContractError unless `condition` holds */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ContractError(message);
}

/** Compares by content; bytes are equal to bytes, whatever their class. @throws ContractError with both */
export function checkSame(actual: unknown, expected: unknown, what: string): void {
  const [found, wanted] = [plain(actual), plain(expected)];
  check(
    isDeepStrictEqual(found, wanted),
    `${what} is ${shown(found)}, expected is ${shown(wanted)}`,
  );
}

/** @throws ContractError when it is not bytes, or not so many */
export function checkBytes(
  value: unknown,
  length: number,
  what: string,
): asserts value is Uint8Array {
  check(value instanceof Uint8Array, `${what} is ${shown(value)}, not a Uint8Array`);
  check(value.length === length, `${what} has ${value.length} bytes, not ${length}`);
}

/** The error that a promise is rejected with. @throws ContractError when it is fulfilled */
export async function rejectionOf(promise: Promise<unknown>, what: string): Promise<unknown> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome) return outcome.error;
  throw new ContractError(`${what} was accepted (${shown(plain(outcome.value))})`);
}

/** The StorageError of one of these codes that a promise is rejected with. @throws ContractError */
export async function storageErrorOf(
  promise: Promise<unknown>,
  codes: readonly StorageCode[],
  what: string,
): Promise<StorageError> {
  const error = await rejectionOf(promise, what);
  check(error instanceof StorageError, `${what} failed with ${shown(error)}, not a StorageError`);
  const wanted = codes.join(' or ');
  check(codes.includes(error.code), `${what} failed with ${error.code}, not with ${wanted}`);
  return error;
}

/** What a call throws. @throws ContractError when it returns */
export function thrownBy(call: () => unknown, what: string): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new ContractError(`${what} was accepted`);
}

/** The code of a typed error; what else was thrown, as text. */
export function codeOf(error: unknown): string {
  return error instanceof LedgerSnapshotterError ? error.code : shown(error);
}

/** A value in one line. */
export function shown(value: unknown): string {
  const text = inspect(value, { depth: 6, breakLength: Number.POSITIVE_INFINITY, compact: true });
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}

/** Bytes as hex, maps as sorted pairs: what can be compared and read. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${toHex(value)}`;
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return [...value].map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

/** Bytes of which no stretch is like another. */
export function patternOf(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}
