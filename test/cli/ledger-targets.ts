import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeEnvelope } from '../../src/formats/entries/entry.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import {
  decodePublicDomain,
  mapWrites,
  singletonValue,
} from '../../src/formats/entries/write-set.ts';
import { type CcfService, readCcfLedger } from '../helpers/ccf-testdata.ts';

export const targetKinds = [
  'node signature',
  'COSE signature',
  'tree',
  'root',
  'private domain',
  'evidence',
  'write set',
] as const;
export type TargetKind = (typeof targetKinds)[number];

/** A byte of a ledger that a proof must cover. */
export interface Target {
  readonly file: string;
  /** In the file. */
  readonly offset: number;
  readonly seqno: number;
  /** The first signature transaction after it, whose root covers it. */
  readonly signedAt: number;
}

/** The first of each kind in a ledger after a seqno, as far as the ledger has it. */
export function findTargets(service: CcfService, after: number): ReadonlyMap<TargetKind, Target> {
  const entries = readCcfLedger(service).flatMap(({ file, entries }) =>
    entries.map(({ bytes, seqno }) => ({ file, seqno, bytes, parts: partsOf(bytes) })),
  );
  const targets = new Map<TargetKind, Target>();
  for (const { file, seqno, parts } of entries.filter((entry) => entry.seqno > after)) {
    const next = entries.find((entry) => entry.seqno > seqno && entry.parts.has('tree'));
    for (const [kind, offset] of parts) {
      if (targets.has(kind) || next === undefined) continue;
      targets.set(kind, { file, offset, seqno, signedAt: next.seqno });
    }
  }
  return targets;
}

/** Offsets in the file: what the codecs give are views on its bytes. */
function partsOf(entry: Uint8Array): ReadonlyMap<TargetKind, number> {
  const { publicDomain, privateDomain } = decodeEnvelope(entry);
  const domain = decodePublicDomain(publicDomain);
  const parts = new Map<TargetKind, number>();
  const add = (kind: TargetKind, bytes: Uint8Array | undefined, before?: string) => {
    if (bytes === undefined || bytes.length === 0) return;
    const at = before === undefined ? bytes.length >> 1 : Buffer.from(bytes).indexOf(before);
    if (at >= 0) parts.set(kind, bytes.byteOffset + at + (before?.length ?? 0));
  };
  const written = (table: string) => {
    const writes = mapWrites(domain, table);
    return writes && singletonValue(writes);
  };
  add('node signature', written(tables.signatures), '"sig":"MGU');
  add('node signature', written(tables.signatures), '"sig":"MGQ');
  add('root', written(tables.signatures), '"root":"');
  add('COSE signature', written(tables.coseSignatures));
  add('tree', written(tables.tree));
  add('private domain', privateDomain);
  add('evidence', written(tables.snapshotEvidence), '"hash":"');
  const isPlain = !parts.has('tree') && !parts.has('evidence');
  const [map] = domain.maps;
  if (isPlain && map !== undefined) add('write set', map.writes[0]?.value);
  return parts;
}

/** Flips the lowest bit of one byte of a copy of the ledger. */
export function flipIn(ledger: string, { file, offset }: Target): void {
  const path = join(ledger, file);
  const bytes = readFileSync(path);
  bytes[offset] = (bytes[offset] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}
