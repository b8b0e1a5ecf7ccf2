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

function write(value: unknown, above: unknown[]): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `function ${value.name}`;
  if (typeof value !== 'object' || value === null) return String(value);
  const at = above.lastIndexOf(value);
  if (at >= 0) return `(cycle ${above.length - at})`;
  // One list for the whole walk: this is what a live run does most.
  above.push(value);
  const text = writeObject(value, above);
  above.pop();
  return text;
}

function writeObject(value: object, above: unknown[]): string {
  if (Array.isArray(value)) return `[${value.map((item) => write(item, above)).join(',')}]`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype) return writeInstance(value, above);
  return 'toJSON' in value ? writeInstance(value, above) : writeFields(value, above);
}

function writeInstance(value: object, above: unknown[]): string {
  if (value instanceof Error) return writeError(value, above);
  if (ArrayBuffer.isView(value)) return writeBytes(value.constructor.name, value);
  if (value instanceof ArrayBuffer) return writeBytes('ArrayBuffer', new Uint8Array(value));
  if (value instanceof RegExp) return String(value);
  if (value instanceof Map) return `Map${writeEntries([...value], above)}`;
  if (value instanceof Set) return `Set${writeEntries([...value], above)}`;
  if ('sessionId' in value && 'id' in value) return `actor(${String(value.id)})`;
  if ('toJSON' in value && typeof value.toJSON === 'function') return write(value.toJSON(), above);
  const name = Object.getPrototypeOf(value)?.constructor?.name ?? 'Object';
  return `${name === 'Object' ? '' : name}${writeFields(value, above)}`;
}

function writeFields(value: object, above: unknown[]): string {
  const fields: Readonly<Record<string, unknown>> = { ...value };
  let text = '';
  for (const key of Object.keys(fields).sort()) {
    text += `${text && ','}${JSON.stringify(key)}:${write(fields[key], above)}`;
  }
  return `{${text}}`;
}

function writeEntries(entries: readonly unknown[], above: unknown[]): string {
  return `(${entries
    .map((entry) => write(entry, above))
    .sort()
    .join(',')})`;
}

function writeError(error: Error, above: unknown[]): string {
  const fields = Object.keys(error).length === 0 ? '' : write({ ...error }, above);
  return `${error.name}(${JSON.stringify(error.message)})${fields}`;
}

function writeBytes(name: string, { buffer, byteOffset, byteLength }: ArrayBufferView): string {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${name}(${hex})`;
}
