import type { SnapshotterEmitted } from '../../machines/events.ts';
import type { Metrics } from '../core/host-ports.ts';

/** What only the pipeline knows of a generation that has ended. */
export interface EndedGeneration {
  /** Size of the serialised state; `undefined` when it was not serialised. */
  readonly bytes: number | undefined;
  readonly seconds: number;
}

/**
 * Tells a metrics sink what the snapshotter has told: every point's and generation's end, and every refused
 * event are counted; bytes and seconds are of generations, whatever their outcome.
 */
export function recordMetrics(
  metrics: Metrics,
  emitted: SnapshotterEmitted,
  ended: EndedGeneration | undefined,
): void {
  switch (emitted.type) {
    case 'point.ended': {
      const { end, reason } = emitted;
      metrics.increment('snapshot_points_total', { end, ...(reason && { reason }) });
      return;
    }
    case 'event.refused':
      metrics.increment('snapshot_refused_events_total', { event: emitted.event });
      return;
    case 'generation.ended': {
      const { outcome, step } = emitted;
      metrics.increment('snapshot_generations_total', { outcome, ...(step && { step }) });
      if (ended?.bytes !== undefined) metrics.observe('snapshot_serialised_bytes', ended.bytes);
      if (ended) metrics.observe('snapshot_duration_seconds', ended.seconds, { outcome });
      return;
    }
    case 'generation.started':
      metrics.increment('snapshot_generations_started_total');
  }
}
