import { posix } from 'node:path';

/** A path of the files in memory from their root on; relative ones begin there, too. */
export function absolute(path: string): string {
  return posix.resolve('/', path);
}

/** The names that lead from the root to a path. */
export function namesOf(path: string): string[] {
  return absolute(path)
    .split('/')
    .filter((name) => name !== '');
}
