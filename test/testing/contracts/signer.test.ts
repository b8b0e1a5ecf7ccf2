import { describe, test } from 'vitest';
import { registerSignerContract } from '../../../src/testing/contracts/signer-contract.ts';
import { openExampleSigner } from './example-log.ts';
import { openNodeSigner } from './node-log.ts';

describe("the node's log", () => {
  registerSignerContract({ test }, { open: openNodeSigner });
});

describe('the log example', () => {
  registerSignerContract({ test }, { open: openExampleSigner });
});
