import { FormatError } from '../../core/errors.ts';

const hexDigits = '0123456789abcdef';
const base64Digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Lower-case hex of bytes, without node's `Buffer`: receipts are short. */
export function hexOf(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += hexDigits.charAt(byte >> 4) + hexDigits.charAt(byte & 15);
  return text;
}

/**
 * Decodes lower-case hex strictly.
 * @throws FormatError `BAD_HEX`
 */
export function bytesOfHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) {
    throw new FormatError('BAD_HEX', `not lower-case hex: ${JSON.stringify(text.slice(0, 80))}`);
  }
  return Uint8Array.from({ length: text.length / 2 }, (_, index) =>
    Number.parseInt(text.slice(2 * index, 2 * index + 2), 16),
  );
}

/**
 * Decodes standard base64 strictly: padded, without white space or spare bits, so that no two texts mean the same
 * bytes.
 * @throws FormatError `BAD_BASE64`
 */
export function bytesOfBase64(text: string): Uint8Array {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.slice(0, text.length - padding);
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*$/.test(digits)) throw badBase64(text);
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4));
  let held = 0;
  for (let index = 0, at = 0; index < digits.length; index++) {
    held = ((held << 6) | base64Digits.indexOf(digits.charAt(index))) & 0xff_ffff;
    if (index % 4 === 0) continue;
    bytes[at++] = held >> (6 - 2 * (index % 4));
  }
  const spareBits = padding === 2 ? 0xf : padding === 1 ? 3 : 0;
  if ((held & spareBits) !== 0) throw badBase64(text);
  return bytes;
}

/**
 * Decodes base64url without padding, as JWK writes it.
 * @throws FormatError `BAD_BASE64`
 */
export function bytesOfBase64Url(text: string): Uint8Array {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) throw badBase64(text);
  const standard = text.replaceAll('-', '+').replaceAll('_', '/');
  return bytesOfBase64(standard + '='.repeat((4 - (standard.length % 4)) % 4));
}

function badBase64(text: string): FormatError {
  const start = JSON.stringify(text.slice(0, 80));
  return new FormatError('BAD_BASE64', `not canonical base64: ${start}`);
}
