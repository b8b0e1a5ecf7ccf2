import { fromUtf8, toHex } from '../../core/bytes.ts';
import { FormatError } from '../../core/errors.ts';

/** The bytes as a text, when they are one that a person can read: UTF-8 without control characters. */
export function readableText(bytes: Uint8Array): string | undefined {
  try {
    const text = fromUtf8(bytes);
    return unreadable.test(text) ? undefined : text;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** Control characters other than tab and line ends; and what has no meaning or turns text around. */
const unreadable = /(?![\t\n\r])[\p{Cc}\p{Bidi_Control}\p{Cn}\p{Co}]/u;

/** Characters of a key or value that people are shown; JSON has all of them. */
const shownCharactersMax = 400;

/** One line for people: text where it is one, else hex, cut off with a note when it is long. */
export function formatBytes(bytes: Uint8Array): string {
  if (bytes.length === 0) return '(empty)';
  const text = readableText(bytes);
  return text === undefined ? cut(`0x${toHex(bytes)}`, bytes) : cut(oneLine(text), bytes);
}

function oneLine(text: string): string {
  return text.replaceAll('\r', '\\r').replaceAll('\n', '\\n').replaceAll('\t', '\\t');
}

function cut(text: string, { length }: Uint8Array): string {
  if (text.length <= shownCharactersMax) return text;
  return `${text.slice(0, shownCharactersMax)}… (${length} bytes in all; --json shows them)`;
}

/** The JSON fields of bytes: `name` with the text where it is one, else `nameHex`. */
export function jsonBytes(name: string, bytes: Uint8Array): Readonly<Record<string, string>> {
  const text = readableText(bytes);
  return text === undefined ? { [`${name}Hex`]: toHex(bytes) } : { [name]: text };
}
