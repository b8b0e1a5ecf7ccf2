import type { GenerationOutput, SnapshotterEmitted } from '../../machines/events.ts';
import type { GenerationRef } from '../../machines/ports.ts';
import type { LivePhase } from './phase-transitions.ts';

/** A generation that lives, how far it has come, and how it will end. */
export interface LiveGeneration extends GenerationRef {
  /** `releasing`: it ends without a file, and gives back what it holds. */
  readonly phase: LivePhase;
  /** How much of its state is serialised, from 0 to 1. */
  readonly progress: number;
  /** Size of the serialised state, once it is. */
  readonly bytes: number | undefined;
  readonly startedAtMs: number;
  readonly ended: Promise<GenerationOutput>;
}

/** Who is told of points and generations, after the step in which they began or ended. */
export type PipelineListener = (event: SnapshotterEmitted) => void;
