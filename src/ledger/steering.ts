import { tables } from '../formats/entries/tables.ts';
import type { MapWrites, PublicDomain } from '../formats/entries/write-set.ts';

/**
 * Tables that steer verification: who the service, its nodes and its members are, and which secrets are in
 * force. Every reader takes them from entries that a verified signature covers, and from nowhere else; see the
 * table in SECURITY.md.
 *
 * **This is the one place for exceptions, and there are none.** Not in the list: signatures and trees, which are
 * verified where they lie; and snapshot evidence, which decides nothing until it is signed.
 */
const steeringTables: ReadonlySet<string> = new Set([
  tables.serviceInfo,
  tables.serviceConfig,
  tables.signingIdentities,
  tables.nodesInfo,
  tables.endorsedCertificates,
  tables.memberInfo,
  tables.memberCertificates,
  tables.memberEncryptionKeys,
  tables.historicalSecrets,
  tables.recoveryShares,
  tables.encryptedSecrets,
  tables.identityEndorsement,
  tables.previousServiceRoot,
]);

/** Tables of a signature transaction, which are believed only together with a signature that holds. */
const signatureTables: ReadonlySet<string> = new Set([
  tables.signatures,
  tables.coseSignatures,
  tables.tree,
]);

/** The first table in a transaction that steers verification; `undefined` when none does. */
export function steeringTableIn({ maps }: PublicDomain): string | undefined {
  return maps.find((map) => steeringTables.has(map.name) && isChanged(map))?.name;
}

/** The first table of signatures that a transaction writes without being a signature transaction that holds. */
export function looseSignatureTableIn({ maps }: PublicDomain): string | undefined {
  return maps.find((map) => signatureTables.has(map.name) && isChanged(map))?.name;
}

const isChanged = ({ writes, removes }: MapWrites): boolean =>
  writes.length > 0 || removes.length > 0;

/** Whether a table belongs to the service itself; transactions of applications cannot write these. */
export function isSystemTable(name: string): boolean {
  return name.startsWith('public:ccf.') || name.startsWith('ccf.');
}
