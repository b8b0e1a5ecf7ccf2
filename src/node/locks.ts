import { type DirectoryLock, lockDirectory } from '../files/directory-lock.ts';
import { checkDirectorySync, makeDurableDirectory } from '../files/directory-sync.ts';
import type { NodePaths } from '../files/node-paths.ts';
import type { World } from '../io/world.ts';

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
 * @throws StorageError `LOCKED`, `SYNC_UNSUPPORTED`; those of the file system
 */
export async function lockNode(paths: NodePaths, environment: World): Promise<NodeLocks> {
  const { fileSystem } = environment;
  await makeDurableDirectory(fileSystem, paths.root);
  const root = await lockDirectory(paths.root, environment);
  try {
    await makeDurableDirectory(fileSystem, paths.snapshots);
    const snapshots = await lockDirectory(paths.snapshots, environment);
    const release = async () => {
      try {
        await snapshots.release();
      } finally {
        await root.release();
      }
    };
    try {
      for (const path of [paths.root, paths.snapshots, paths.ledger]) {
        await checkDirectorySync(fileSystem, path);
      }
    } catch (error) {
      await snapshots.release().catch(() => undefined);
      throw error;
    }
    return { root, snapshots, release };
  } catch (error) {
    // The first failure is the one to tell.
    await root.release().catch(() => undefined);
    throw error;
  }
}
