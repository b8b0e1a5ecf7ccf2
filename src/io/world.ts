import type { Clock } from '../core/clock.ts';
import type { Randomness } from '../core/randomness.ts';
import { realClock } from './clock.ts';
import type { FileSystem } from './file-system.ts';
import { type Processes, realProcesses } from './process.ts';
import { realRandomness } from './randomness.ts';
import { realFileSystem } from './real-file-system.ts';

/** The outside world as our code is given it. */
export interface World {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly processes: Processes;
}

/** The real world, with any part replaced. */
export function worldOf(parts: Partial<World> = {}): World {
  return {
    fileSystem: parts.fileSystem ?? realFileSystem,
    clock: parts.clock ?? realClock,
    randomness: parts.randomness ?? realRandomness,
    processes: parts.processes ?? realProcesses,
  };
}
