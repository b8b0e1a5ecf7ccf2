import { toHex } from '../../core/bytes.ts';
import type { EvidenceLog } from '../../core/host-ports.ts';
import { type Digest, type Seqno, digest as toDigest, seqno as toSeqno } from '../../core/words.ts';
import { sha256 } from '../../formats/encoding/sha256.ts';
import { check, shown } from './expectations.ts';
import type { Closable, ContractCase } from './framework.ts';

/** A snapshot's evidence: what `submit` is given, and what the log must hold. */
export interface Evidence {
  readonly snapshotSeqno: Seqno;
  readonly digest: Digest;
}

/** What a host tells of an evidence transaction, as `recordEvidence` takes it. */
export interface RecordedFact extends Evidence {
  readonly writeSetDigest: Uint8Array;
  readonly commitEvidence: string;
}

/** The part of a snapshotter that an evidence log tells of its transactions. */
export interface EvidenceRecorder {
  recordEvidence(seqno: Seqno, evidence: RecordedFact): void;
}

/** An evidence log under test, and what lies in it. */
export interface EvidenceLogDriver extends Closable {
  readonly evidence: EvidenceLog;
  /** Seqno of the last entry. */
  last(): Seqno;
  /** Leaf of each entry of the log as it is now, from seqno 1 on. */
  leaves(): readonly Uint8Array[];
  /** The evidence that the entry at `seqno` holds, read from the log; `undefined` for any other entry. */
  evidenceAt(seqno: Seqno): Evidence | undefined;
  /** Appends another transaction. */
  append(): Promise<Seqno> | Seqno;
  /** Resolves when everything has been recorded that lies in the log. @default at once */
  settle?(): Promise<void>;
  /** Makes the log take nothing any more: it is closed, or not the primary. */
  refuse?(): Promise<void> | void;
  /** The ledger secret in force at a seqno. */
  secretAt?(seqno: Seqno): Uint8Array;
}

/** What the driver may be able to do; the methods of {@link EvidenceLogDriver} have the same names. */
export type EvidenceLogCapability = 'refuse' | 'secretAt';

/** The rules of an {@link EvidenceLog}. */
export const evidenceLogRules = {
  E1: 'submit answers with a seqno, or with "refused"',
  E2: 'the answer is the seqno of the transaction that holds this very evidence',
  E3: 'each evidence transaction in the log is told once, in order, before the next is answered',
  E4: 'what is told is what was submitted: the snapshot’s seqno and digest',
  E5: "the digest is the transaction's claims digest: with it the leaf is the one in the tree",
  E6: 'the commit evidence names the transaction, and only the ledger secret can make it',
  E7: 'what is refused is neither in the log nor told',
  E8: 'an abort leaves the log whole: it goes on, and what it took is told as ever',
} as const;

export type EvidenceLogRule = keyof typeof evidenceLogRules;

/** Opens a driver whose log tells `recorder`. */
export type OpenEvidenceLog = (
  recorder: EvidenceRecorder,
) => Promise<EvidenceLogDriver> | EvidenceLogDriver;

/** A driver with what it has told. */
export interface WatchedLog extends Closable {
  readonly log: EvidenceLogDriver;
  readonly told: readonly { readonly seqno: Seqno; readonly fact: RecordedFact }[];
}

export type EvidenceLogCase = ContractCase<WatchedLog, EvidenceLogCapability, EvidenceLogRule>;

export type Answer = { readonly seqno: Seqno } | 'refused';

/** A digest that no other number has. */
export function digestOf(number: number): Digest {
  return toDigest(toHex(sha256(Buffer.from(`snapshot ${number}`))));
}

/** Submits evidence for the state now. */
export function submit(
  { log }: WatchedLog,
  number: number,
  { signal } = new AbortController(),
): Promise<Answer> {
  const evidence = { snapshotSeqno: log.last(), digest: digestOf(number) };
  return log.evidence.submit(evidence, { signal });
}

/** Everything that has been told, once the log has told it. */
export async function seqnosTold({ log, told }: WatchedLog): Promise<readonly Seqno[]> {
  await log.settle?.();
  return told.map(({ seqno }) => seqno);
}

/** The entries of the log that hold evidence. */
export function seqnosHeld({ log }: WatchedLog): readonly Seqno[] {
  const seqnos = Array.from({ length: log.last() }, (_, index) => toSeqno(index + 1));
  return seqnos.filter((seqno) => log.evidenceAt(seqno) !== undefined);
}

/** The seqno of an answer. @throws ContractError when there is none */
export function seqnoOf(answer: Answer): Seqno {
  const isSeqno = typeof answer === 'object' && Number.isSafeInteger(answer?.seqno);
  check(isSeqno, `submit answered with ${shown(answer)}`);
  return answer.seqno;
}
