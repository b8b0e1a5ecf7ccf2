import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { sha256 } from '../formats/encoding/sha256.ts';

export interface AccessOptions {
  /** What the URL of the page must carry. */
  readonly token: string;
  /** Names besides loopback's under which the page may be asked for. */
  readonly hosts: readonly string[];
}

/**
 * Why a request may not see what only the holder of the token may, in words; `undefined` when it may. A page of
 * another origin could make a browser ask; a name of its own that resolves to loopback it could use to read.
 */
export function refusal(
  request: IncomingMessage,
  { token, hosts }: AccessOptions,
): string | undefined {
  const { host = '', origin } = request.headers;
  if (!isKnownHost(host, hosts)) return 'this host name is not served';
  if (origin !== undefined && hostOfOrigin(origin) !== host.toLowerCase()) {
    return 'a page of another origin may not read this';
  }
  const given = queryOf(request).get('token') ?? '';
  return isEqual(given, token)
    ? undefined
    : 'the token is missing or wrong: use the URL that was printed';
}

/** The path that a request names, without what is asked of it. */
export function pathOf({ url = '/' }: IncomingMessage): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

export function queryOf({ url = '/' }: IncomingMessage): URLSearchParams {
  const begin = url.indexOf('?');
  return new URLSearchParams(begin < 0 ? '' : url.slice(begin));
}

function isKnownHost(host: string, hosts: readonly string[]): boolean {
  const name = host.toLowerCase().replace(/:\d+$/, '');
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(name) || hosts.includes(name);
}

function hostOfOrigin(origin: string): string | undefined {
  return /^https?:\/\/(.+)$/.exec(origin.toLowerCase())?.[1];
}

/** Takes as long whatever the difference is. */
function isEqual(given: string, token: string): boolean {
  return timingSafeEqual(sha256(Buffer.from(given)), sha256(Buffer.from(token)));
}
