import { expect } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { assert } from '../../src/core/errors.ts';
import type { FrozenTable, StoreRecord } from '../../src/core/host-ports.ts';
import type { Seqno } from '../../src/core/words.ts';
import { decodeEnvelope, writeSetDigest } from '../../src/formats/entries/entry.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import {
  decodePublicDomain,
  mapWrites,
  singletonValue,
} from '../../src/formats/entries/write-set.ts';
import { commitEvidence } from '../../src/formats/merkle/commit-evidence.ts';
import { MerkleTree } from '../../src/formats/merkle/merkle-tree.ts';
import { encodeCoseReceipt } from '../../src/formats/receipts/cose-receipt.ts';
import { decodeCoseSignatureValue } from '../../src/formats/signatures/root-signature.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import type { Environment } from '../../src/jobs/environment.ts';
import { recoverLedger, tablesOf } from '../../src/recovery/recover.ts';
import type { Recovered, RecoveredLedger, RecoverOptions } from '../../src/recovery/report.ts';
import type { MadeLedger } from './make-ledger.ts';
import { type Files, ledgerFiles, writeFiles } from './make-ledger-files.ts';
import { keysOf } from './replay-made.ts';

export interface RecoverMadeOptions
  extends Omit<RecoverOptions, 'ledger' | 'snapshots' | 'environment'> {
  /** The ledger directory; `missing`: there is none. @default as {@link ledgerFiles} lays it out */
  readonly files?: Files | 'missing';
  /** The snapshots directory. @default none is given */
  readonly snapshots?: Files;
  /** Parts of the world beside the disk. */
  readonly environment?: Partial<Omit<Environment, 'fileSystem'>>;
}

/** Recovers a made ledger in memory, with the members' keys unless others are given. */
export async function recoverMade(
  ledger: MadeLedger,
  options: RecoverMadeOptions = {},
): Promise<RecoveredLedger & Recovered> {
  const { files = ledgerFiles(ledger), snapshots, environment, ...rest } = options;
  const fileSystem = new MemoryFileSystem();
  if (files !== 'missing') await writeFiles(fileSystem, '/ledger', files);
  if (snapshots) await writeFiles(fileSystem, '/snapshots', snapshots);
  try {
    const wanted = {
      ledger: '/ledger',
      snapshots: snapshots && '/snapshots',
      memberKeys: keysOf(ledger),
      environment: { fileSystem, ...environment },
      ...rest,
    };
    const recovered = await recoverLedger(wanted, { keepsTombstones: true });
    return { ...recovered, tables: tablesOf(recovered.store) };
  } finally {
    expect(fileSystem.openHandles).toBe(0);
  }
}

/** The COSE receipt of a claim of a transaction, under the signature at `signatureSeqno`. */
export function receiptOf(
  ledger: MadeLedger,
  { seqno, signatureSeqno }: { readonly seqno: Seqno; readonly signatureSeqno: Seqno },
): Uint8Array {
  const tree = MerkleTree.genesis();
  for (const { leaf } of ledger.entries.slice(0, signatureSeqno - 1)) tree.append(leaf);
  const entry = ledger.entries[seqno - 1];
  const signed = ledger.entries[signatureSeqno - 1]?.maps ?? [];
  const writes = mapWrites({ maps: signed }, tables.coseSignatures);
  const value = writes && singletonValue(writes);
  assert(entry !== undefined && value !== undefined, `${signatureSeqno} has a COSE signature`);
  const { claimsDigest } = decodePublicDomain(decodeEnvelope(entry.bytes).publicDomain);
  assert(claimsDigest !== undefined, `${seqno} claims something`);
  return encodeCoseReceipt({
    rootSignature: decodeCoseSignatureValue(value),
    proof: {
      writeSetDigest: writeSetDigest(entry.bytes),
      commitEvidence: commitEvidence(ledger.secrets.at(seqno), entry),
      claimsDigest,
      path: tree.path(seqno),
    },
  });
}

/** A state as it can be held against another: each table with its version, and its live records by key. */
export function stateOf(tables: Iterable<FrozenTable>): object {
  const states = [...tables].map(({ name, version, live }) => [
    name,
    { version, records: recordsOf(live.records()) },
  ]);
  return Object.fromEntries(states.toSorted());
}

const recordsOf = (records: Iterable<StoreRecord>): readonly string[] =>
  [...records]
    .map(({ key, version, value }) => `${toHex(key)} ${version} ${toHex(value)}`)
    .toSorted();

/** The state at a seqno by the ledger's own rules, which share nothing with the library's store. */
export function madeState(ledger: MadeLedger, seqno: number): object {
  const entry = ledger.entries[seqno - 1];
  if (entry === undefined) return {};
  const { publicMaps, privateMaps } = ledger.snapshot(entry.seqno).content;
  const states = [...publicMaps, ...privateMaps].map(({ name, version, records }) => [
    name,
    { version, records: recordsOf(records) },
  ]);
  return Object.fromEntries(states.toSorted());
}
