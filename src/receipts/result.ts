/** What a verified receipt leaves open, for a reader to know; each is proved to no greater extent than it says. */
export type ReceiptRemark =
  /** No trust anchor was given: the signature holds under a key that the receipt itself brings. */
  | 'NO_TRUST_ANCHOR'
  /** The receipt gives a leaf or a signed root without its parts: which transaction it is of is not proved. */
  | 'LEAF_NOT_REBUILT'
  /** A path of no steps: the signed tree has one leaf, which no transaction of a real service is. */
  | 'EMPTY_PATH'
  /** The commit evidence is in another form than CCF's, or names a transaction that is not where the path begins. */
  | 'EVIDENCE_NOT_PLACED';

/** What one inclusion proof of a receipt proves. */
export interface VerifiedInclusion {
  /** The leaf, hex. */
  readonly leaf: string;
  /** The digest of the claims in that leaf, hex; of a statement, say. `undefined` where the leaf has none. */
  readonly claimsDigest: string | undefined;
  /** SHA-256 of the whole ledger entry, hex; CCF's trees only. */
  readonly writeSetDigest: string | undefined;
  readonly commitEvidence: string | undefined;
  /** The transaction, `view.seqno`, where the commit evidence names it and the path fits it. */
  readonly txId: string | undefined;
  /** Of a tree by RFC 9162: which leaf of how many, as the proof says; other sizes of the same shape have the same root. */
  readonly leafIndex?: number;
  readonly treeSize?: number;
}

/** What one consistency proof of a receipt proves: that the tree of an older root is a beginning of the signed one. */
export interface VerifiedConsistency {
  /** Hex. */
  readonly olderRoot: string;
  /** Whether it is one of the roots that the caller trusts. */
  readonly isTrusted: boolean;
}

/** Which structure a receipt's tree has. */
export type ReceiptTree = 'CCF_LEDGER_SHA256' | 'RFC9162_SHA256';

/** A receipt whose signature and proofs hold. */
export interface VerifiedReceipt {
  readonly form: 'cose' | 'json';
  readonly tree: ReceiptTree;
  /** Whether a trust anchor of the caller stands behind the signature. */
  readonly trusted: boolean;
  /** The trust anchor's key, hex SHA-256 of its SubjectPublicKeyInfo; `undefined` without one. */
  readonly serviceKeyId: string | undefined;
  /** The key that signed the root: the service's (COSE), or a node's (JSON). */
  readonly signerKeyId: string;
  /** The signed root, hex. */
  readonly root: string;
  /** The digest that every inclusion proof has, hex; `undefined` when they differ or have none. */
  readonly claimsDigest: string | undefined;
  /** The transaction of the first inclusion proof. */
  readonly txId: string | undefined;
  /** The signature transaction, where the signed header names it. */
  readonly signatureTxId: string | undefined;
  /** Who issued it, and when, by the signed header's CWT claims. */
  readonly issuer: string | undefined;
  readonly subject: string | undefined;
  /** Seconds since 1970. */
  readonly issuedAt: number | undefined;
  readonly inclusions: readonly VerifiedInclusion[];
  readonly consistencies: readonly VerifiedConsistency[];
  /** Labels outside the signed header, and fields of a JSON receipt, that were not looked at. */
  readonly ignored: readonly (number | string)[];
  readonly remarks: readonly ReceiptRemark[];
}

/** What became of one receipt in a transparent statement. */
export type StatementReceipt =
  | { readonly receipt: VerifiedReceipt }
  /** Signed by a service of which no key was given; its claims are of this statement, and no more is known. */
  | { readonly unknownService: Error };

/** A transparent statement whose receipts hold and are of this very statement. */
export interface VerifiedStatement {
  readonly form: 'statement';
  readonly trusted: boolean;
  /** SHA-256 of the statement without its unprotected header, hex: what the receipts prove. */
  readonly claimsDigest: string;
  /** In the order of the statement. */
  readonly receipts: readonly StatementReceipt[];
  /** Always so: that the issuer signed the statement is for another verifier, with the issuer's key. */
  readonly issuerSignature: 'not-verified';
  /** Labels of the statement's unprotected header beside the receipts. */
  readonly ignored: readonly (number | string)[];
}
