import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Seqno } from '../../../src/core/words.ts';
import type {
  EvidenceLogDriver,
  EvidenceRecorder,
} from '../../../src/testing/contracts/evidence-log-driver.ts';
import type { SignerDriver } from '../../../src/testing/contracts/signer-contract.ts';
import type { Entry } from '../../examples/append-only-log/entry.ts';
import { AppendOnlyLog } from '../../examples/append-only-log/log.ts';
import { LogState } from '../../examples/append-only-log/log-state.ts';
import { RecordingSnapshotter } from './recording-snapshotter.ts';

const serviceKey = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
const secret = new Uint8Array(32).fill(9);

/** Keeps every entry with its leaf: the tree forgets those that are committed. */
class WatchedState extends LogState {
  readonly applied: { readonly entry: Entry; readonly leaf: Uint8Array }[] = [];

  override apply(entry: Entry, leaf: Uint8Array): void {
    super.apply(entry, leaf);
    this.applied.push({ entry, leaf });
  }

  override rollback(seqno: Seqno): void {
    super.rollback(seqno);
    this.applied.length = seqno;
  }
}

async function openLog(recorder?: EvidenceRecorder) {
  const directory = await mkdtemp(join(tmpdir(), 'example-log-'));
  const file = await open(join(directory, 'log.jsonl'), 'a+');
  const state = new WatchedState();
  const snapshotter = new RecordingSnapshotter(recorder);
  const intervals = { snapshotTxInterval: 1000, signatureTxInterval: 1000 };
  const log = new AppendOnlyLog({
    ...{ directory, serviceKey, secret, ...intervals },
    ...{ file, state, snapshotter, view: 1 },
  });
  const common = {
    leaves: () => state.applied.map(({ leaf }) => leaf),
    append: async () => (await log.append({ key: `value ${state.last}` })).seqno,
    close: async () => {
      await log.close();
      await rm(directory, { recursive: true });
    },
  };
  return { log, state, snapshotter, common };
}

/** The log example as a log for evidence. */
export async function openExampleEvidenceLog(
  recorder: EvidenceRecorder,
): Promise<EvidenceLogDriver> {
  const { log, state, common } = await openLog(recorder);
  return {
    ...common,
    evidence: { submit: (evidence, { signal }) => log.submitEvidence(evidence, signal) },
    last: () => state.last,
    evidenceAt: (seqno) => state.applied[seqno - 1]?.entry.evidence,
    secretAt: () => secret,
  };
}

/** The log example as it signs its roots. */
export async function openExampleSigner(): Promise<SignerDriver> {
  const { log, state, snapshotter, common } = await openLog();
  return {
    ...common,
    identity: createPublicKey(serviceKey),
    sign: async () => {
      await log.sign();
      const { lastSignature } = snapshotter;
      const entry = state.applied[(lastSignature ?? 0) - 1]?.entry;
      if (entry === undefined) throw new Error('the signature is not in the log');
      const { view, seqno } = entry;
      return { txId: { view, seqno }, ...snapshotter.toldOf(lastSignature) };
    },
    rollback: (seqno) => log.rollback(seqno),
  };
}
