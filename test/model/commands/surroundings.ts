import type { Faults, Port } from './gates.ts';
import type { ModelGeneration } from './model-generation.ts';

/** The snapshotter's options, all of them said. */
export interface Settings {
  readonly txInterval: number;
  readonly capacity: number;
  readonly whenFull: 'drop' | 'keep';
  readonly attemptsMax: number;
  readonly evidenceTimeoutMs: number;
  readonly timeIntervalMs: number;
  readonly minTxInterval: number;
}

/** What a generation of the model needs of what is around it. */
export interface Surroundings {
  readonly settings: Settings;
  readonly faults: Faults;
  /** Names that are taken; `planted`: by no snapshot of ours. */
  readonly files: Map<string, 'durable' | 'renamed' | 'planted'>;
  /** Milliseconds that have passed. */
  elapsed(): number;
  /** A port is asked; its answer comes through {@link ModelGeneration.answer}. */
  ask(port: Port, of: ModelGeneration): void;
  /** Takes back the spool that was asked for in this very turn: nothing begins before the turn is over. */
  withdraw(of: ModelGeneration): boolean;
  /** Nobody waits for the answers of its verifiers any more. */
  orphan(of: ModelGeneration): void;
  /** The host is asked to take the evidence. */
  submit(of: ModelGeneration): void;
  /** The name is asked for, by one generation after another. */
  queueForLock(of: ModelGeneration): void;
  leaveLock(): void;
  ended(of: ModelGeneration): void;
}
