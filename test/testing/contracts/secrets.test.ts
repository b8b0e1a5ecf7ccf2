import { describe, test } from 'vitest';
import { seqno } from '../../../src/core/words.ts';
import { LedgerSecrets } from '../../../src/formats/keys/ledger-secrets.ts';
import {
  registerSecretsContract,
  type SecretsDriver,
} from '../../../src/testing/contracts/secrets-contract.ts';
import { exemptFrom } from './exempt.ts';

const seqnos = [1, 2, 9, 10, 11, 500].map(seqno);
const early = new Uint8Array(32).fill(1);
const late = new Uint8Array(32).fill(2);

/** As a node has them: the secrets that a ledger's shares have opened, the second from 10 on. */
function openLedgerSecrets(): SecretsDriver {
  const open = () => {
    const ranges = [
      { from: seqno(1), secret: early },
      { from: seqno(10), secret: late },
    ];
    const secrets = new LedgerSecrets(ranges);
    return { at: (at: (typeof seqnos)[number]) => secrets.secretAt(at) ?? new Uint8Array() };
  };
  const known = seqnos.map((at) => ({ seqno: at, secret: at < 10 ? early : late }));
  return { secrets: open(), seqnos, known, reopen: open };
}

describe('LedgerSecrets', () => {
  registerSecretsContract({ test }, { open: openLedgerSecrets });
});

describe("the log example's secret", () => {
  registerSecretsContract(exemptFrom('X2', 'X3', 'X5'), {
    open: () => ({ secrets: { at: () => early }, seqnos }),
    lacks: {
      known: 'it has one secret for all',
      reopen: 'its host hands it the secret at each start',
    },
  });
});
