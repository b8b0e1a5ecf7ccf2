import { StorageError } from '../core/errors.ts';

/** What becomes of work when its place is closed: what waits or comes later is refused, what runs is ended. */
export function closedError(
  place: string,
  work: string,
  fate: 'refused' | 'ended' = 'refused',
): StorageError {
  return new StorageError('CLOSED', `the ${place} is closed: ${work} was ${fate}`);
}
