import { SingleNode } from '../../../src/consensus/single-node.ts';
import type { ConsensusDriver } from '../../../src/testing/contracts/consensus/consensus-driver.ts';

/** Commits a signature as soon as the entry before it is durable. */
export function openHastyConsensus(): ConsensusDriver {
  return {
    start: async (start) => {
      const node = await SingleNode.start(start);
      const { persisted } = node;
      node.persisted = (seqno) => persisted.call(node, (seqno + 1) as typeof seqno);
      return node;
    },
  };
}
