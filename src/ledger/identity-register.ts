import { equalBytes } from '../core/bytes.ts';
import { VerificationError } from '../core/errors.ts';
import { type ServiceKey, SigningIdentities } from '../formats/entries/signing-identities.ts';
import type { SnapshotMap } from '../formats/entries/snapshot-map.ts';
import {
  keyText,
  liveIn,
  readTableValue,
  type WrittenValue,
} from '../formats/entries/table-value.ts';
import {
  decodeEndorsedCertificate,
  decodeNodeInfo,
  decodeServiceInfo,
  tables,
} from '../formats/entries/tables.ts';
import { mapWrites, type PublicDomain, singletonKey } from '../formats/entries/write-set.ts';
import {
  type Certificate,
  readTableCertificate,
  verifyEndorsed,
} from '../formats/keys/certificate.ts';
import type { NodeSignature } from '../formats/signatures/node-signature.ts';

/** What is known of a node: its certificate, or why that cannot be read, for when it is asked for. */
type KnownNode = { readonly certificate: Certificate } | { readonly unreadable: unknown };

/**
 * The identities that a ledger has introduced so far: the service's in force, and every node's, those
 * that have retired included, since their entries are removed long before their signatures are read.
 *
 * A certificate is what its DER says, in whatever text a release wrote it. A node's that cannot be read is an error once
 * a signature names that node, and before that nobody's concern.
 */
export class IdentityRegister {
  readonly #nodes = new Map<string, KnownNode>();
  readonly #signing: SigningIdentities;
  #service: Certificate | undefined;
  #beside: { readonly text: string; readonly certificate: Certificate } | undefined;

  constructor(signing = new SigningIdentities()) {
    this.#signing = signing;
  }

  /**
   * The identities in the state of a snapshot.
   * @throws FormatError naming table, key and seqno
   */
  static fromSnapshot(maps: readonly SnapshotMap[]): IdentityRegister {
    const register = new IdentityRegister(SigningIdentities.of(maps));
    for (const written of liveIn(maps, tables.serviceInfo)) register.#setService(written);
    for (const written of liveIn(maps, tables.nodesInfo)) {
      register.#learn(written, certificateIn, () => {});
    }
    for (const written of liveIn(maps, tables.endorsedCertificates)) {
      register.#learn(written, decodeEndorsedCertificate, () => {});
    }
    return register;
  }

  get service(): Certificate | undefined {
    return this.#service;
  }

  /** The service's identities beside its certificate. */
  get signing(): SigningIdentities {
    return this.#signing;
  }

  /**
   * Takes in what one transaction says. A service's certificate counts before the nodes' of the same
   * transaction: a recovery writes both.
   * @throws VerificationError `NODE_CERT_NOT_ENDORSED`, `SERVICE_UNKNOWN`
   * @throws FormatError of the service's own table, naming table, key and seqno
   */
  apply(domain: PublicDomain): void {
    for (const written of writtenTo(domain, tables.serviceInfo)) this.#setService(written);
    this.#signing.apply(domain);
    for (const written of writtenTo(domain, tables.nodesInfo)) {
      // CCF 1.x only; a node that retires is written again, under an identity that never endorsed it.
      const known = this.#nodes.get(keyText(written.key));
      if (known !== undefined && 'certificate' in known) continue;
      this.#learn(written, certificateIn, (certificate) => this.#checkIntroduced(certificate));
    }
    for (const written of writtenTo(domain, tables.endorsedCertificates)) {
      this.#learn(written, decodeEndorsedCertificate, (certificate) =>
        this.#checkEndorsed(certificate),
      );
    }
  }

  #setService(written: WrittenValue): void {
    if (!equalBytes(written.key, singletonKey)) return;
    this.#service = readTableValue(written, () => decodeServiceInfo(written.value).certificate);
  }

  /** What can be read is checked at once; what cannot is an error when a signature needs it. */
  #learn(
    written: WrittenValue,
    read: (value: Uint8Array) => Certificate | undefined,
    check: (certificate: Certificate) => void,
  ): void {
    let known: KnownNode | undefined;
    try {
      const certificate = readTableValue(written, () => read(written.value));
      known = certificate && { certificate };
    } catch (unreadable) {
      known = { unreadable };
    }
    if (known === undefined) return;
    if ('certificate' in known) {
      const { certificate } = known;
      readTableValue(written, () => check(certificate));
    }
    this.#nodes.set(keyText(written.key), known);
  }

  /** A node of CCF 1.x may join with a certificate of its own making: the ledger vouches for its key. */
  #checkIntroduced(certificate: Certificate): void {
    const isOwn = certificate.x509.issuer === certificate.x509.subject;
    if (!isOwn) this.#checkEndorsed(certificate);
  }

  #checkEndorsed(certificate: Certificate): void {
    verifyEndorsed(certificate, this.serviceInForce());
  }

  /**
   * The node that made a signature.
   * @throws VerificationError `NODE_UNKNOWN`, `KID_MISMATCH`
   * @throws FormatError when its certificate cannot be read, naming table, key and seqno; or the one beside the signature
   */
  nodeOf({ node, certificate: text }: NodeSignature): Certificate {
    const known = this.#certificateOf(node);
    // Renewed certificates differ in text; the key is the identity.
    const named = text === undefined || text === known.pem ? known : this.#readBeside(text);
    if (named.keyId !== known.keyId || known.keyId !== node) {
      const message = `the certificate beside the signature is not of node ${node}`;
      throw new VerificationError('KID_MISMATCH', message, { actual: named.keyId, expected: node });
    }
    return known;
  }

  #certificateOf(node: string): Certificate {
    const known = this.#nodes.get(node);
    if (known === undefined) {
      const message = `no node ${node} was introduced`;
      throw new VerificationError('NODE_UNKNOWN', message, { actual: node });
    }
    if ('unreadable' in known) throw known.unreadable;
    return known.certificate;
  }

  /** A renewed certificate stands beside every signature of its node: it is read once. */
  #readBeside(text: string): Certificate {
    if (this.#beside?.text !== text) {
      this.#beside = { text, certificate: readTableCertificate(text) };
    }
    return this.#beside.certificate;
  }

  /**
   * The key that the service's COSE signatures verify under: of its classical signing identity, and of its certificate
   * only while it names none.
   * @throws VerificationError `SERVICE_UNKNOWN`
   * @throws FormatError of the signing identity, naming table, key and seqno
   */
  signer(): ServiceKey {
    return this.#signing.classical() ?? this.serviceInForce();
  }

  /**
   * The service's certificate, which endorses nodes.
   * @throws VerificationError `SERVICE_UNKNOWN`
   */
  serviceInForce(): Certificate {
    if (this.#service !== undefined) return this.#service;
    throw new VerificationError('SERVICE_UNKNOWN', 'no service identity was introduced yet');
  }
}

function writtenTo(domain: PublicDomain, table: string): readonly WrittenValue[] {
  const { seqno } = domain;
  const { writes = [] } = mapWrites(domain, table) ?? {};
  return writes.map(({ key, value }) => ({ table, key, value, seqno }));
}

const certificateIn = (value: Uint8Array) => decodeNodeInfo(value).certificate;
