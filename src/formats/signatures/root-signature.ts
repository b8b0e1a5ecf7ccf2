import type { KeyObject } from 'node:crypto';
import { fromBase64, fromUtf8, toBase64, toUtf8 } from '../../core/bytes.ts';
import { FormatError, VerificationError } from '../../core/errors.ts';
import { formatTxId, parseTxId } from '../../core/tx-id.ts';
import type { TxId } from '../../core/words.ts';
import { type CborMap, cborMap, cborText } from '../encoding/cbor.ts';
import { jsonText, parseJson } from '../encoding/json.ts';
import { type EcAlg, keyIdOf, profileOfKey } from '../keys/ec-key.ts';
import {
  type CoseSign1,
  coseLabel,
  decodeCoseSign1,
  signCoseSign1,
  verifyCoseSign1,
} from './cose-sign1.ts';

/** CCF's verifiable data structure: a SHA-256 ledger. */
const ccfLedgerSha256 = 2;

/** A service's COSE signature over a Merkle root, as a signature transaction holds it. */
export interface RootSignature {
  readonly message: CoseSign1;
  /** Hex SHA-256 of the service key's SubjectPublicKeyInfo, as claimed by the header. */
  readonly serviceKeyId: string;
  /** The signature transaction itself; it signs the tree of all leaves below its seqno. */
  readonly txId: TxId;
}

/** What goes into a root signature's protected header. */
export interface RootSignatureClaims {
  readonly alg: EcAlg;
  /** `keyIdOf` of the service key: 64 hex characters. */
  readonly kid: string;
  /** Seconds since 1970. */
  readonly iat: number;
  readonly iss: string;
  readonly sub: string;
  readonly txId: TxId;
}

/**
 * The protected header of a root signature. **Order contract:** this is CCF's own order, which is not
 * canonical; another order gives other bytes and another signature.
 *
 * | label | value |
 * |---|---|
 * | 1 alg | -35 or -7 |
 * | 4 kid | bstr: 64 ASCII hex characters |
 * | 395 vds | 2 |
 * | 15 CWT claims | {6: iat, 1: iss, 2: sub} |
 * | "ccf.v1" | {"txid": "view.seqno"} |
 *
 * @see CCF 6.0 src/node/history.h
 */
export function rootSignatureHeader(claims: RootSignatureClaims): CborMap {
  return new Map<number | string, CborMap | Uint8Array | number>([
    [coseLabel.alg, claims.alg],
    [coseLabel.kid, toUtf8(claims.kid)],
    [coseLabel.vds, ccfLedgerSha256],
    [
      coseLabel.cwtClaims,
      new Map<number, string | number>([
        [6, claims.iat],
        [1, claims.iss],
        [2, claims.sub],
      ]),
    ],
    [coseLabel.ccf, new Map([['txid', formatTxId(claims.txId)]])],
  ]);
}

/**
 * Signs a root as CCF's primary does; `alg` and `kid` come from the key.
 * @param root 32 bytes
 * @throws VerificationError `ALG_KEY_MISMATCH` for a key that is neither P-256 nor P-384
 */
export async function signRootSignature(
  root: Uint8Array,
  claims: Omit<RootSignatureClaims, 'alg' | 'kid'>,
  serviceKey: KeyObject,
): Promise<Uint8Array> {
  const { alg } = profileOfKey(serviceKey);
  const protectedHeader = rootSignatureHeader({ ...claims, alg, kid: keyIdOf(serviceKey) });
  return signCoseSign1({ protectedHeader, payload: root, attached: false }, serviceKey);
}

/**
 * Decodes a root signature from a ledger: the gate, a detached payload, an empty unprotected header.
 * @throws FormatError as `decodeCoseSign1`, and `COSE_UNKNOWN_UNPROTECTED`, `VDS`, `COSE_STRUCTURE`
 * @throws VerificationError `ALG_NOT_ALLOWED`
 */
export function decodeRootSignature(bytes: Uint8Array): RootSignature {
  const message = decodeCoseSign1(bytes, { payload: 'detached' });
  if (message.unprotectedHeader.size !== 0) {
    throw new FormatError('COSE_UNKNOWN_UNPROTECTED', 'the unprotected header is not empty');
  }
  return readRootSignature(message);
}

/**
 * Verifies a root signature under a service's key; answers with the transaction that it is of.
 * @param root 32 bytes: that of all leaves before the signature transaction's own
 * @throws FormatError as `decodeRootSignature`
 * @throws VerificationError `ALG_NOT_ALLOWED`, `ALG_KEY_MISMATCH`, `KID_MISMATCH`, `SIG_INVALID`
 */
export async function verifyRootSignature(
  bytes: Uint8Array,
  identity: KeyObject,
  root: Uint8Array,
): Promise<TxId> {
  const signature = decodeRootSignature(bytes);
  checkServiceKeyId(signature, keyIdOf(identity));
  await verifyCoseSign1(signature.message, identity, root);
  return signature.txId;
}

/**
 * Reads CCF's claims from the protected header of a message whose unprotected header the caller checks.
 * @throws FormatError `VDS`, `COSE_STRUCTURE`, `BAD_TEXT`, `NUMBER_TOO_LARGE`
 */
export function readRootSignature(message: CoseSign1): RootSignature {
  const vds = message.protectedHeader.get(coseLabel.vds);
  if (vds !== ccfLedgerSha256) throw new FormatError('VDS', 'vds is not 2 (CCF_LEDGER_SHA256)');
  const ccf = cborMap(message.protectedHeader.get(coseLabel.ccf), 'ccf.v1', 'COSE_STRUCTURE');
  const txId = parseTxId(cborText(ccf.get('txid'), 'txid', 'COSE_STRUCTURE'), 'COSE_STRUCTURE');
  return { message, serviceKeyId: keyIdInKid(message), txId };
}

function keyIdInKid(message: CoseSign1): string {
  const kid = message.kid;
  if (kid === undefined) throw new FormatError('COSE_STRUCTURE', 'the protected header has no kid');
  const text = fromUtf8(kid, 'COSE_STRUCTURE');
  if (/^[0-9a-f]{64}$/.test(text)) return text;
  throw new FormatError('COSE_STRUCTURE', 'kid is not 64 lower-case hex characters');
}

/**
 * Checks that a key is the one the header names, before its signature is asked.
 * @param keyId see `keyIdOf`; whoever has a certificate has it at hand, exporting a key takes 0.4 ms
 * @throws VerificationError `KID_MISMATCH`
 */
export function checkServiceKeyId(signature: RootSignature, keyId: string): void {
  if (keyId === signature.serviceKeyId) return;
  throw new VerificationError(
    'KID_MISMATCH',
    `the message names key ${signature.serviceKeyId}, the key given is ${keyId}`,
    { seqno: signature.txId.seqno, actual: signature.serviceKeyId, expected: keyId },
  );
}

/**
 * The value of `public:ccf.internal.cose_signatures`: a JSON string of base64.
 * @throws FormatError `BAD_JSON`, `BAD_BASE64`, `BAD_TEXT`
 */
export function decodeCoseSignatureValue(value: Uint8Array): Uint8Array {
  return fromBase64(jsonText(parseJson(value), 'the COSE signature'));
}

/** The inverse of {@link decodeCoseSignatureValue}. */
export function encodeCoseSignatureValue(message: Uint8Array): Uint8Array {
  return toUtf8(JSON.stringify(toBase64(message)));
}
