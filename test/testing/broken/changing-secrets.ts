import { seqno } from '../../../src/core/words.ts';
import type { SecretsDriver } from '../../../src/testing/contracts/secrets-contract.ts';

/** Gives for every seqno the newest secret that it was ever asked for: after a rekey the old one is gone. */
export function openChangingSecrets(): SecretsDriver {
  let newest = 0;
  const at = (asked: number) => {
    newest = Math.max(newest, asked);
    return new Uint8Array(32).fill(newest < 10 ? 1 : 2);
  };
  return { secrets: { at }, seqnos: [1, 9, 10, 20].map(seqno) };
}
