import { monitorEventLoopDelay } from 'node:perf_hooks';

/** How late the event loop came to its timers since the last reading, in seconds. */
export interface EventLoopDelay {
  readonly median: number;
  readonly p99: number;
  readonly max: number;
}

/** Measures from the first call on; each further call answers for the time since the one before it. */
export function eventLoopDelayReader(): () => EventLoopDelay {
  const resolutionMs = 10;
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  // What it measures is the whole interval between two timers of its own.
  const seconds = (nanoseconds: number) =>
    histogram.count === 0 ? 0 : Math.max(0, nanoseconds / 1e6 - resolutionMs) / 1000;
  return () => {
    histogram.enable();
    const delay = {
      median: seconds(histogram.percentile(50)),
      p99: seconds(histogram.percentile(99)),
      max: seconds(histogram.max),
    };
    histogram.reset();
    return delay;
  };
}
