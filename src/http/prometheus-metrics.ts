import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Metrics } from '../core/host-ports.ts';
import type { Outcome } from '../core/words.ts';

type Labels = Readonly<Record<string, string>>;

const prefix = 'ledger_snapshotter_';

/** Counters: what each counts, and its labels. */
export const counters = {
  snapshot_points_total: ['Snapshot points that ended, by how', ['end', 'reason']],
  snapshot_generations_started_total: ['Generations that began', []],
  snapshot_generations_total: ['Generations that ended, by outcome', ['outcome', 'step']],
  snapshot_committed_total: ['Generations that ended with their snapshot on disk', []],
  snapshot_abandoned_total: ['Generations that ended without one, by outcome', ['reason']],
  snapshot_transitions_total: ['Steps of generations from phase to phase', ['from', 'to']],
  retention_deleted_total: ['Files that were removed because newer ones are enough', ['kind']],
  ledger_append_total: ['Writes of the ledger, each with its sync', ['result']],
  slow_io_total: ['Steps on the file system that took longer than they may', ['step']],
  snapshot_refused_events_total: ['Events out of order that were refused', ['event']],
} as const satisfies Readonly<Record<string, readonly [string, readonly string[]]>>;

const bytes = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const seconds = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600];

/** Histograms: what each measures, its labels and buckets. */
export const histograms = {
  snapshot_size_bytes: ['Serialised states', [], bytes],
  snapshot_duration_seconds: ['Generations, from begin to end', ['outcome'], seconds],
  ledger_append_duration_seconds: ['Writes of the ledger, each with its sync', [], seconds],
  snapshot_phase_duration_seconds: ['Steps of generations', ['phase'], seconds],
} as const satisfies Readonly<
  Record<string, readonly [string, readonly string[], readonly number[]]>
>;

/** Names of the pipeline's whose names for Prometheus are others. */
const renamed: Readonly<Record<string, string>> = {
  snapshot_serialised_bytes: 'snapshot_size_bytes',
};

/** A gauge that is read when somebody asks. */
export interface GaugeReading {
  readonly name: string;
  readonly help: string;
  readonly values: readonly { readonly value: number; readonly labels?: Labels }[];
}

/** The metrics sink behind `/metrics`: prom-client, in a registry of its own or the host's. */
export class PrometheusMetrics implements Metrics {
  readonly registry: Registry;
  readonly #counters: ReadonlyMap<string, Counter>;
  readonly #histograms: ReadonlyMap<string, Histogram>;
  readonly #gauges = new Map<string, Gauge>();

  constructor(registry = new Registry()) {
    this.registry = registry;
    const registers = [registry];
    this.#counters = new Map(
      Object.entries(counters).map(([name, [help, labelNames]]) => [
        name,
        new Counter({ name: prefix + name, help, labelNames: [...labelNames], registers }),
      ]),
    );
    for (const [name, series] of Object.entries(fromZero)) {
      for (const labels of series) this.#counters.get(name)?.inc(labels, 0);
    }
    this.#histograms = new Map(
      Object.entries(histograms).map(([name, [help, labelNames, buckets]]) => [
        name,
        new Histogram({
          name: prefix + name,
          help,
          labelNames: [...labelNames],
          buckets: [...buckets],
          registers,
        }),
      ]),
    );
  }

  /** A count that has no counter is left out: the names are a closed set. */
  increment(name: string, labels: Labels = {}): void {
    this.#counters.get(name)?.inc(labels);
    if (name !== 'snapshot_generations_total') return;
    const { outcome = '' } = labels;
    if (onDisk.has(outcome)) this.#counters.get('snapshot_committed_total')?.inc();
    else this.#counters.get('snapshot_abandoned_total')?.inc({ reason: outcome });
  }

  observe(name: string, value: number, labels: Labels = {}): void {
    this.#histograms.get(renamed[name] ?? name)?.observe(labels, value);
  }

  /** Replaces what a gauge has said so far. */
  set({ name, help, values }: GaugeReading): void {
    const gauge = this.#gauges.get(name) ?? this.#addGauge(name, help, values[0]?.labels);
    gauge.reset();
    for (const { value, labels = {} } of values) gauge.set(labels, value);
  }

  #addGauge(name: string, help: string, labels: Labels = {}): Gauge {
    const labelNames = Object.keys(labels);
    const gauge = new Gauge({ name: prefix + name, help, labelNames, registers: [this.registry] });
    this.#gauges.set(name, gauge);
    return gauge;
  }
}

/** Whether a generation that ends so has its snapshot on disk. */
const hasFile: Readonly<Record<Outcome, boolean>> = {
  committed: true,
  'committed-not-durable': true,
  duplicate: true,
  conflict: false,
  'serialise-failed': false,
  'evidence-refused': false,
  'proof-refused': false,
  'rolled-back': false,
  'persist-failed': false,
  cancelled: false,
  'timed-out': false,
  poisoned: false,
};

const onDisk: ReadonlySet<string> = new Set(outcomesThat(true));

function outcomesThat(wanted: boolean): readonly string[] {
  return Object.entries(hasFile).flatMap(([outcome, has]) => (has === wanted ? [outcome] : []));
}

/** What alerts ask the growth of is there before it happens first: Prometheus sees no growth in a series that begins as 1. */
const fromZero: Readonly<Partial<Record<keyof typeof counters, readonly Labels[]>>> = {
  snapshot_abandoned_total: outcomesThat(false).map((reason) => ({ reason })),
  ledger_append_total: [{ result: 'ok' }, { result: 'error' }],
};
