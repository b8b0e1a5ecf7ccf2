import { pemBytesMax } from '../../core/limits.ts';

/**
 * The base64 of the first PEM block of a kind in a text. What stands around the block is not looked at, and
 * neither are further blocks: behind a certificate they are its chain. A text ends at its first NUL, as C has it: CCF
 * 2.0 wrote the NUL into its tables. Lines may be of any length, and end as they like.
 *
 * It takes time in proportion to the text, which is of {@link pemBytesMax} characters at most.
 * @param label such as `CERTIFICATE`
 * @returns `undefined` when there is no such block, or the text is longer
 * @see RFC 7468 sections 2 and 3
 */
export function pemBlock(text: string, label: string): string | undefined {
  if (text.length > pemBytesMax) return undefined;
  const nul = text.indexOf('\0');
  const whole = nul < 0 ? text : text.slice(0, nul);
  const begin = `-----BEGIN ${label}-----`;
  const from = whole.indexOf(begin);
  if (from < 0) return undefined;
  const to = whole.indexOf(`-----END ${label}-----`, from + begin.length);
  return to < 0 ? undefined : whole.slice(from + begin.length, to).replace(/[ \t\r\n]/g, '');
}
