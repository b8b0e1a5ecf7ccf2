import type {
  EvidenceLogDriver,
  EvidenceRecorder,
} from '../../../src/testing/contracts/evidence-log-driver.ts';
import { openNodeEvidenceLog } from '../contracts/node-log.ts';

/** Writes every evidence twice, to be sure, and tells of the first. */
export async function openDoublingLog(recorder: EvidenceRecorder): Promise<EvidenceLogDriver> {
  const counts = new Map<string, number>();
  const driver = await openNodeEvidenceLog({
    recordEvidence: (seqno, fact) => {
      const count = (counts.get(fact.digest) ?? 0) + 1;
      counts.set(fact.digest, count);
      if (count % 2 === 1) recorder.recordEvidence(seqno, fact);
    },
  });
  return {
    ...driver,
    evidence: {
      submit: async (evidence, options) => {
        const answers = [0, 1].map(() => driver.evidence.submit(evidence, options));
        const [first] = await Promise.all(answers);
        return first ?? 'refused';
      },
    },
  };
}
