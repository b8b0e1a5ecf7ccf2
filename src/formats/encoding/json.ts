import { fromUtf8 } from '../../core/byte-strings.ts';
import { type FormatCode, FormatError } from '../../core/errors.ts';
import { jsonBytesMax, jsonDepthMax } from '../../core/limits.ts';
import { type Seqno, seqno, type View, view } from '../../core/words.ts';

/** A number that is no safe integer, kept as text: what depends on it can say so, the rest can ignore it. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An object as a map, so that no key can touch a prototype. */
export type JsonObject = ReadonlyMap<string, JsonValue>;

/** A decoded JSON value; safe integers are numbers, all other numbers {@link JsonNumber}. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | JsonNumber
  | readonly JsonValue[]
  | JsonObject;

/**
 * Parses a JSON text strictly: bounded in size and depth, no key twice in an object, no byte-order
 * mark, nothing after the value. `JSON.parse` keeps the last of equal keys and rounds large numbers, so
 * two readers could see two different receipts in one text.
 * @throws FormatError `TOO_LARGE`, `BAD_JSON`, `BAD_TEXT`, `TRAILING_BYTES`
 */
export function parseJson(bytes: Uint8Array): JsonValue {
  if (bytes.length > jsonBytesMax) {
    const place = { actual: bytes.length, expected: jsonBytesMax };
    throw new FormatError('TOO_LARGE', `a JSON text of ${bytes.length} bytes`, place);
  }
  const parser = new Parser(fromUtf8(bytes));
  const value = parser.value(jsonDepthMax);
  parser.end();
  return value;
}

