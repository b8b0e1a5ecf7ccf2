import type { SnapshotterEmitted } from '../../machines/events.ts';
import type { Logger, Metrics } from '../core/host-ports.ts';

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

/** Hands every count and measure on to the sinks that are there; what one throws is logged and disturbs nobody. */
export class MetricsSinks implements Metrics {
  readonly #sinks = new Set<Metrics>();
  readonly #logger: Logger | undefined;

  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  /** Adds a sink; returns how to remove it. */
  add(sink: Metrics): () => void {
    this.#sinks.add(sink);
    return () => this.#sinks.delete(sink);
  }

  increment(name: string, labels?: Readonly<Record<string, string>>): void {
    this.#each((sink) => sink.increment(name, labels));
  }

  observe(name: string, value: number, labels?: Readonly<Record<string, string>>): void {
    this.#each((sink) => sink.observe(name, value, labels));
  }

  #each(tell: (sink: Metrics) => void): void {
    for (const sink of this.#sinks) {
      try {
        tell(sink);
      } catch (error) {
        this.#logger?.error({ error }, 'the metrics sink threw');
      }
    }
  }
}
