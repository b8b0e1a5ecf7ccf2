import { describe, test } from 'vitest';
import { registerEvidenceLogContract } from '../../../src/testing/contracts/evidence-log-contract.ts';
import { openExampleEvidenceLog } from './example-log.ts';
import { exemptFrom } from './exempt.ts';
import { openNodeEvidenceLog } from './node-log.ts';

describe("the node's log", () => {
  registerEvidenceLogContract({ test }, { open: openNodeEvidenceLog });
});

describe('the log example', () => {
  registerEvidenceLogContract(exemptFrom('E7'), {
    open: openExampleEvidenceLog,
    lacks: { refuse: 'it is a log of one, which takes everything until it is closed' },
  });
});
