/**
 * One text for equal values, whatever their key order: what tells two states apart.
 *
 * JSON will not do: it throws on a bigint, makes `{}` of a Map, a Set and an Error, and takes a second
 * for the bytes of one buffer. Private fields are not seen: two instances of one class with equal
 * public fields are one.
 */
export function canonical(value: unknown): string {
  return write(value, []);
}

function write(value: unknown, above: readonly unknown[]): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (above.includes(value)) return `(cycle ${above.length - above.indexOf(value)})`;
  return writeObject(value, [...above, value]);
}

function writeObject(value: object, above: readonly unknown[]): string {
  if (value instanceof Error) return writeError(value, above);
  if (ArrayBuffer.isView(value)) return writeBytes(value.constructor.name, value);
  if (value instanceof ArrayBuffer) return writeBytes('ArrayBuffer', new Uint8Array(value));
  if (value instanceof RegExp) return String(value);
  if (value instanceof Map) return `Map${writeEntries([...value], above)}`;
  if (value instanceof Set) return `Set${writeEntries([...value], above)}`;
  if (Array.isArray(value)) return `[${value.map((item) => write(item, above)).join(',')}]`;
  if ('sessionId' in value && 'id' in value) return `actor(${String(value.id)})`;
  if ('toJSON' in value && typeof value.toJSON === 'function') return write(value.toJSON(), above);
  const name = Object.getPrototypeOf(value)?.constructor?.name ?? 'Object';
  const fields = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${write(field, above)}`);
  return `${name === 'Object' ? '' : name}{${fields.join(',')}}`;
}

function writeEntries(entries: readonly unknown[], above: readonly unknown[]): string {
  return `(${entries
    .map((entry) => write(entry, above))
    .sort()
    .join(',')})`;
}

function writeError(error: Error, above: readonly unknown[]): string {
  const fields = Object.keys(error).length === 0 ? '' : write({ ...error }, above);
  return `${error.name}(${JSON.stringify(error.message)})${fields}`;
}

function writeBytes(name: string, { buffer, byteOffset, byteLength }: ArrayBufferView): string {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${name}(${hex})`;
}
