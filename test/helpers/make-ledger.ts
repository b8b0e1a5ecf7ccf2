import { concatBytes, fromHex, toHex } from '../../src/core/bytes.ts';
import { assert } from '../../src/core/errors.ts';
import {
  type Digest,
  digest,
  type Seqno,
  type TxId,
  seqno as toSeqno,
  view as toView,
} from '../../src/core/words.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import { sealEntry, writeSetDigest } from '../../src/formats/entries/entry.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import {
  type EntryType,
  encodePrivateDomain,
  encodePublicDomain,
  type KeyValue,
  type MapWrites,
} from '../../src/formats/entries/write-set.ts';
import type { Certificate } from '../../src/formats/keys/certificate.ts';
import { commitEvidence, commitEvidenceDigest } from '../../src/formats/merkle/commit-evidence.ts';
import { MerkleTree } from '../../src/formats/merkle/merkle-tree.ts';
import { signIdentityEndorsement } from '../../src/formats/signatures/identity-endorsement.ts';
import {
  encodeSnapshot,
  isPrivateMap,
  type SnapshotContent,
} from '../../src/formats/snapshot/snapshot-body.ts';
import type { MadeKey } from '../formats/make-keys.ts';
import { type MadeService, makeService } from '../formats/make-snapshot-file.ts';
import type { MadeMember, ShareForm } from './make-members.ts';
import { SeededRandomness } from './make-random.ts';
import { MadeSecrets } from './make-secrets.ts';
import {
  issuedAt,
  type SignatureValues,
  signAsNode,
  signAsService,
  signatureTables,
} from './make-signatures.ts';
import { type MadeEntry, type MadeSnapshotOptions, snapshotContent } from './make-snapshots.ts';
import {
  classicalRow,
  joinChanges,
  memberTables,
  nodeJoins,
  nodeRetires,
  previousService,
  serviceConfig,
  serviceInfo,
  signingIdentities,
  singleton,
  snapshotEvidence,
} from './make-tables.ts';

export interface MadeLedgerOptions {
  /** Names the service: its keys and secrets are made of it. */
  readonly seed: string;
  readonly members: readonly MadeMember[];
  /** Shares that recover the secrets. @default 1 */
  readonly threshold?: number;
  /** @default 'limbs' */
  readonly shares?: ShareForm;
  /** Curve of all keys. @default 'P-256', which is quick */
  readonly curve?: 'P-256' | 'P-384';
  /** CCF 1.x: entries of type 0, certificates in nodes.info, no COSE, no creation seqno. @default false */
  readonly isOldRelease?: boolean;
  /** How the texts of certificates are written into tables. @default as OpenSSL does */
  readonly pemForm?: (pem: string) => string;
  /** Rows of the table of signing identities, which each identity of the service writes with its certificate. */
  readonly signing?: Signing;
}

/** How a service signs with other keys than its certificate's. */
export interface Signing {
  /** What it signs with; makes one for each identity. @default the certificate's key */
  readonly signerOf?: (identity: number) => MadeKey;
  /** @default a row of the classical identity, with the signer's key */
  readonly rows?: (signer: MadeKey) => readonly KeyValue[];
}

export interface TransactionOptions {
  /** @default 4, or 0 in the old release */
  readonly type?: EntryType;
  /** @default 0 */
  readonly flags?: number;
  /** @default 32 zero bytes */
  readonly claims?: Uint8Array;
  /** As 1.x entries have it. @default 0 */
  readonly maxConflictVersion?: number;
}

export interface SignatureOptions {
  /** @default true */
  readonly node?: boolean;
  /** @default true, but not in the old release */
  readonly cose?: boolean;
  /** First leaf that the tree still has. @default the last signature's */
  readonly flushed?: number;
  /** Changes the values before they are sealed, as someone with the ledger secret could. */
  readonly forge?: (values: SignatureValues) => SignatureValues;
}

/** What a CCF node would have written. */
export interface MadeSnapshot {
  readonly seqno: Seqno;
  readonly content: SnapshotContent;
  readonly entry: Uint8Array;
  readonly digest: Digest;
}

/** A snapshot with the seqno of its evidence. */
export interface VouchedSnapshot extends MadeSnapshot {
  readonly evidenceSeqno: Seqno;
}

/** One identity of the service, and where it began. */
export interface MadeIdentity extends MadeService {
  readonly signer: MadeKey;
  readonly createTxId: TxId;
}

/**
 * A simulated CCF service that writes its ledger entry by entry, and knows by rules of its own what the
 * snapshots of its nodes would be.
 */
export class MadeLedger {
  readonly options: Required<MadeLedgerOptions>;
  readonly entries: MadeEntry[] = [];
  readonly vouched: VouchedSnapshot[] = [];
  /** The last is in force. */
  readonly identities: MadeIdentity[] = [];
  readonly secrets: MadeSecrets;
  readonly #tree = MerkleTree.genesis();
  #view = toView(2);
  #lastEndorsement: Seqno | undefined;

