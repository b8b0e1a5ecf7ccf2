import type { Environment } from './environment.ts';
import type { NodePaths } from './node-keys.ts';

/** A node's directory, and the world it is in. */
export interface NodePlace {
  readonly paths: NodePaths;
  readonly environment: Environment;
}
