import type {
  EvidenceLogDriver,
  EvidenceRecorder,
} from '../../../src/testing/contracts/evidence-log-driver.ts';
import { openNodeEvidenceLog } from '../contracts/node-log.ts';

/** Answers with the last seqno that the log has by then, which may be another transaction's. */
export async function openConfusedLog(recorder: EvidenceRecorder): Promise<EvidenceLogDriver> {
  const driver = await openNodeEvidenceLog(recorder);
  return {
    ...driver,
    evidence: {
      submit: async (evidence, options) => {
        const answer = await driver.evidence.submit(evidence, options);
        return answer === 'refused' ? answer : { seqno: driver.last() };
      },
    },
  };
}
