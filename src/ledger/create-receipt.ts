import type { KeyObject } from 'node:crypto';
import { VerificationError } from '../core/errors.ts';
import { type Seqno, seqno as toSeqno } from '../core/words.ts';
import { openLedger } from '../files/ledger/ledger-directory.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import type { NodeSignature } from '../formats/signatures/node-signature.ts';
import { type World, worldOf } from '../io/world.ts';
import { startOfLedger } from './ledger-start.ts';
import { type MadeReceipt, makeReceipt, type ProofForm, type SignedRoot } from './receipt-maker.ts';
import { readSignedLedger, type SignedLedger } from './signed-ledger.ts';
import { pinnedKeys } from './vouching.ts';

/** Which ledger receipts are made of. */
export interface ReceiptSourceOptions {
  /** Directory of the ledger's chunks, from the first transaction on. */
  readonly ledger: string;
  /** Other directories of the same ledger, as CCF's `read_only_directories`: their committed chunks. @default none */
  readonly readOnlyLedgers?: readonly string[] | undefined;
  /** Members' RSA private keys: commit evidence is made of the ledger secret. @default none: entries of CCF 1.x alone */
  readonly memberKeys?: readonly KeyObject[];
  /** The pinned service identities, one of which must have signed. @default none: anyone may have */
  readonly services?: readonly (KeyObject | Certificate)[];
  /** Called after each entry. */
  readonly onProgress?: ((progress: LedgerProgress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly environment?: Partial<World>;
}

/** How far a ledger has been read. */
export interface LedgerProgress {
  readonly seqno: number;
  /** As the names of the chunks have it, and of an open one what it held at the beginning. */
  readonly last: number;
}

/** Which transaction of a ledger a receipt is made for. */
export interface CreateReceiptOptions extends ReceiptSourceOptions {
  readonly seqno: number;
  /** @default COSE where the entry and a signature allow it, else JSON */
  readonly form?: ProofForm | undefined;
}

/** A {@link MadeReceipt} from a ledger's directory. */
export interface CreatedReceipt extends MadeReceipt {
  /** Whether a pinned identity made a signature that covers the transaction, or endorsed the node that did. */
  readonly trusted: boolean;
}

/**
 * Makes a receipt for one transaction of a ledger, which is verified first, every signature of it.
 * @example
 * const { bytes } = await createReceipt({ ledger: 'data/ledger', seqno: 42, memberKeys });
 * @throws VerificationError `NO_SIGNATURE` when none that holds covers the seqno, `UNTRUSTED_SERVICE` when only a
 * stranger's does, `SECRETS_MISSING` without the members' keys, and where the ledger does not hold why
 * @throws FormatError `RECEIPT_FORMAT` when the entry is too old for that form, `CHUNK_GAP`, `EMPTY_LEDGER`
 * @throws StorageError when the ledger cannot be read; AbortedError when `signal` aborts
 * @throws RangeError for a seqno that is not a positive integer
 */
export async function createReceipt(options: CreateReceiptOptions): Promise<CreatedReceipt> {
  const { seqno, form } = options;
  if (!Number.isSafeInteger(seqno) || seqno < 1) {
    throw new RangeError(`seqno must be a positive integer, is ${seqno}`);
  }
  return (await openReceiptSource(options)).make(toSeqno(seqno), form);
}

/** A ledger that was verified, and of which receipts are made. */
export interface ReceiptSource {
  make(seqno: Seqno, form?: ProofForm): Promise<CreatedReceipt>;
}

/** Verifies a ledger once, to make many receipts of it. @throws as {@link createReceipt} */
export async function openReceiptSource(options: ReceiptSourceOptions): Promise<ReceiptSource> {
  const { services = [], memberKeys = [], signal, onProgress } = options;
  const { fileSystem } = worldOf(options.environment);
  const ledger = await openLedger(fileSystem, options.ledger, options.readOnlyLedgers);
  const start = startOfLedger(ledger, () => nowhere).inTheClear();
  const last = onProgress && (await ledger.expectedLast());
  const index = await readSignedLedger(ledger, {
    ...{ start, memberKeys, signal, pinned: pinnedKeys(services) },
    onEntry: last && ((seqno) => onProgress({ seqno, last })),
  });
  const isPinned = services.length > 0;
  const until = isPinned ? index.trustedUntil : index.signedUntil;
  const sources = {
    until,
    secretAt: (seqno: Seqno) => index.secrets.secretAt(seqno),
    certificateOf: (signature: NodeSignature) => start.register.nodeOf(signature).pem,
    checkSigned: (signed: SignedRoot) => checkProven(index, signed),
  };
  const make = async (seqno: Seqno, form?: ProofForm) => {
    if (seqno > until && seqno < index.signedUntil) throw untrusted(options.ledger, seqno, index);
    const made = await orFailureOf(index, () => makeReceipt(ledger, { seqno, form, ...sources }));
    return { ...made, trusted: isPinned };
  };
  return { make };
}

function untrusted(
  ledger: string,
  seqno: Seqno,
  { trustedUntil, signedUntil }: SignedLedger,
): VerificationError {
  const message = `no pinned identity signed seqno ${seqno} of ${ledger}: others did, up to seqno ${signedUntil}, the pinned ones up to ${trustedUntil}`;
  return new VerificationError('UNTRUSTED_SERVICE', message, { seqno, actual: trustedUntil });
}

/** A receipt needs no state. */
const nowhere = { apply: () => {}, freeze: () => ({ values: () => [] }) };

/** Where the ledger does not hold that is the reason why a seqno is not covered. */
async function orFailureOf<T>(
  { failure, unreadable }: SignedLedger,
  make: () => Promise<T>,
): Promise<T> {
  try {
    return await make();
  } catch (error) {
    const isUncovered = error instanceof VerificationError && error.code === 'NO_SIGNATURE';
    throw isUncovered ? (failure?.error ?? unreadable ?? error) : error;
  }
}

/** @throws VerificationError `MERKLE_ROOT_MISMATCH` when the first reading found another root there */
function checkProven({ proven }: SignedLedger, { seqno, root, digest }: SignedRoot): void {
  if (proven.has(seqno, root, digest)) return;
  const message = `the signature of seqno ${seqno} was not verified over the root that the receipt leads to: the ledger changed while it was read`;
  throw new VerificationError('MERKLE_ROOT_MISMATCH', message, { seqno });
}
