import { createHmac } from 'node:crypto';
import { toUtf8 } from '../../core/bytes.ts';
import type { TxId } from '../../core/words.ts';
import { sha256 } from '../encoding/sha256.ts';

/**
 * The text `ce:<view>.<seqno>:<64 hex>` that only a holder of the ledger secret can make; whoever has
 * it, the entry and a path to a signed root knows that the transaction was committed.
 *
 * commit secret = HMAC-SHA256(`secret`, "Commit S"); nonce = HMAC-SHA256(commit secret, "view.seqno").
 * @param secret ledger secret in force at the seqno, 32 bytes
 * @see CCF src/node/ledger_secret.h, src/kv/encryptor.h, src/kv/committable_tx.h
 */
export function commitEvidence(secret: Uint8Array, txId: TxId): string {
  return commitEvidenceUnder(commitSecretOf(secret), txId);
}

/** The key of all commit evidence under one ledger secret, for whoever makes much of it. */
export function commitSecretOf(secret: Uint8Array): Uint8Array {
  return createHmac('sha256', secret).update('Commit S').digest();
}

/** As {@link commitEvidence}, given {@link commitSecretOf} the ledger secret. */
export function commitEvidenceUnder(commitSecret: Uint8Array, txId: TxId): string {
  const name = `${txId.view}.${txId.seqno}`;
  return `ce:${name}:${createHmac('sha256', commitSecret).update(name).digest('hex')}`;
}

/** SHA-256 of the evidence text: what the entry's public domain and its Merkle leaf hold. */
export function commitEvidenceDigest(text: string): Uint8Array {
  return sha256(toUtf8(text));
}
