import type {
  EvidenceLogDriver,
  EvidenceRecorder,
} from '../../../src/testing/contracts/evidence-log-driver.ts';
import { openNodeEvidenceLog } from '../contracts/node-log.ts';

/** Takes evidence whose submission was aborted meanwhile, and tells nobody. */
export async function openHushedLog(recorder: EvidenceRecorder): Promise<EvidenceLogDriver> {
  const signals = new Map<string, AbortSignal>();
  const driver = await openNodeEvidenceLog({
    recordEvidence: (seqno, fact) => {
      if (signals.get(fact.digest)?.aborted !== true) recorder.recordEvidence(seqno, fact);
    },
  });
  return {
    ...driver,
    evidence: {
      submit: (evidence, { signal }) => {
        signals.set(evidence.digest, signal);
        const { signal: own } = new AbortController();
        return driver.evidence.submit(evidence, { signal: own });
      },
    },
  };
}
