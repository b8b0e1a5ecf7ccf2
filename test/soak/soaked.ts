/** What is known at the end of a soak. */
export interface Soaked {
  readonly generations: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** Frozen states that were taken, and given back. */
  readonly taken: number;
  readonly released: number;
  /** Generations that live. */
  readonly slots: number;
  /** Open files, spools and other files that are left. */
  readonly handles: number;
  readonly spools: number;
  /** Aborting it would have closed the snapshotter. */
  readonly signal: AbortSignal;
}

/** Takes the measure of memory at the end of each tenth. */
export interface Tenths {
  /** Samples taken so far, that before the beginning included. */
  readonly taken: number;
  sample(): Promise<void>;
}

/** What a soak prints, as one line of JSON. */
export interface SoakLine extends Omit<Soaked, 'signal'> {
  readonly name: 'soak';
  readonly case: string;
  readonly seconds: number;
  readonly perSecond: number;
  /** Heap and buffers after a garbage collection at the end of each tenth, in megabytes. */
  readonly memoryMb: readonly number[];
  /** From the first tenth to the last. */
  readonly growthMb: number;
  /** What a short soak before it has left as well does not count. */
  readonly resourcesLeft: readonly string[];
  readonly descriptorsLeft: number;
  readonly listenersLeft: number;
  readonly warnings: readonly string[];
}
