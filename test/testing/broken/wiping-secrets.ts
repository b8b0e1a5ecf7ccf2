import { seqno } from '../../../src/core/words.ts';
import type { SecretsDriver } from '../../../src/testing/contracts/secrets-contract.ts';

/** Hands out copies, and wipes them in the next turn, so that no secret lies about. */
export function openWipingSecrets(): SecretsDriver {
  const at = (asked: number) => {
    const secret = new Uint8Array(32).fill(asked < 10 ? 1 : 2);
    setImmediate(() => secret.fill(0));
    return secret;
  };
  return { secrets: { at }, seqnos: [1, 9, 10, 20].map(seqno) };
}
