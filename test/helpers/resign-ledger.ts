import { type Seqno, type TxId, seqno as toSeqno } from '../../src/core/words.ts';
import { decodeServiceInfo, tables } from '../../src/formats/entries/tables.ts';
import { type MapWrites, mapWrites, singletonValue } from '../../src/formats/entries/write-set.ts';
import { encodeHistoricalSecret } from '../../src/formats/keys/ledger-secrets.ts';
import { signIdentityEndorsement } from '../../src/formats/signatures/identity-endorsement.ts';
import type { LedgerForger, ReadableEntry } from './forge-ledger.ts';
import { issuedAt } from './make-signatures.ts';
import { singleton } from './make-tables.ts';

export interface ResignOptions {
  /** First entry that is written anew. @default 1 */
  readonly from?: number;
}

/** What speaks of who the service is, and is replaced. */
const identityTables: readonly string[] = [
  tables.serviceInfo,
  tables.nodesInfo,
  tables.endorsedCertificates,
  tables.historicalSecrets,
  tables.recoveryShares,
  tables.identityEndorsement,
];

/**
 * Writes a ledger anew, entry by entry, as a service of the attacker's own: the same public data, his
 * secret, his identity in place of the real one, his signatures over a tree of his own. What was private
 * he cannot read and leaves out. The result is consistent: only who signed it is another.
 *
 * For a stranger's ledger with several identities that endorse one another see `MadeLedger.recover`.
 */
export async function resignLedger(
  forger: LedgerForger,
  { from = 1 }: ResignOptions = {},
): Promise<void> {
  const replaced = forger.entries.slice(from - 1);
  forger.truncate(from - 1);
  const start = { view: replaced[0]?.view ?? forger.last.view, seqno: toSeqno(from) };
  for (const entry of replaced) {
    const { view, isSignature } = entry;
    if (isSignature) await forger.sign({ view });
    else forger.append(await replacement(entry, forger, start), { view });
  }
}

async function replacement(
  { seqno, maps }: ReadableEntry,
  forger: LedgerForger,
  start: TxId,
): Promise<readonly MapWrites[]> {
  const isFirst = seqno === start.seqno;
  const kept = maps.filter(({ name }) => !identityTables.includes(name));
  const service = written(maps, tables.serviceInfo);
  const { status = 'Open' } = service === undefined ? {} : decodeServiceInfo(service);
  const introduces = isFirst || mapWrites({ maps }, tables.nodesInfo) !== undefined;
  const shares = seqno > 1 && (isFirst || written(maps, tables.recoveryShares) !== undefined);
  return [
    ...kept,
    ...(service || isFirst ? [forger.ownService(status as 'Open', start)] : []),
    ...(introduces ? forger.ownNode() : []),
    ...(shares ? secretsFrom(start.seqno, forger) : []),
    ...(written(maps, tables.identityEndorsement) ? [await selfEndorsement(forger, start)] : []),
  ];
}

function secretsFrom(nextVersion: Seqno, forger: LedgerForger): readonly MapWrites[] {
  const record = encodeHistoricalSecret({ nextVersion });
  return [singleton(tables.historicalSecrets, record), forger.ownShares()];
}

/** As a service endorses itself when it opens first. */
async function selfEndorsement({ identity }: LedgerForger, from: TxId): Promise<MapWrites> {
  const { publicKey, privateKey } = identity.service;
  const draft = { endorsedKey: publicKey, iat: issuedAt, from };
  return singleton(tables.identityEndorsement, await signIdentityEndorsement(draft, privateKey));
}

function written(maps: readonly MapWrites[], table: string): Uint8Array | undefined {
  const writes = mapWrites({ maps }, table);
  return writes && singletonValue(writes);
}
