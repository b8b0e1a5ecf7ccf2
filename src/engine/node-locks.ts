import { type DirectoryLock, lockDirectory } from '../files/directory-lock.ts';
import type { Environment } from './environment.ts';
import type { NodePaths } from './node-keys.ts';

/** The locks of a node, held from before its first write until it is closed. */
export interface NodeLocks {
  /** On the node's directory: its ledger, keys and records. */
  readonly root: DirectoryLock;
  /** On the snapshots' directory, which others lock too: `prune`, and a snapshotter without a node. */
  readonly snapshots: DirectoryLock;
  /** Gives both back. @throws StorageError when one could not be removed */
  release(): Promise<void>;
}

/**
 * Locks all that a node writes to, or nothing. Before it there is nothing but the two directories, which are made here.
 * @throws StorageError `LOCKED`; those of the file system
 */
export async function lockNode(paths: NodePaths, environment: Environment): Promise<NodeLocks> {
  const { fileSystem } = environment;
  await fileSystem.makeDirectory(paths.root);
  const root = await lockDirectory(paths.root, environment);
  try {
    await fileSystem.makeDirectory(paths.snapshots);
    const snapshots = await lockDirectory(paths.snapshots, environment);
    const release = async () => {
      try {
        await snapshots.release();
      } finally {
        await root.release();
      }
    };
    return { root, snapshots, release };
  } catch (error) {
    // The first failure is the one to tell.
    await root.release().catch(() => undefined);
    throw error;
  }
}
