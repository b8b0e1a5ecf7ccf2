import { FormatError } from '../core/errors.ts';
import type { LedgerEntry } from '../files/ledger/ledger-directory.ts';
import { decodeEnvelope, writeSetDigest } from '../formats/entries/entry.ts';
import { decodePublicDomain, entryLeafOf } from '../formats/entries/write-set.ts';

/** The Merkle leaf of an entry as it lies there; `undefined` for one that is malformed. */
export function leafOf({ bytes }: Pick<LedgerEntry, 'bytes'>): Uint8Array | undefined {
  try {
    const domain = decodePublicDomain(decodeEnvelope(bytes).publicDomain);
    return entryLeafOf({ ...domain, writeSetDigest: writeSetDigest(bytes) });
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
