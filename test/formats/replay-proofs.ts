import { createPrivateKey, type KeyObject } from 'node:crypto';
import { decodeEnvelope } from '../../src/formats/entries/entry.ts';
import { decodeRecoveryThreshold, tables } from '../../src/formats/entries/tables.ts';
import {
  decodePublicDomain,
  entryLeaf,
  mapWrites,
  type PublicDomain,
  singletonValue,
} from '../../src/formats/entries/write-set.ts';
import {
  decodeHistoricalSecret,
  type HistoricalSecret,
  type Written,
  type WrittenShares,
} from '../../src/formats/keys/ledger-secrets.ts';
import { decodeRecoveryShares } from '../../src/formats/keys/recovery-shares.ts';
import { MerkleTree } from '../../src/formats/merkle/merkle-tree.ts';
import { type CcfService, readCcfFile, readCcfLedger } from '../helpers/ccf-testdata.ts';

/** One entry of a real ledger, with the tree of all leaves below its seqno: what it signs if it signs. */
export interface ReplayedEntry {
  readonly bytes: Uint8Array;
  readonly publicDomain: PublicDomain;
  /** Changes with the next entry. */
  readonly tree: MerkleTree;
}

/** Walks a real ledger from its first entry. */
export function* replayEntries(service: CcfService): Generator<ReplayedEntry> {
  const tree = MerkleTree.genesis();
  for (const { entries } of readCcfLedger(service)) {
    for (const { bytes } of entries) {
      const publicDomain = decodePublicDomain(decodeEnvelope(bytes).publicDomain);
      yield { bytes, publicDomain, tree };
      tree.append(entryLeaf(bytes, publicDomain));
    }
  }
}

/** The value that an entry writes to a table of one value. */
export function writtenValue(publicDomain: PublicDomain, table: string): Uint8Array | undefined {
  const map = mapWrites(publicDomain, table);
  return map && singletonValue(map);
}

/** The records of a real ledger that its secrets are recovered from, and its members' keys. */
export interface SecretRecords {
  readonly shareRecords: readonly WrittenShares[];
  readonly historicalRecords: readonly Written<HistoricalSecret>[];
  readonly memberKeys: readonly KeyObject[];
}

const memberCounts = {
  cose_flipflop_service: 1,
  double_sealed_service: 3,
  eol_service: 3,
} as const;

/** Reads them up to a seqno, with the keys of the first members only if told so. */
export function readSecretRecords(
  service: CcfService,
  { upTo = Number.MAX_SAFE_INTEGER, members = memberCounts[service] as number } = {},
): SecretRecords {
  const shareRecords: WrittenShares[] = [];
  const historicalRecords: Written<HistoricalSecret>[] = [];
  let threshold = 0;
  for (const { publicDomain } of replayEntries(service)) {
    if (publicDomain.seqno > upTo) break;
    const at = { seqno: publicDomain.seqno };
    const config = writtenValue(publicDomain, tables.serviceConfig);
    if (config !== undefined) threshold = decodeRecoveryThreshold(config);
    const shares = writtenValue(publicDomain, tables.recoveryShares);
    if (shares !== undefined)
      shareRecords.push({ ...at, value: decodeRecoveryShares(shares), threshold });
    const historical = writtenValue(publicDomain, tables.historicalSecrets);
    if (historical !== undefined)
      historicalRecords.push({ ...at, value: decodeHistoricalSecret(historical) });
  }
  return { shareRecords, historicalRecords, memberKeys: readMemberKeys(service, members) };
}

export function readMemberKeys(service: CcfService, members: number): readonly KeyObject[] {
  return Array.from({ length: members }, (_, i) =>
    createPrivateKey(Buffer.from(readCcfFile(service, 'common', `member${i}_enc_privk.pem`))),
  );
}
