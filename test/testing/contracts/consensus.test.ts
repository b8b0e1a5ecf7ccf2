import { test } from 'vitest';
import { SingleNode } from '../../../src/consensus/single-node.ts';
import { registerConsensusContract } from '../../../src/testing/contracts/consensus/consensus-contract.ts';

registerConsensusContract(
  { test },
  { open: () => ({ start: (start) => SingleNode.start(start) }) },
);
