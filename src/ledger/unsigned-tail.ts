import { FormatError, VerificationError } from '../core/errors.ts';
import { type Seqno, seqno as toSeqno } from '../core/words.ts';
import type { CrashedLedger } from '../files/ledger/crashed-ledger.ts';
import type { LedgerEntry } from '../files/ledger/ledger-directory.ts';
import { decodeEnvelope, openPrivateDomain } from '../formats/entries/entry.ts';
import {
  decodePrivateDomain,
  decodePublicDomain,
  type MapWrites,
} from '../formats/entries/write-set.ts';
import type { LedgerSecrets } from '../formats/keys/ledger-secrets.ts';
import type { SignedLedger, SteeringEntry } from './signed-ledger.ts';
import { isSystemTable } from './steering.ts';

/** Entries above the last signature that are not believed, since one of them steers verification. */
export interface UnsignedTail {
  /** The first of them, right above the last signature. */
  readonly seqno: Seqno;
  /** The last one that can be read. */
  readonly last: Seqno;
  /** The first one that steers, and the table that it writes. */
  readonly steering: SteeringEntry;
  /** Where the first of them lies. */
  readonly file: string;
  readonly offset: number;
  /** Whether they lie in the open chunk alone. */
  readonly isOpen: boolean;
  /**
   * The first one that a caller may have been told of: it writes tables of an application, under a ledger secret that
   * is signed.
   */
  readonly acknowledged: Seqno | undefined;
}

/**
 * Looks at the entries above the last signature where one of them steers verification.
 * @returns `undefined` where none does
 * @throws StorageError; FormatError of the ledger's chunks
 */
export async function unsignedTailOf(
  ledger: CrashedLedger,
  signed: Pick<SignedLedger, 'signedUntil' | 'steering' | 'loose' | 'secrets'>,
): Promise<UnsignedTail | undefined> {
  const { signedUntil, secrets } = signed;
  const steering = steeringIn(signed);
  if (steering === undefined) return undefined;
  let first: LedgerEntry | undefined;
  let last = signedUntil;
  let acknowledged: Seqno | undefined;
  for await (const entry of ledger.entries({ from: toSeqno(signedUntil + 1) })) {
    first ??= entry;
    last = entry.seqno;
    if (acknowledged === undefined && isOfApplication(entry, secrets)) acknowledged = last;
  }
  if (first === undefined) return undefined;
  const { seqno, file, offset } = first;
  const isOpen = await ledger.isInOpenChunk(first);
  return { seqno, last, steering, file, offset, isOpen, acknowledged };
}

/** The first entry above the last signature that steers verification. */
export function steeringIn({
  steering,
  loose,
  secrets,
}: Pick<SignedLedger, 'steering' | 'loose' | 'secrets'>): SteeringEntry | undefined {
  if (loose === undefined || mapsOf(loose.entry, secrets) === undefined) return steering;
  if (steering !== undefined && steering.seqno <= loose.seqno) return steering;
  return { seqno: loose.seqno, table: loose.table };
}

/** Whether an entry authenticates, and is of a transaction that a caller made. */
const isOfApplication = (entry: LedgerEntry, secrets: LedgerSecrets): boolean =>
  mapsOf(entry, secrets)?.some(isOfApplicationTable) ?? false;

/** What an entry writes; `undefined` where it does not authenticate. */
function mapsOf(
  { bytes, seqno }: LedgerEntry,
  secrets: LedgerSecrets,
): readonly MapWrites[] | undefined {
  const secret = secrets.secretAt(seqno);
  if (secret === undefined) return undefined;
  try {
    const envelope = decodeEnvelope(bytes);
    const { maps } = decodePublicDomain(envelope.publicDomain);
    return [...maps, ...decodePrivateDomain(openPrivateDomain(envelope, secret))];
  } catch (error) {
    if (error instanceof FormatError || error instanceof VerificationError) return undefined;
    throw error;
  }
}

const isOfApplicationTable = ({ name, writes, removes }: MapWrites): boolean =>
  !isSystemTable(name) && writes.length + removes.length > 0;
