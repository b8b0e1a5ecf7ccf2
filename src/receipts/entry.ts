/**
 * Verifies receipts of CCF and of transparency services: published as `ledger-snapshotter/receipts`. It runs in a
 * browser as it does in Node: no file system, no threads, nothing fetched.
 */
export {
  type ErrorCode,
  type FormatCode,
  FormatError,
  type VerificationCode,
  VerificationError,
} from '../core/errors.ts';
export { type ApplicationClaim, applicationClaimsDigest } from './claims.ts';
export { readTrustAnchors, type TrustAnchor } from './keys/trust-anchor.ts';
export type {
  ReceiptRemark,
  ReceiptTree,
  StatementReceipt,
  VerifiedConsistency,
  VerifiedInclusion,
  VerifiedReceipt,
  VerifiedStatement,
} from './result.ts';
export { type VerifyReceiptOptions, verifyReceipt } from './verify-receipt.ts';
