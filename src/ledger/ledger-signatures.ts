import type { NodeSignature } from '../formats/signatures/node-signature.ts';

/** The service's COSE signature over a ledger root. */
export interface CoseRootSignature {
  readonly form: 'cose';
  readonly message: Uint8Array;
  /** The service's key, DER. */
  readonly spki: Uint8Array;
}

/** A node's signature over a ledger root, as old releases have it. */
export interface NodeRootSignature {
  readonly form: 'node';
  readonly signature: NodeSignature;
  /** The node's key, DER. */
  readonly spki: Uint8Array;
}

/** The signatures of one signature transaction: at least one of the two. */
export interface LedgerSignatures {
  readonly cose: CoseRootSignature | undefined;
  readonly node: NodeRootSignature | undefined;
}
