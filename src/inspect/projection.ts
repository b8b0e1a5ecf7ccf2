/** JSON, as small as a viewer needs it. */
export type Projected = null | boolean | number | string | readonly Projected[] | ProjectedObject;

export interface ProjectedObject {
  readonly [key: string]: Projected;
}

/** What one projected value may hold: so much is looked at, however large the value is. */
const depthMax = 6;
const itemsMax = 32;
const valuesMax = 400;
const characters = 256;
const prefixBytes = 8;

interface Budget {
  left: number;
  /** Objects that the value now looked at lies in. */
  readonly around: object[];
}

/**
 * A copy of a value that is safe and cheap to stringify, whatever it is: bytes become their length and their
 * first few in hex; what is deep, long or wide is cut, and says so; functions, errors, actors, cycles and big
 * integers become words. It reads a bounded part of the value and never throws.
 */
export function project(value: unknown): Projected {
  return projected(value, { left: valuesMax, around: [] });
}

function projected(value: unknown, budget: Budget): Projected {
  budget.left--;
  switch (typeof value) {
    case 'string':
      return shortened(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'bigint':
      return `${value}n`;
    case 'object':
      return value === null ? null : object(value, budget);
    case 'function':
      return `[function ${value.name}]`;
    case 'undefined':
    case 'symbol':
      return `[${String(value)}]`;
  }
}

function object(value: object, budget: Budget): Projected {
  if (budget.around.includes(value)) return '[cycle]';
  if (budget.around.length >= depthMax || budget.left <= 0) return '[…]';
  budget.around.push(value);
  try {
    return special(value) ?? contents(value, budget);
  } catch (error) {
    // A getter or a proxy may do anything.
    return `[unreadable: ${shortened(String(error))}]`;
  } finally {
    budget.around.pop();
  }
}

function special(value: object): Projected | undefined {
  if (ArrayBuffer.isView(value)) {
    return bytesOf(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
  }
  if (value instanceof ArrayBuffer) return bytesOf(new Uint8Array(value));
  if (value instanceof Error) return errorOf(value);
  if (isDate(value)) return value.toJSON();
  if (value instanceof Promise) return '[promise]';
  if ('sessionId' in value && 'send' in value) return `[actor ${String(value.sessionId)}]`;
  return undefined;
}

function isDate(value: object): value is { toJSON(): string | null } {
  return Object.prototype.toString.call(value) === '[object Date]' && 'toJSON' in value;
}

function contents(value: object, budget: Budget): Projected {
  if (Array.isArray(value)) return list(value, value.length, budget);
  if (value instanceof Set) return list(value, value.size, budget);
  if (value instanceof Map) return fields(entriesOf(value), budget);
  return fields(ownEntries(value), budget);
}

function bytesOf(bytes: Uint8Array): Projected {
  const hex = Array.from(bytes.subarray(0, prefixBytes), (byte) =>
    byte.toString(16).padStart(2, '0'),
  );
  return { bytes: bytes.length, begin: hex.join('') };
}

function errorOf(error: Error & { readonly code?: unknown }): Projected {
  const { name, message, code } = error;
  const words = { name: shortened(String(name)), message: shortened(String(message)) };
  return typeof code === 'string' ? { ...words, code: shortened(code) } : words;
}

function shortened(text: string): string {
  return text.length <= characters
    ? text
    : `${text.slice(0, characters)}… (${text.length} characters)`;
}

function list(items: Iterable<unknown>, length: number, budget: Budget): readonly Projected[] {
  const taken: Projected[] = [];
  for (const item of items) {
    if (taken.length === itemsMax || budget.left <= 0) {
      taken.push(`[${length - taken.length} more]`);
      break;
    }
    taken.push(projected(item, budget));
  }
  return taken;
}

function fields(entries: Iterable<readonly [string, unknown]>, budget: Budget): ProjectedObject {
  const taken: [string, Projected][] = [];
  for (const [key, item] of entries) {
    if (taken.length === itemsMax || budget.left <= 0) {
      taken.push(['…', 'more']);
      break;
    }
    if (item !== undefined) taken.push([shortened(key), projected(item, budget)]);
  }
  // Also for a key such as __proto__, which an assignment would take for something else.
  return Object.fromEntries(taken);
}

function* entriesOf(map: ReadonlyMap<unknown, unknown>): Generator<readonly [string, unknown]> {
  for (const [key, value] of map) yield [typeof key === 'object' ? '[object]' : String(key), value];
}

function* ownEntries(value: object): Generator<readonly [string, unknown]> {
  for (const key in value) {
    if (!Object.hasOwn(value, key)) continue;
    yield [key, (value as Readonly<Record<string, unknown>>)[key]];
  }
}
