/**
 * The nonces of the locks that this process holds or is about to take. They lie where every loaded copy of this package
 * finds them; a lock file of this process whose nonce is not among them was left by a start that failed.
 */
export const heldLocks = {
  add: (nonce: string): void => {
    list().set(nonce, (list().get(nonce) ?? 0) + 1);
  },
  remove: (nonce: string): void => {
    const left = (list().get(nonce) ?? 0) - 1;
    if (left > 0) list().set(nonce, left);
    else list().delete(nonce);
  },
  has: (nonce: string): boolean => list().has(nonce),
} as const;

const key = Symbol.for('ledger-snapshotter.locks');

/** Counts, as simulated randomness may give one nonce twice. */
function list(): Map<string, number> {
  const holder = globalThis as { [key]?: Map<string, number> };
  holder[key] ??= new Map();
  return holder[key];
}