  /** A service whose first transaction is written; {@link MadeLedger.open} comes next. */
  constructor(options: MadeLedgerOptions) {
    const defaults = {
      threshold: 1,
      shares: 'limbs',
      curve: 'P-256',
      isOldRelease: false,
      pemForm: (pem: string) => pem,
      signing: {},
    } as const;
    this.options = { ...defaults, ...options };
    const { seed, members, threshold } = this.options;
    this.secrets = new MadeSecrets({ randomness: new SeededRandomness(seed), members, threshold });
    this.#begin();
    const tables = [...memberTables(members), serviceConfig(threshold)];
    this.transaction([...tables, ...this.#introduction('Opening')]);
  }

  /** A service that is open, with shares of its secret written. */
  static async opened(options: MadeLedgerOptions): Promise<MadeLedger> {
    const ledger = new MadeLedger(options);
    await ledger.open();
    return ledger;
  }

  get identity(): MadeIdentity {
    const identity = this.identities.at(-1);
    assert(identity !== undefined, 'a service begins with an identity');
    return identity;
  }

  get next(): Seqno {
    return toSeqno(this.entries.length + 1);
  }

  get lastSignature(): Seqno {
    return this.entries.findLast(({ isSignature }) => isSignature)?.seqno ?? toSeqno(0);
  }

  /** A new identity, node and secret from the next transaction on. */
  #begin(): void {
    const { seed, curve, pemForm } = this.options;
    const made = makeService(`${seed} ${this.identities.length}`, curve);
    const written = (certificate: Certificate) => ({
      ...certificate,
      pem: pemForm(certificate.pem),
    });
    const signer = this.options.signing.signerOf?.(this.identities.length) ?? made.service;
    this.identities.push({
      ...made,
      signer,
      serviceCertificate: written(made.serviceCertificate),
      nodeCertificate: written(made.nodeCertificate),
      createTxId: { view: this.#view, seqno: this.next },
    });
    this.secrets.begin(this.next);
  }

  #introduction(status: 'Opening' | 'Recovering'): readonly MapWrites[] {
    const { nodeCertificate, signer } = this.identity;
    const { isOldRelease, signing } = this.options;
    const { signerOf, rows = signerOf && ((key: MadeKey) => [classicalRow(key)]) } = signing;
    return [
      this.#serviceInfo(status),
      ...(rows ? [signingIdentities(rows(signer))] : []),
      ...nodeJoins(nodeCertificate, isOldRelease),
    ];
  }

  #serviceInfo(status: 'Opening' | 'Recovering' | 'Open'): MapWrites {
    const { serviceCertificate: certificate, createTxId } = this.identity;
    const { isOldRelease } = this.options;
    return serviceInfo({ certificate, status, createTxId: isOldRelease ? undefined : createTxId });
  }

  /** Writes a transaction; tables are private unless their names begin with `public:`. */
  transaction(changes: readonly MapWrites[], options: TransactionOptions = {}): Seqno {
    return this.#append(joinChanges(changes), options, false);
  }

