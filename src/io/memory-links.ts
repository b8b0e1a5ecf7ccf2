import { posix } from 'node:path';
import { badLinkError } from './storage-error.ts';

/** Links that are followed at most, as Linux has it. */
const linksMax = 40;

/**
 * Where a path of the files in memory leads, with each link on its way followed.
 * @param linkAt the text of a link, `null` for what is there and no link, `undefined` for nothing
 * @throws StorageError `SYMLINK_REFUSED`
 */
export function followLinks(
  path: string,
  linkAt: (path: string) => string | null | undefined,
): string {
  let names = namesIn(posix.resolve('/', path));
  let at = '/';
  for (let followed = 0; names.length > 0; ) {
    const [name = '', ...rest] = names;
    const next = posix.join(at, name);
    const link = linkAt(next);
    if (link === undefined) throw badLinkError(path, next, 'ENOENT');
    names = rest;
    if (link === null) at = next;
    else {
      followed += 1;
      if (followed > linksMax) throw badLinkError(path, link, 'ELOOP');
      names = [...namesIn(posix.resolve(at, link)), ...rest];
      at = '/';
    }
  }
  return at;
}

const namesIn = (path: string): string[] => path.split('/').filter((name) => name !== '');
