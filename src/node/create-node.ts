import { AbortedError } from '../core/errors.ts';
import { nodePaths } from '../files/node-paths.ts';
import { environmentOf } from '../jobs/environment.ts';
import { checkCrossCheck } from '../jobs/second-opinion.ts';
import type { LedgerNode } from './ledger-node.ts';
import { lockNode } from './locks.ts';
import { type NodeOptions, resolveOptions } from './node-options.ts';
import { beginService, openService } from './node-start.ts';
import { setInvalidAside } from './quarantine.ts';
import { startNode } from './running-node.ts';

/**
 * Starts a node on a directory: a new service where there is none, else the one whose ledger lies there, from
 * its newest valid snapshot and the ledger after it. Newer snapshots that do not verify are moved to `quarantine/`.
 * @throws StorageError `LOCKED` when another process has the directory; those of the file system
 * @throws FormatError, VerificationError when ledger, keys and snapshots do not fit together; with
 * `SECRETS_MISSING`, `KID_MISMATCH`, `LEDGER_BEHIND_SNAPSHOT`, `BAD_KEY`, and those of `recover`; before anything is
 * written `CROSS_CHECK_UNAVAILABLE`, when cose-js is required, and is not there or fails its self-test
 * @throws RangeError for options out of range
 * @throws AbortedError when `signal` has aborted already
 */
export async function createNode(options: NodeOptions): Promise<LedgerNode> {
  if (typeof options.directory !== 'string') throw new TypeError('directory must name a directory');
  const settings = resolveOptions(options);
  if (options.signal?.aborted) throw new AbortedError('the node');
  const environment = environmentOf(options.environment);
  const paths = nodePaths(options.directory);
  await checkCrossCheck(settings.crossCheck, environment.startExecutor);
  const locks = await lockNode(paths, environment);
  try {
    const place = { paths, environment };
    const isNew = await beginService(place, settings, options.signal);
    const service = await openService(place, options);
    const { logger } = options;
    await setInvalidAside(service.recovered, { ...place, lock: locks.snapshots }, logger);
    return await startNode({ ...place, options, settings, service, isNew, locks });
  } catch (error) {
    await locks.release().catch(() => undefined);
    throw error;
  }
}
