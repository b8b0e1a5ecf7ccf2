/** So long, in milliseconds, the page does not hear its user while something long is being done. */
const sliceMs = 12;

/** Long work in slices, between which the page does its own. */
export class Slices {
  #beganMs = performance.now();

  /** Whether it is time to {@link pause}. */
  get areOver(): boolean {
    return performance.now() - this.#beganMs > sliceMs;
  }

  /** Lets the page do what waits. */
  async pause(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#beganMs = performance.now();
  }
}
