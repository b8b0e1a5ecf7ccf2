import type { HistoryMessage } from '../inspect/recorder.ts';
import type { ServedSnapshots } from './served-host.ts';

/** Generations that are remembered for whoever comes later. */
const generationsMax = 1000;

/** What has become of the generations so far: a line for each that has ended, whether somebody watched or not. */
export class History {
  readonly #ended: HistoryMessage[] = [];
  readonly #startedMs = new Map<number, number>();
  readonly #unsubscribe: () => void;
  #lastCommitted: HistoryMessage | undefined;

  constructor(snapshots: ServedSnapshots, nowMs: () => number) {
    for (const { generation, startedAtMs } of snapshots.live) {
      this.#startedMs.set(generation, startedAtMs);
    }
    this.#unsubscribe = snapshots.subscribe((event) => {
      if (event.type === 'generation.started') this.#startedMs.set(event.generation, nowMs());
      if (event.type !== 'generation.ended') return;
      const { generation, seqno, outcome, reason, file } = event;
      const endedAtMs = nowMs();
      const startedAtMs = this.#startedMs.get(generation) ?? endedAtMs;
      this.#startedMs.delete(generation);
      this.#add({
        type: 'history',
        generation,
        seqno,
        outcome,
        startedAtMs,
        endedAtMs,
        ...(reason !== undefined && { reason }),
        ...(file !== undefined && { file }),
      });
    });
  }

  /** Those that have ended, oldest first. */
  get ended(): readonly HistoryMessage[] {
    return this.#ended;
  }

  /** The last one whose snapshot is on disk, durably. */
  get lastCommitted(): HistoryMessage | undefined {
    return this.#lastCommitted;
  }

  close(): void {
    this.#unsubscribe();
  }

  #add(message: HistoryMessage): void {
    this.#ended.push(message);
    if (this.#ended.length > generationsMax) this.#ended.shift();
    if (message.outcome === 'committed') this.#lastCommitted = message;
  }
}
