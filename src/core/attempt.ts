import { LedgerSnapshotterError } from './errors.ts';

/** Reads what may be malformed where that is no error yet: `undefined` then. */
export function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof LedgerSnapshotterError) return undefined;
    throw error;
  }
}

/** As {@link attempt}, of what takes time. */
export async function attemptAsync<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof LedgerSnapshotterError) return undefined;
    throw error;
  }
}
