/**
 * Runs operations one after another in the order of their requests. **Order contract:** an operation starts
 * only when the one before it has ended, well or badly; a failure does not stop those behind it.
 */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(operation: () => Promise<T>): Promise<T> {
    const result = this.#last.then(operation);
    this.#last = result.catch(() => undefined);
    return result;
  }
}