const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonValue {
    this.#space();
    const first = this.#text[this.#at];
    if (first === '{') return this.#object(this.#enter(depth));
    if (first === '[') return this.#array(this.#enter(depth));
    if (first === '"') return this.#string();
    if (first === 't') return this.#word('true', true);
    if (first === 'f') return this.#word('false', false);
    if (first === 'n') return this.#word('null', null);
    return this.#number();
  }

  end(): void {
    this.#space();
    const left = this.#text.length - this.#at;
    if (left === 0) return;
    const message = `${left} characters after the JSON value`;
    throw new FormatError('TRAILING_BYTES', message, { offset: this.#at, actual: left });
  }

  #error(what: string): FormatError {
    return new FormatError('BAD_JSON', `${what} at character ${this.#at}`, { offset: this.#at });
  }

  /** The offset of this error is the length of the text: what is missing would follow there. */
  #truncated(): FormatError {
    this.#at = this.#text.length;
    return this.#error('the text ends in a string');
  }

  #enter(depth: number): number {
    if (depth === 0) throw this.#error('nested too deeply');
    this.#at++;
    return depth - 1;
  }

  #space(): void {
    while (' \t\n\r'.includes(this.#text[this.#at] ?? '.')) this.#at++;
  }

  /** Takes `character` when it comes next. */
  #skip(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#skip(character)) throw this.#error(`expected ${character}`);
  }

  #object(depth: number): JsonObject {
    const object = new Map<string, JsonValue>();
    if (this.#skip('}')) return object;
    do {
      this.#space();
      const key = this.#string();
      if (object.has(key)) throw this.#error(`key ${JSON.stringify(key.slice(0, 80))} twice`);
      this.#expect(':');
      object.set(key, this.value(depth));
    } while (this.#skip(','));
    this.#expect('}');
    return object;
  }

  #array(depth: number): readonly JsonValue[] {
    const items: JsonValue[] = [];
    if (this.#skip(']')) return items;
    do items.push(this.value(depth));
    while (this.#skip(','));
    this.#expect(']');
    return items;
  }

  /** Finds the closing quote here and leaves the escapes of that one literal to the platform. */
  #string(): string {
    if (this.#text[this.#at] !== '"') throw this.#error('expected a string');
    let end = this.#at + 1;
    while (end < this.#text.length && this.#text[end] !== '"') {
      end += this.#text[end] === '\\' ? 2 : 1;
    }
    if (end >= this.#text.length) throw this.#truncated();
    const literal = this.#text.slice(this.#at, end + 1);
    try {
      const value = String(JSON.parse(literal));
      this.#at = end + 1;
      return value;
    } catch {
      throw this.#error('a malformed string');
    }
  }

  #word<T extends boolean | null>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error('an unknown word');
    this.#at += word.length;
    return value;
  }

  #number(): number | JsonNumber {
    numberPattern.lastIndex = this.#at;
    const text = numberPattern.exec(this.#text)?.[0];
    if (text === undefined) throw this.#error('expected a value');
    this.#at += text.length;
    const value = Number(text);
    return Number.isSafeInteger(value) && String(value) === text ? value : new JsonNumber(text);
  }
}

/** `value` as an object. @throws FormatError `code` */
export function jsonObject(
  value: JsonValue | undefined,
  what: string,
  code: FormatCode = 'BAD_JSON',
): JsonObject {
  if (value instanceof Map) return value;
  throw new FormatError(code, `${what} is not an object`);
}

/** A field that may be missing; CCF's readers take `null` for the same. */
export function jsonField(object: JsonObject, name: string): JsonValue | undefined {
  return object.get(name) ?? undefined;
}

/** `value` as an array. @throws FormatError `code` */
export function jsonArray(
  value: JsonValue | undefined,
  what: string,
  code: FormatCode = 'BAD_JSON',
): readonly JsonValue[] {
  if (Array.isArray(value)) return value as readonly JsonValue[]; // isArray forgets the element type
  throw new FormatError(code, `${what} is not an array`);
}

/** `value` as a string. @throws FormatError `code` */
export function jsonText(
  value: JsonValue | undefined,
  what: string,
  code: FormatCode = 'BAD_JSON',
): string {
  if (typeof value === 'string') return value;
  throw new FormatError(code, `${what} is not a string`);
}

/** `value` as a whole number of 0 … 2^53-1. @throws FormatError `BAD_JSON`, `NUMBER_TOO_LARGE` */
export function jsonCount(value: JsonValue | undefined, what: string): number {
  if (typeof value === 'number' && value >= 0) return value;
  if (value instanceof JsonNumber && /^[0-9]+$/.test(value.text)) {
    throw new FormatError('NUMBER_TOO_LARGE', `${what} is beyond 2^53-1`, {
      actual: value.text.slice(0, 40),
    });
  }
  throw new FormatError('BAD_JSON', `${what} is not a whole number`);
}

/** `value` as a seqno. @throws FormatError `BAD_JSON`, `NUMBER_TOO_LARGE` */
export function jsonSeqno(value: JsonValue | undefined, what: string): Seqno {
  return seqno(jsonCount(value, what));
}

/** `value` as a view. @throws FormatError `BAD_JSON`, `NUMBER_TOO_LARGE` */
export function jsonView(value: JsonValue | undefined, what: string): View {
  const number = jsonCount(value, what);
  if (number <= 0x7fff_ffff) return view(number);
  throw new FormatError('NUMBER_TOO_LARGE', `${what} is ${number}, beyond 2^31-1`);
}

/** Refuses keys outside `known`. @throws FormatError `code` */
export function checkJsonKeys(
  object: JsonObject,
  known: readonly string[],
  code: FormatCode = 'BAD_JSON',
): void {
  for (const key of object.keys()) {
    if (!known.includes(key)) {
      throw new FormatError(code, `unknown field ${JSON.stringify(key.slice(0, 80))}`);
    }
  }
}

/**
 * Writes fields as CCF does: keys sorted, no spaces, absent fields left out. The result is UTF-8.
 * @see nlohmann::json::dump, which CCF writes its tables with
 */
export function encodeJsonFields(fields: Readonly<Record<string, unknown>>): Uint8Array {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  const sorted = present.sort(([a], [b]) => (a < b ? -1 : 1));
  const members = sorted.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  return new TextEncoder().encode(`{${members.join(',')}}`);
}
