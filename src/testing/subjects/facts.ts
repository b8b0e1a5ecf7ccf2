import { digest, seqno } from '../../core/words.ts';

/** The snapshot's seqno, and those that follow it in the samples. */
export const at = { snapshot: 10, evidence: 12, signature: 14, laterSignature: 16 } as const;

/** The digest of the frozen state. */
export const snapshotDigest = digest('d'.repeat(64));
/** The root that the signature is over. */
export const root = digest('a'.repeat(64));
/** The snapshot's name once it is published. */
export const file = 'snapshot_10_12.committed';

/** A fact about one seqno. */
export const fact = <Type extends string>(type: Type, value: number) => ({
  type,
  seqno: seqno(value),
});

/** Everything up to this seqno is committed. */
export const committed = (value: number, primary = true) => ({
  ...fact('commit.advanced', value),
  primary,
});

/** Evidence of the snapshot `snapshotSeqno`, with a digest of one hex digit over and over. */
export const evidence = (value: number, snapshotSeqno: number, hex = 'd') => ({
  ...fact('evidence.recorded', value),
  snapshotSeqno: seqno(snapshotSeqno),
  digest: digest(hex.repeat(64)),
});

/** The spool is filled and has its digest. */
export const serialised = {
  type: 'action.completed',
  output: { kind: 'serialise', digest: snapshotDigest, bytes: 100 },
} as const;
