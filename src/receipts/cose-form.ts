import { fromUtf8 } from '../core/byte-strings.ts';
import { FormatError } from '../core/errors.ts';
import { parseTxId } from '../core/tx-id.ts';
import type { TxId } from '../core/words.ts';
import {
  type CborMap,
  type CborValue,
  cborArray,
  cborBytes,
  cborMap,
} from '../formats/encoding/cbor.ts';
import { decodeInclusionProof, proofLabel } from '../formats/receipts/inclusion-proof.ts';
import type { ReceiptProof } from '../formats/receipts/receipt-claims.ts';
import {
  coseLabel,
  type GatedSign1,
  openCoseSign1,
} from '../formats/signatures/cose-sign1-gate.ts';
import { type CcfConsistency, decodeCcfConsistency } from './ccf-consistency.ts';
import { type ReceiptProfile, receiptProfiles } from './keys/ec-public-key.ts';
import type { ReceiptTree } from './result.ts';
import {
  decodeConsistency9162,
  decodeInclusion9162,
  type Rfc9162Consistency,
  type Rfc9162Inclusion,
} from './rfc9162.ts';

/** Proofs in CCF's trees (vds 2), or in those of RFC 9162 (vds 1). */
export type CoseProofs =
  | {
      readonly tree: 'CCF_LEDGER_SHA256';
      readonly inclusions: readonly ReceiptProof[];
      readonly consistencies: readonly CcfConsistency[];
    }
  | {
      readonly tree: 'RFC9162_SHA256';
      readonly inclusions: readonly Rfc9162Inclusion[];
      readonly consistencies: readonly Rfc9162Consistency[];
    };

/** A COSE receipt of any service. */
export interface CoseForm {
  readonly message: GatedSign1<ReceiptProfile>;
  readonly proofs: CoseProofs;
  readonly signatureTxId: TxId | undefined;
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  readonly issuedAt: number | undefined;
  /** The certificates that the receipt brings, DER, the signer's first. */
  readonly chain: readonly Uint8Array[];
  readonly ignored: readonly (number | string)[];
}

/** Most proofs of one kind in a receipt. */
const proofsMax = 64;
const x5chain = 33;

const trees: Readonly<Record<number, ReceiptTree>> = {
  1: 'RFC9162_SHA256',
  2: 'CCF_LEDGER_SHA256',
};

/**
 * Decodes a receipt: the gate, its structure's number, and every proof. Other labels outside the signed header are let
 * through and named.
 * @param mayPathBeEmpty see `decodeInclusionProof`
 * @throws FormatError as `openCoseSign1`, `VDS`, `VDP`, `MERKLE_PATH`, `RECEIPT_FORMAT`, `TOO_LARGE`
 * @throws VerificationError `ALG_NOT_ALLOWED`, `CLAIMS_DIGEST_MISSING`
 */
export function decodeCoseForm(bytes: Uint8Array, mayPathBeEmpty: boolean): CoseForm {
  const message = openCoseSign1(bytes, { payload: 'either', profiles: receiptProfiles });
  const { protectedHeader, unprotectedHeader } = message;
  const tree = treeOf(protectedHeader);
  if (tree === 'CCF_LEDGER_SHA256' && message.payload !== undefined) {
    throw new FormatError('COSE_PAYLOAD', 'the payload is attached, not detached');
  }
  const vdp = cborMap(unprotectedHeader.get(coseLabel.vdp), 'vdp (396)', 'VDP');
  return {
    message,
    proofs: proofsOf(tree, vdp, mayPathBeEmpty),
    ...claimsOf(protectedHeader),
    signatureTxId: signatureTxIdOf(protectedHeader),
    chain: chainOf(protectedHeader.get(x5chain) ?? unprotectedHeader.get(x5chain)),
    ignored: [...unprotectedHeader.keys()].filter((label) => label !== coseLabel.vdp),
  };
}

