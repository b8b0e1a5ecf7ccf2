import { SingleNode } from '../../../src/consensus/single-node.ts';
import type { ConsensusDriver } from '../../../src/testing/contracts/consensus/consensus-driver.ts';

/** Goes by the ledger alone when it starts: a view whose entries were lost is used again. */
export function openViewReusingConsensus(): ConsensusDriver {
  return {
    start: (start) =>
      SingleNode.start({
        ...start,
        views: { read: async () => undefined, write: (view) => start.views.write(view) },
      }),
  };
}
