import type { Logger } from '../core/host-ports.ts';
import type { Seqno } from '../core/words.ts';
import type { Snapshotter } from '../snapshotter/create-snapshotter.ts';

export interface NodeRetentionOptions {
  readonly snapshotter: Pick<Snapshotter, 'subscribe' | 'prune'>;
  /** Committed snapshots that stay. @default all */
  readonly keep: number | undefined;
  readonly logger: Logger | undefined;
}

/**
 * Prunes a node's snapshots whenever one more is committed, which is then known to verify and to be durable. A
 * failure is logged: what would not go now is tried again the next time.
 * @returns resolves when no pruning is under way
 */
export function keepNewest({
  snapshotter,
  keep,
  logger,
}: NodeRetentionOptions): () => Promise<void> {
  if (keep === undefined) return async () => {};
  let newest: { readonly seqno: Seqno; readonly file: string } | undefined;
  let pruning = Promise.resolve();
  const prune = async (newestValid: string) => {
    try {
      const { removed, failed } = await snapshotter.prune({ keep, newestValid });
      const files = removed.map(({ file }) => file);
      if (files.length > 0) logger?.info({ files, newestValid }, 'removed old snapshots');
      if (failed.length > 0) logger?.warn({ failed }, 'old snapshots could not be removed');
    } catch (error) {
      logger?.warn({ error }, 'old snapshots could not be removed');
    }
  };
  snapshotter.subscribe((event) => {
    if (event.type !== 'generation.ended' || event.outcome !== 'committed') return;
    const { seqno, file } = event;
    if (file === undefined) return;
    // Generations may end in another order than they began.
    if (newest === undefined || seqno > newest.seqno) newest = { seqno, file };
    pruning = prune(newest.file);
  });
  return () => pruning;
}
