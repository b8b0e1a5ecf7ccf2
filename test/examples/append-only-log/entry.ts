import { createHash } from 'node:crypto';
import { commitEvidence, commitEvidenceDigest, entryLeafOf } from '../../../src/host-formats.ts';
import type { Digest, Seqno, TxId } from '../../../src/index.ts';

/** One line of the log, as JSON: a transaction, a snapshot's evidence, or a signature. */
export interface Entry extends TxId {
  /** New values; null removes a key. */
  readonly put?: Readonly<Record<string, string | null>>;
  readonly evidence?: { readonly snapshotSeqno: Seqno; readonly digest: Digest };
  /** Signs the tree of all entries before this one; both in base64. */
  readonly signature?: { readonly cose: string; readonly tree: string };
}

/** An entry with its bytes, without the line feed. */
export interface Line {
  readonly entry: Entry;
  readonly bytes: Uint8Array;
}

export interface ParsedLog {
  /** One for each seqno, ascending. */
  readonly lines: readonly Line[];
  /** Highest that any line has, also one that counts no more. */
  readonly view: number;
  /** Bytes up to the last line feed; a crash may have left the beginning of a line behind it. */
  readonly length: number;
}

/** Reads a log. A line takes the place of all earlier ones from its seqno on: that is what a rollback leaves. */
export function parseLog(file: Uint8Array): ParsedLog {
  const lines: Line[] = [];
  let view = 0;
  let start = 0;
  for (let end = file.indexOf(10); end >= 0; end = file.indexOf(10, start)) {
    const bytes = file.slice(start, end);
    // Our own lines: the tree that was signed vouches for them.
    const entry = JSON.parse(Buffer.from(bytes).toString()) as Entry;
    while ((lines.at(-1)?.entry.seqno ?? 0) >= entry.seqno) lines.pop();
    lines.push({ entry, bytes });
    view = Math.max(view, entry.view);
    start = end + 1;
  }
  return { lines, view, length: start };
}

export interface EntryProof {
  /** SHA-256 of the line: any format works whose bytes never change. */
  readonly writeSetDigest: Uint8Array;
  readonly commitEvidence: string;
  /** What goes into the Merkle tree. */
  readonly leaf: Uint8Array;
}

/** What a receipt needs of an entry. **Contract:** evidence claims the digest of its snapshot. */
export function proofOf({ entry, bytes }: Line, secret: Uint8Array): EntryProof {
  const text = commitEvidence(secret, entry);
  const writeSetDigest = new Uint8Array(createHash('sha256').update(bytes).digest());
  const leaf = entryLeafOf({
    type: 4,
    writeSetDigest,
    commitEvidenceDigest: commitEvidenceDigest(text),
    claimsDigest: new Uint8Array(Buffer.from(entry.evidence?.digest ?? '00'.repeat(32), 'hex')),
  });
  return { writeSetDigest, commitEvidence: text, leaf };
}
