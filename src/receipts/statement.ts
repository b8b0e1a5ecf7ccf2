import { sha256 } from '@noble/hashes/sha2.js';
import { FormatError } from '../core/errors.ts';
import {
  type CborMap,
  CborTagged,
  cborArray,
  cborBytes,
  cborMap,
  decodeCbor,
} from '../formats/encoding/cbor.ts';
import { coseLabel, encodeCoseSign1, sign1Tag } from '../formats/signatures/cose-sign1-gate.ts';
import { checkClaims } from './claims.ts';
import { type CoseExpectation, isOfUnknownService, verifyCoseForm } from './cose-receipt.ts';
import { hexOf } from './keys/encodings.ts';
import type { StatementReceipt, VerifiedStatement } from './result.ts';

/** Largest statement that is read, and most receipts in one. */
const statementBytesMax = 16 * 1024 * 1024;
const receiptsMax = 64;

/** Label of the receipts in a transparent statement. @see RFC 9942 section 4 */
const receiptsLabel = 394;

/** A COSE_Sign1 message as far as it is looked at to tell what it is. */
export interface Sign1Items {
  readonly protectedBytes: Uint8Array;
  readonly unprotectedHeader: CborMap;
  readonly payload: Uint8Array | undefined;
  readonly signature: Uint8Array;
}

/** What a COSE message is, by the labels outside its signed header. */
export type MessageKind = 'receipt' | 'statement';

/**
 * Takes a message apart, tagged or not, of any algorithm.
 * @throws FormatError `TOO_LARGE`, `CBOR_*`, `COSE_TAG`, `COSE_STRUCTURE`
 */
export function sign1Items(bytes: Uint8Array): Sign1Items {
  if (bytes.length > statementBytesMax) {
    const place = { actual: bytes.length, expected: statementBytesMax };
    throw new FormatError('TOO_LARGE', `a COSE message of ${bytes.length} bytes`, place);
  }
  const value = decodeCbor(bytes, { tags: [sign1Tag] });
  const content = value instanceof CborTagged ? value.value : value;
  if (content instanceof CborTagged) throw new FormatError('COSE_TAG', 'tag 18 inside tag 18');
  const items = cborArray(content, 'the message', 'COSE_STRUCTURE');
  const [protectedItem, unprotectedItem, payloadItem, signatureItem] = items;
  if (items.length !== 4) {
    throw new FormatError('COSE_STRUCTURE', `the message has ${items.length} items, not 4`);
  }
  return {
    protectedBytes: cborBytes(protectedItem, 'the protected header', 'COSE_STRUCTURE'),
    unprotectedHeader: cborMap(unprotectedItem, 'the unprotected header', 'COSE_STRUCTURE'),
    payload:
      payloadItem === null ? undefined : cborBytes(payloadItem, 'the payload', 'COSE_STRUCTURE'),
    signature: cborBytes(signatureItem, 'the signature', 'COSE_STRUCTURE'),
  };
}

/** @throws FormatError `RECEIPT_MISSING`, and `RECEIPT_FORMAT` for what could be either */
export function kindOf({ unprotectedHeader }: Sign1Items): MessageKind {
  const isReceipt = unprotectedHeader.has(coseLabel.vdp);
  const isStatement = unprotectedHeader.has(receiptsLabel);
  if (isReceipt && isStatement) {
    throw new FormatError('RECEIPT_FORMAT', 'the message has both proofs (396) and receipts (394)');
  }
  if (isReceipt || isStatement) return isReceipt ? 'receipt' : 'statement';
  const message = 'the message has neither proofs (396), as a receipt has, nor receipts (394)';
  throw new FormatError('RECEIPT_MISSING', message);
}

/** The statement that receipts are of: tagged, its unprotected header emptied, in the shortest form. */
export function registeredStatement(items: Sign1Items): Uint8Array {
  const { protectedBytes, payload, signature } = items;
  return encodeCoseSign1({ protectedBytes, payload, signature });
}

/**
 * Verifies every receipt of a transparent statement against that statement. A receipt of a service whose key is not
 * given is named, as long as another one holds; whatever else is wrong with any of them refuses the statement.
 * @throws FormatError, VerificationError as `verifyReceipt`
 */
export async function verifyStatement(
  items: Sign1Items,
  expected: CoseExpectation,
): Promise<VerifiedStatement> {
  const statement = registeredStatement(items);
  const digest = sha256(statement);
  checkClaims(digest, expected.claimsDigest);
  const claimsDigest = hexOf(digest);
  // A tree by RFC 9162 has what its service puts in: the digest, or the statement.
  const own = { ...expected, claimsDigest, entries: [digest, statement] };
  const receipts: StatementReceipt[] = [];
  for (const bytes of receiptsOf(items)) receipts.push(await verifyOne(bytes, own));
  return {
    form: 'statement',
    trusted: trustedIn(receipts),
    claimsDigest,
    receipts,
    issuerSignature: 'not-verified',
    ignored: [...items.unprotectedHeader.keys()].filter((label) => label !== receiptsLabel),
  };
}

async function verifyOne(bytes: Uint8Array, expected: CoseExpectation): Promise<StatementReceipt> {
  try {
    return { receipt: await verifyCoseForm(bytes, expected) };
  } catch (error) {
    if (isOfUnknownService(error)) return { unknownService: error };
    throw error;
  }
}

/** @throws VerificationError that of the first receipt when all are of unknown services */
function trustedIn(receipts: readonly StatementReceipt[]): boolean {
  const [first] = receipts;
  const verified = receipts.flatMap((entry) => ('receipt' in entry ? [entry.receipt] : []));
  if (verified.length === 0 && first !== undefined && 'unknownService' in first) {
    throw first.unknownService;
  }
  return verified.some(({ trusted }) => trusted);
}

function receiptsOf({ unprotectedHeader }: Sign1Items): readonly Uint8Array[] {
  const items = cborArray(
    unprotectedHeader.get(receiptsLabel),
    'the receipts (394)',
    'COSE_STRUCTURE',
  );
  if (items.length === 0) {
    throw new FormatError('RECEIPT_MISSING', 'the statement’s list of receipts (394) is empty');
  }
  if (items.length > receiptsMax) {
    const place = { actual: items.length, expected: receiptsMax };
    throw new FormatError('TOO_LARGE', `a statement with ${items.length} receipts`, place);
  }
  return items.map((item) => cborBytes(item, 'a receipt of the statement', 'COSE_STRUCTURE'));
}
