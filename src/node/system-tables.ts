import { toUtf8 } from '../core/bytes.ts';
import type { Digest, Seqno } from '../core/words.ts';
import { encodeSnapshotEvidence, tables } from '../formats/entries/tables.ts';
import { type KeyValue, type MapWrites, singletonKey } from '../formats/entries/write-set.ts';

/** Writes of one transaction to one table. */
export const table = (name: string, ...writes: readonly KeyValue[]): MapWrites => ({
  name,
  writes,
  removes: [],
});

/** Writes the one value of a table that holds one. */
export const singleton = (name: string, value: Uint8Array): MapWrites =>
  table(name, { key: singletonKey, value });

export const textRecord = (key: string, value: string): KeyValue => ({
  key: toUtf8(key),
  value: toUtf8(value),
});

export const jsonRecord = (key: string, value: object): KeyValue =>
  textRecord(key, JSON.stringify(value));

/** A snapshot's evidence, and beside it the status that newer releases of CCF write. */
export function evidenceChanges(
  { snapshotSeqno, digest }: { readonly snapshotSeqno: Seqno; readonly digest: Digest },
  nowMs: number,
): readonly MapWrites[] {
  // Nanoseconds since 1970, which JSON's numbers can say and JavaScript's cannot.
  const status = `{"timestamp":${Math.floor(nowMs)}000000,"version":${snapshotSeqno}}`;
  return [
    singleton(
      tables.snapshotEvidence,
      encodeSnapshotEvidence({ hash: digest, version: snapshotSeqno }),
    ),
    singleton(tables.snapshotStatus, toUtf8(status)),
  ];
}

/** What a signature transaction writes: values as the tables hold them. */
export function signatureChanges(values: {
  readonly node: Uint8Array;
  readonly cose: Uint8Array;
  readonly tree: Uint8Array;
}): readonly MapWrites[] {
  return [
    singleton(tables.signatures, values.node),
    singleton(tables.coseSignatures, values.cose),
    singleton(tables.tree, values.tree),
  ];
}
