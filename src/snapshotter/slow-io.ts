import type { Logger, Metrics } from '../core/host-ports.ts';

/** How long a step on the file system may take before it is told of, unless an option says otherwise. */
export const slowIoMsDefault = 100;

export interface SlowIoOptions {
  readonly metrics: Metrics;
  readonly logger: Logger | undefined;
  /** In milliseconds. @default 100 */
  readonly slowIoMs?: number | undefined;
}

/** Tells of each step on the file system that took longer than it may: a disk that stalls shows here before anything fails. */
export class SlowIo {
  readonly #metrics: Metrics;
  readonly #logger: Logger | undefined;
  readonly #slowIoMs: number;

  constructor({ metrics, logger, slowIoMs = slowIoMsDefault }: SlowIoOptions) {
    this.#metrics = metrics;
    this.#logger = logger;
    this.#slowIoMs = slowIoMs;
  }

  /** @param step as metrics name it; `details` are for the log alone */
  check(step: string, elapsedMs: number, details: object = {}): void {
    if (elapsedMs <= this.#slowIoMs) return;
    this.#metrics.increment('slow_io_total', { step });
    this.#logger?.warn({ ...details, step, elapsedMs }, 'a file step was slow');
  }
}
