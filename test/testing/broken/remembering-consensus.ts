import { SingleNode } from '../../../src/consensus/single-node.ts';
import { seqno as toSeqno } from '../../../src/core/words.ts';
import type { ConsensusDriver } from '../../../src/testing/contracts/consensus/consensus-driver.ts';

/** Remembers how far the ledger was durable also when a rollback takes that back: what comes next is taken for durable. */
export function openRememberingConsensus(): ConsensusDriver {
  return {
    start: async (start) => {
      const node = await SingleNode.start(start);
      const { persisted } = node;
      let durable = 0;
      node.persisted = (seqno) => {
        durable = Math.max(durable, seqno);
        persisted.call(node, toSeqno(durable));
      };
      return node;
    },
  };
}
