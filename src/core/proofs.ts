import type { Digest, Seqno } from './words.ts';

/**
 * A signature over a ledger root that a verifier has checked.
 *
 * A machine's gate believes nothing else: the private field makes a look-alike impossible, so that
 * neither a caller's event nor a flag can open the gate. Of what runs, only src/snapshotter/generation-work.ts makes
 * one, out of what a verifier found; a test holds everyone else to that.
 */
export class SignatureProof {
  readonly #verified = true;
  readonly form: 'cose' | 'node';
  /** Seqno of the signature transaction. */
  readonly seqno: Seqno;
  /** The signed root over leaves 0 … `seqno` - 1. */
  readonly root: Digest;

  constructor(form: 'cose' | 'node', seqno: Seqno, root: Digest) {
    this.form = form;
    this.seqno = seqno;
    this.root = root;
  }

  static isOne(value: unknown): value is SignatureProof {
    return typeof value === 'object' && value !== null && #verified in value;
  }
}

/** The evidence transaction's leaf, proven to lie in the tree of one signature transaction. */
export class InclusionProof {
  readonly #verified = true;
  readonly evidenceSeqno: Seqno;
  /** Seqno of the signature transaction whose tree holds the leaf. */
  readonly signatureSeqno: Seqno;
  readonly root: Digest;

  constructor(evidenceSeqno: Seqno, signatureSeqno: Seqno, root: Digest) {
    this.evidenceSeqno = evidenceSeqno;
    this.signatureSeqno = signatureSeqno;
    this.root = root;
  }

  static isOne(value: unknown): value is InclusionProof {
    return typeof value === 'object' && value !== null && #verified in value;
  }
}
