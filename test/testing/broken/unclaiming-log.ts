import { fromHex } from '../../../src/core/bytes.ts';
import { entryLeafOf } from '../../../src/formats/entries/write-set.ts';
import { commitEvidenceDigest } from '../../../src/formats/merkle/commit-evidence.ts';
import type {
  EvidenceLogDriver,
  EvidenceRecorder,
} from '../../../src/testing/contracts/evidence-log-driver.ts';
import { openExampleEvidenceLog } from '../contracts/example-log.ts';

/** Puts leaves into its tree that claim not the digest, but the digest backwards. */
export async function openUnclaimingLog(recorder: EvidenceRecorder): Promise<EvidenceLogDriver> {
  const wrong = new Map<number, Uint8Array>();
  const driver = await openExampleEvidenceLog({
    recordEvidence: (seqno, fact) => {
      const leaf = entryLeafOf({
        type: 4,
        writeSetDigest: fact.writeSetDigest,
        commitEvidenceDigest: commitEvidenceDigest(fact.commitEvidence),
        claimsDigest: fromHex(fact.digest).reverse(),
      });
      wrong.set(seqno, leaf);
      recorder.recordEvidence(seqno, fact);
    },
  });
  return {
    ...driver,
    leaves: () => driver.leaves().map((leaf, index) => wrong.get(index + 1) ?? leaf),
  };
}
