import type { Clock } from '../core/clock.ts';
import type { Metrics } from '../core/host-ports.ts';
import type { SlowIo } from '../snapshotter/slow-io.ts';

export interface AppendTimesOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly slowIo: SlowIo;
}

/** Measures the writes of a ledger, each with its sync: what every transaction that wants to be durable waits for. */
export function appendTimes({
  clock,
  metrics,
  slowIo,
}: AppendTimesOptions): (write: () => Promise<void>) => Promise<void> {
  return async (write) => {
    const beganMs = clock.now();
    let result = 'error';
    try {
      await write();
      result = 'ok';
    } finally {
      // A clock that was set back meanwhile has nothing to tell.
      const elapsedMs = Math.max(clock.now() - beganMs, 0);
      metrics.increment('ledger_append_total', { result });
      metrics.observe('ledger_append_duration_seconds', elapsedMs / 1000);
      slowIo.check('ledger_append', elapsedMs);
    }
  };
}