  #append(maps: readonly MapWrites[], options: TransactionOptions, isSignature: boolean): Seqno {
    const { type = this.options.isOldRelease ? 0 : 4, flags = 0, maxConflictVersion = 0 } = options;
    const seqno = this.next;
    const view = this.#view;
    const secret = this.secrets.at(seqno);
    const evidence = commitEvidenceDigest(commitEvidence(secret, { view, seqno }));
    const claims = options.claims ?? new Uint8Array(32);
    const claimsDigest = type === 2 || type === 4 ? claims : undefined;
    const domain = {
      type,
      seqno,
      claimsDigest,
      commitEvidenceDigest: type === 3 || type === 4 ? evidence : undefined,
      maxConflictVersion,
      maps: maps.filter(({ name }) => !isPrivateMap(name)),
    };
    const publicDomain = encodePublicDomain(domain);
    const privatePlain = encodePrivateDomain(maps.filter(({ name }) => isPrivateMap(name)));
    const bytes = sealEntry({ secret, flags, seqno, view, publicDomain, privatePlain });
    const leaf = leafOf([writeSetDigest(bytes), domain.commitEvidenceDigest, claimsDigest]);
    this.#tree.append(leaf);
    this.entries.push({ seqno, view, bytes, leaf, maps, isSignature });
    return seqno;
  }

  /** Elects a primary in a later view. */
  changeView(to: number): void {
    assert(to > this.#view, `view ${to} comes after ${this.#view}`);
    this.#view = toView(to);
  }

  /** Writes a signature transaction over everything before it. */
  async signature(options: SignatureOptions = {}): Promise<Seqno> {
    const { isOldRelease } = this.options;
    const { node = true, cose = !isOldRelease, flushed = this.lastSignature } = options;
    const place = {
      tree: this.#tree,
      identity: this.identity,
      seqno: this.next,
      view: this.#view,
      lastSignature: this.lastSignature,
      isOldRelease,
    };
    const values = {
      node: node ? await signAsNode(place) : undefined,
      cose: cose ? await signAsService(place) : undefined,
      tree: this.#tree.serialise({ flushed }),
    };
    return this.#append(signatureTables(options.forge?.(values) ?? values), {}, true);
  }

  /** Opens the service, for the first time or after {@link MadeLedger.recover}: shares are written. */
  async open(): Promise<Seqno> {
    const { isOldRelease, shares } = this.options;
    const secrets = this.secrets.change(this.next, this.secrets.newest.from, shares);
    const endorsement = isOldRelease ? [] : [await this.#endorsement()];
    return this.transaction([this.#serviceInfo('Open'), ...secrets, ...endorsement]);
  }

  /** The identity before this one, vouched for; at the first opening the service vouches for itself. */
  async #endorsement(): Promise<MapWrites> {
    const { signer, createTxId } = this.identity;
    const previous = this.identities.at(-2);
    const draft = {
      endorsedKey: (previous ?? this.identity).signer.publicKey,
      iat: issuedAt,
      from: previous?.createTxId ?? createTxId,
      ...(previous && { end: this.#endBefore(createTxId.seqno) }),
      ...(this.#lastEndorsement && { previousVersion: this.#lastEndorsement }),
    };
    this.#lastEndorsement = this.next;
    const value = await signIdentityEndorsement(draft, signer.privateKey);
    return singleton(tables.identityEndorsement, value);
  }

  #endBefore(create: Seqno): { readonly txId: TxId; readonly root: string } {
    const end = this.entries[create - 2];
    assert(end?.isSignature === true, 'a recovery begins after a signature');
    const root = toHex(this.#tree.rootAt(end.seqno));
    return { txId: { view: end.view, seqno: end.seqno }, root };
  }

  /** Shares the same secret anew under another threshold, in one transaction. */
  changeThreshold(threshold: number): Seqno {
    this.secrets.changeThreshold(threshold);
    const shares = this.secrets.shares(this.options.shares);
    return this.transaction([serviceConfig(threshold), shares]);
  }

  /** A live rekey: the next transaction is the first under a new secret. */
  rekey({ withNextVersion = false }: { readonly withNextVersion?: boolean } = {}): Seqno {
    const from = toSeqno(this.next + 1);
    this.secrets.begin(from);
    const nextVersion = withNextVersion ? from : undefined;
    return this.transaction(this.secrets.change(this.next, nextVersion, this.options.shares));
  }

  /** A disaster recovery: what no signature covers is lost, the rest goes on under a new identity. */
  recover(): Seqno {
    this.#truncate(this.lastSignature);
    const { nodeCertificate: oldNode, serviceCertificate } = this.identity;
    const { isOldRelease } = this.options;
    const root = this.#tree.rootAt(this.lastSignature);
    this.changeView(this.#view + 2);
    this.#begin();
    const previous = previousService(serviceCertificate, root);
    const changes = [...nodeRetires(oldNode, isOldRelease), ...this.#introduction('Recovering')];
    return this.transaction([...changes, ...previous], { flags: 0x02 });
  }

  #truncate(seqno: Seqno): void {
    this.entries.length = seqno;
    this.#tree.retract(seqno + 1);
    const kept = this.vouched.filter(({ evidenceSeqno }) => evidenceSeqno <= seqno);
    this.vouched.splice(0, this.vouched.length, ...kept);
  }

  /** What a node's snapshot at a seqno is. */
  snapshot(version: Seqno, options: MadeSnapshotOptions = {}): MadeSnapshot {
    const content = snapshotContent(this.entries, version, options);
    const entry = encodeSnapshot(content, this.secrets.at(version));
    return { seqno: version, content, entry, digest: digest(toHex(sha256(entry))) };
  }

  /** Writes the evidence of a snapshot; its digest is the claim, unless another is given. */
  evidence(
    { seqno, digest: hash }: Pick<MadeSnapshot, 'seqno' | 'digest'>,
    options: TransactionOptions = {},
  ): Seqno {
    return this.transaction(snapshotEvidence(seqno, hash), { claims: fromHex(hash), ...options });
  }

  /** Takes a snapshot and writes its evidence. */
  vouch(
    version: Seqno,
    options: MadeSnapshotOptions & Pick<TransactionOptions, 'type'> = {},
  ): VouchedSnapshot {
    const { type, ...how } = options;
    const snapshot = this.snapshot(version, how);
    const evidenceSeqno = this.evidence(snapshot, type === undefined ? {} : { type });
    const vouched = { ...snapshot, evidenceSeqno };
    this.vouched.push(vouched);
    return vouched;
  }
}

/** Write set, commit evidence and claims hashed together; the write set alone is not hashed again. */
function leafOf([writeSet, ...digests]: readonly [Uint8Array, ...(Uint8Array | undefined)[]]) {
  const there = digests.filter((digest) => digest !== undefined);
  return there.length === 0 ? writeSet : sha256(concatBytes([writeSet, ...there]));
}