function treeOf(header: CborMap): ReceiptTree {
  const vds = header.get(coseLabel.vds);
  const tree = typeof vds === 'number' ? trees[vds] : undefined;
  if (tree !== undefined) return tree;
  const actual = typeof vds === 'number' || typeof vds === 'string' ? vds : typeof vds;
  const message = 'vds (395) is neither 2 (CCF_LEDGER_SHA256) nor 1 (RFC9162_SHA256)';
  throw new FormatError('VDS', message, { actual, expected: '2 or 1' });
}

function proofsOf(tree: ReceiptTree, vdp: CborMap, mayPathBeEmpty: boolean): CoseProofs {
  for (const label of vdp.keys()) {
    if (label !== proofLabel.inclusion && label !== proofLabel.consistency) {
      throw new FormatError('VDP', `vdp has proofs of the unknown kind ${label}`);
    }
  }
  const inclusions = proofBytes(vdp, proofLabel.inclusion, 'the inclusion proofs (-1)');
  const consistencies = proofBytes(vdp, proofLabel.consistency, 'the consistency proofs (-2)');
  if (inclusions.length + consistencies.length === 0) {
    throw new FormatError('VDP', 'vdp has no proof');
  }
  if (tree === 'RFC9162_SHA256') {
    return {
      tree,
      inclusions: inclusions.map(decodeInclusion9162),
      consistencies: consistencies.map(decodeConsistency9162),
    };
  }
  return {
    tree,
    inclusions: inclusions.map((proof) => decodeInclusionProof(proof, mayPathBeEmpty)),
    consistencies: consistencies.map(decodeCcfConsistency),
  };
}

function proofBytes(vdp: CborMap, label: number, what: string): readonly Uint8Array[] {
  if (!vdp.has(label)) return [];
  const items = cborArray(vdp.get(label), what, 'VDP');
  if (items.length === 0)
    throw new FormatError('VDP', `${what} are none: one at least is expected`, { expected: 1 });
  if (items.length > proofsMax) {
    const place = { actual: items.length, expected: proofsMax };
    throw new FormatError(
      'TOO_LARGE',
      `${what} are ${items.length}: at most ${proofsMax} are read`,
      place,
    );
  }
  return items.map((item) => cborBytes(item, `one of ${what}`, 'VDP'));
}

/** CWT claims of the signed header: 1 issuer, 2 subject, 6 when; others' may be of any form. */
function claimsOf(header: CborMap): Pick<CoseForm, 'issuer' | 'subject' | 'issuedAt'> {
  const claims = header.get(coseLabel.cwtClaims);
  const map: CborMap = claims instanceof Map ? claims : new Map();
  const [issuer, subject, issuedAt] = [map.get(1), map.get(2), map.get(6)];
  return {
    issuer: typeof issuer === 'string' ? issuer : undefined,
    subject: typeof subject === 'string' ? subject : undefined,
    issuedAt: typeof issuedAt === 'number' ? issuedAt : undefined,
  };
}

/** Services other than CCF's have no `ccf.v1`; who has it, has it in CCF's form. */
function signatureTxIdOf(header: CborMap): TxId | undefined {
  const ccf = header.get(coseLabel.ccf);
  if (ccf === undefined) return undefined;
  const txid = cborMap(ccf, 'ccf.v1', 'COSE_STRUCTURE').get('txid');
  if (txid === undefined) return undefined;
  if (typeof txid === 'string') return parseTxId(txid, 'COSE_STRUCTURE');
  throw new FormatError('COSE_STRUCTURE', 'txid is not a text');
}

function chainOf(value: CborValue | undefined): readonly Uint8Array[] {
  if (value === undefined) return [];
  const items =
    value instanceof Uint8Array ? [value] : cborArray(value, 'x5chain', 'COSE_STRUCTURE');
  return items.map((item) => cborBytes(item, 'a certificate of x5chain', 'COSE_STRUCTURE'));
}

/** How a kid is written in messages: most are text. */
export function kidText(kid: Uint8Array): string {
  try {
    return fromUtf8(kid.subarray(0, 80));
  } catch {
    return `${kid.length} bytes`;
  }
}
