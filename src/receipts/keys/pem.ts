import { FormatError } from '../../core/errors.ts';
import { bytesOfBase64 } from './encodings.ts';

/** A block of PEM. */
export interface PemBlock {
  /** What stands behind BEGIN. */
  readonly label: string;
  readonly der: Uint8Array;
}

/** Longest PEM text that is looked at. */
const pemCharactersMax = 1024 * 1024;
/** Longest text of one block: a certificate of 64 KiB. */
const blockCharactersMax = 96 * 1024;

/**
 * The one block that a text consists of, in lines that end in LF or CRLF, with nothing before it and one NUL behind it
 * at most: what a receipt says has one text.
 * @throws FormatError `BAD_CERTIFICATE`
 */
export function onlyPemBlock(text: string, label: string): Uint8Array {
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  // CCF 2.0 copied it with the NUL that ended its tables' texts.
  const body = text.replace(/\0$/, '').replace(/\r?\n$/, '');
  if (text.length > blockCharactersMax || !body.startsWith(begin) || !body.endsWith(end)) {
    throw bad(`not one PEM block of a ${label.toLowerCase()} and nothing else`);
  }
  const content = body.slice(begin.length, -end.length);
  if (!/^\r?\n/.test(content) || !/\n$/.test(content))
    throw bad('its lines are not broken as PEM’s are');
  return derOf(content.replaceAll(/\r?\n/g, ''));
}

/**
 * Every block of a text that a person names: text around the blocks, CRLF, NUL at the end and lines of any length are
 * let through.
 * @throws FormatError `TOO_LARGE`, `BAD_CERTIFICATE`
 */
export function pemBlocks(text: string): readonly PemBlock[] {
  if (text.length > pemCharactersMax) {
    const place = { actual: text.length, expected: pemCharactersMax };
    throw new FormatError('TOO_LARGE', `a PEM text of ${text.length} characters`, place);
  }
  const blocks: PemBlock[] = [];
  let at = text.indexOf('-----BEGIN ');
  while (at >= 0) {
    const labelEnd = text.indexOf('-----', at + 11);
    const label = text.slice(at + 11, Math.max(labelEnd, at + 11));
    const end = `-----END ${label}-----`;
    const close = labelEnd < 0 ? -1 : text.indexOf(end, labelEnd);
    if (close < 0 || label.length > 40) throw bad('a PEM block that does not end');
    const base64 = text.slice(labelEnd + 5, close).replaceAll(/[\r\n\t ]/g, '');
    if (base64.length > blockCharactersMax) throw bad(`a PEM block of ${base64.length} characters`);
    blocks.push({ label, der: derOf(base64) });
    at = text.indexOf('-----BEGIN ', close + end.length);
  }
  return blocks;
}

function derOf(base64: string): Uint8Array {
  try {
    return bytesOfBase64(base64);
  } catch (cause) {
    throw bad('its base64 is malformed', cause);
  }
}

function bad(what: string, cause?: unknown): FormatError {
  return new FormatError('BAD_CERTIFICATE', `bad PEM: ${what}`, { cause });
}
