import { equalBytes, toHex } from '../core/bytes.ts';
import { FormatError, VerificationError } from '../core/errors.ts';
import type { FrozenState, FrozenTable } from '../core/host-ports.ts';
import { viewMax } from '../core/limits.ts';
import { type Seqno, seqno as toSeqno, view as toView, type View } from '../core/words.ts';
import type { LedgerEntry } from '../files/ledger/ledger-directory.ts';
import {
  decodeEnvelope,
  type Envelope,
  openPrivateDomain,
  writeSetDigest,
} from '../formats/entries/entry.ts';
import {
  decodePrivateDomain,
  decodePublicDomain,
  entryLeafOf,
  type MapWrites,
  type PublicDomain,
} from '../formats/entries/write-set.ts';
import type { LedgerSecrets } from '../formats/keys/ledger-secrets.ts';
import { commitEvidence, commitEvidenceDigest } from '../formats/merkle/commit-evidence.ts';
import { MerkleTree } from '../formats/merkle/merkle-tree.ts';
import type { ReferenceStore } from '../store/heap/reference-store.ts';
import type { IdentityRegister } from './identity-register.ts';
import { OtherCounts, verifyOtherSignatures } from './other-signatures.ts';
import { type VerifiedSignatures, verifySignatures } from './verify-signatures.ts';

/** One entry, verified as far as it can be before the next signature, and applied. */
export interface AppliedEntry {
  readonly seqno: Seqno;
  readonly view: View;
  readonly domain: PublicDomain;
  /** SHA-256 of the whole entry. */
  readonly writeSetDigest: Uint8Array;
  /** `undefined` in CCF 1.x, and without the ledger secret. */
  readonly commitEvidence: string | undefined;
  readonly leaf: Uint8Array;
  /** Of a signature transaction. */
  readonly signatures: VerifiedSignatures | undefined;
}

/** What has been verified so far. */
export interface VerifiedCounts {
  transactions: number;
  /** Signature transactions, each with the root of all that is before it. */
  roots: number;
  nodeSignatures: number;
  coseSignatures: number;
  /** Rows of other identities than the classical one, by their names. */
  readonly others: OtherCounts;
  /** Private domains that were not empty, and decrypted. */
  privateDomains: number;
  /** Private domains that are missing from the state, for want of the secret. */
  unopened: number;
  /** Seqno of the last signature whose root and signatures hold; before the first, of the start. */
  verifiedUntil: Seqno;
}

/** Where a verification keeps the state. */
export interface VerifiedStore {
  apply(seqno: Seqno, maps: readonly MapWrites[]): void;
  /** The state now, kept as it is until it is released, where it can be. */
  freeze(): { values(): Iterable<FrozenTable>; release?(): void };
}

/**
 * Signatures that were verified once. The root covers everything before a signature transaction, the digest the
 * transaction itself: over the same two the same signature holds, so that a second reading need not verify it.
 */
export class ProvenSignatures {
  readonly #proven = new Map<Seqno, string>();

  add(seqno: Seqno, root: Uint8Array, digest: Uint8Array): void {
    this.#proven.set(seqno, keyOf(root, digest));
  }

  has(seqno: Seqno, root: Uint8Array, digest: Uint8Array): boolean {
    return this.#proven.get(seqno) === keyOf(root, digest);
  }
}

const keyOf = (root: Uint8Array, digest: Uint8Array): string => toHex(root) + toHex(digest);

/** What two readings of one ledger know of each other. */
export interface VerifierMemory {
  /** Filled with what is verified. @default none */
  readonly found?: ProvenSignatures | undefined;
  /** What an earlier reading has filled. @default none */
  readonly known?: ProvenSignatures | undefined;
}

/** Where a verification starts: an empty ledger, or a snapshot's state. */
export interface VerifierStart<Store extends VerifiedStore = ReferenceStore> {
  readonly seqno: Seqno;
  readonly view: View;
  readonly store: Store;
  readonly tree: MerkleTree;
  readonly viewHistory: readonly number[];
  readonly register: IdentityRegister;
  /** Private domains that are missing from the state, for want of the secret. */
  readonly unopened: number;
}

/**
 * Reads a ledger entry by entry and believes nothing: envelopes, tags, commit evidence, trees, roots and
 * signatures are each checked at the entry where they lie.
 */
export class LedgerVerifier {
  readonly #secrets: LedgerSecrets;
  readonly #store: VerifiedStore;
  readonly #tree: MerkleTree;
  readonly #register: IdentityRegister;
  readonly #viewHistory: number[];
  readonly #memory: VerifierMemory;
  readonly counts: VerifiedCounts;
  #last: Seqno;
  #view: View;
  #leaf: Uint8Array;

  constructor(
    start: VerifierStart<VerifiedStore>,
    secrets: LedgerSecrets,
    memory: VerifierMemory = {},
  ) {
    this.#secrets = secrets;
    this.#memory = memory;
    this.#store = start.store;
    this.#tree = start.tree;
    this.#register = start.register;
    this.#viewHistory = [...start.viewHistory];
    this.#last = start.seqno;
    this.#view = start.view;
    this.#leaf = new Uint8Array(32);
    this.counts = {
      transactions: 0,
      roots: 0,
      nodeSignatures: 0,
      coseSignatures: 0,
      others: new OtherCounts(),
      privateDomains: 0,
      unopened: start.unopened,
      verifiedUntil: start.seqno,
    };
  }

  /** False when private data is missing from the state, for want of a secret. */
  get isComplete(): boolean {
    return this.counts.unopened === 0;
  }

  /** Item i = first seqno of view i + 1. */
  get viewHistory(): readonly number[] {
    return [...this.#viewHistory];
  }

  /**
   * Verifies and applies the next entry.
   * @throws FormatError, VerificationError naming the seqno
   */
  async apply(entry: LedgerEntry): Promise<AppliedEntry> {
    try {
      return await this.#apply(entry);
    } catch (error) {
      throw atEntry(error, entry);
    }
  }

  async #apply({ bytes }: LedgerEntry): Promise<AppliedEntry> {
    const envelope = decodeEnvelope(bytes);
    const domain = decodePublicDomain(envelope.publicDomain);
    checkOrder(envelope, domain, { last: this.#last, view: this.#view });
    const secret = this.#secrets.secretAt(envelope.seqno);
    const evidence = secret && checkCommitEvidence(secret, envelope, domain);
    const privateMaps = secret ? this.#openPrivate(secret, envelope) : this.#leaveClosed(envelope);
    this.#register.apply(domain);
    const digest = writeSetDigest(bytes);
    const signatures = await this.#verifySignatures(envelope, domain, digest);
    this.#count(envelope.seqno, signatures);
    this.#store.apply(envelope.seqno, [...domain.maps, ...privateMaps]);
    return this.#append(envelope, domain, {
      writeSetDigest: digest,
      commitEvidence: evidence,
      signatures,
    });
  }

  async #verifySignatures(
    { view }: Envelope,
    domain: PublicDomain,
    digest: Uint8Array,
  ): Promise<VerifiedSignatures | undefined> {
    const { found, known } = this.#memory;
    const signed = { tree: this.#tree, register: this.#register, view };
    const isProven = () => known?.has(domain.seqno, this.#tree.root(), digest) ?? false;
    const signatures = await verifySignatures(domain, { ...signed, isProven });
    const root = () => this.#tree.root();
    const identities = this.#register.signing;
    this.counts.others.add(await verifyOtherSignatures(domain, { identities, view, root }));
    if (signatures) found?.add(domain.seqno, this.#tree.root(), digest);
    return signatures;
  }

  /** The state as it is after the last entry. */
  freeze(): FrozenState {
    const state = this.#store.freeze();
    return {
      tables: [...state.values()],
      leaf: this.#leaf,
      viewHistory: [...this.#viewHistory],
      release: () => state.release?.(),
    };
  }

  #openPrivate(secret: Uint8Array, envelope: Envelope): readonly MapWrites[] {
    const plain = openPrivateDomain(envelope, secret);
    if (plain.length > 0) this.counts.privateDomains++;
    return decodePrivateDomain(plain);
  }

  #leaveClosed({ privateDomain }: Envelope): readonly MapWrites[] {
    if (privateDomain.length > 0) this.counts.unopened++;
    return [];
  }

  #count(seqno: Seqno, signatures: VerifiedSignatures | undefined): void {
    this.counts.transactions++;
    if (signatures === undefined) return;
    this.counts.roots++;
    if (signatures.node) this.counts.nodeSignatures++;
    if (signatures.cose) this.counts.coseSignatures++;
    this.counts.verifiedUntil = seqno;
  }

  #append(
    { seqno, view }: Envelope,
    domain: PublicDomain,
    rest: Pick<AppliedEntry, 'writeSetDigest' | 'commitEvidence' | 'signatures'>,
  ): AppliedEntry {
    this.#leaf = entryLeafOf({ ...domain, writeSetDigest: rest.writeSetDigest });
    this.#tree.append(this.#leaf);
    while (this.#viewHistory.length < view) this.#viewHistory.push(seqno);
    this.#last = seqno;
    this.#view = view;
    return { seqno, view, domain, leaf: this.#leaf, ...rest };
  }
}

/** The entry before another one. */
export interface EntryBefore {
  readonly last: Seqno;
  readonly view: View;
}

/** An entry follows the one before it. @throws FormatError, VerificationError without the seqno's file */
export function checkOrder(
  { seqno, view, isSnapshot }: Envelope,
  domain: PublicDomain,
  before: EntryBefore,
): void {
  if (isSnapshot) throw new FormatError('BAD_IV', 'a ledger entry has the IV of a snapshot');
  const expected = before.last + 1;
  if (seqno !== expected || domain.seqno !== seqno) {
    const place = { actual: domain.seqno, expected: expected };
    const message = `seqno ${expected} was expected, the entry says ${domain.seqno}, its IV ${seqno}`;
    throw new VerificationError('SEQNO_MISMATCH', message, place);
  }
  if (view > viewMax) {
    const place = { actual: view, expected: viewMax };
    throw new FormatError('NUMBER_TOO_LARGE', `view ${view} is above ${viewMax}`, place);
  }
  if (view < before.view) {
    const message = `view ${view} comes after view ${before.view}`;
    throw new VerificationError('VIEW_MISMATCH', message, { actual: view, expected: before.view });
  }
}

/** An empty ledger, whose state `store` keeps. */
export function genesis<Store extends VerifiedStore | undefined>(
  register: IdentityRegister,
  store: Store,
) {
  return {
    seqno: toSeqno(0),
    view: toView(0),
    store,
    tree: MerkleTree.genesis(),
    viewHistory: [],
    register,
    unopened: 0,
  };
}

/** The entry's commit evidence, which its digest in the entry must match; none in CCF 1.x. */
function checkCommitEvidence(
  secret: Uint8Array,
  { seqno, view }: Envelope,
  { commitEvidenceDigest: recorded }: PublicDomain,
): string | undefined {
  if (recorded === undefined) return undefined;
  const text = commitEvidence(secret, { seqno, view });
  if (equalBytes(commitEvidenceDigest(text), recorded)) return text;
  throw new VerificationError(
    'COMMIT_EVIDENCE_MISMATCH',
    `the commit evidence of ${view}.${seqno} is not the one recorded`,
    { actual: toHex(recorded) },
  );
}

/** The same error, saying at which entry it was found. */
export function atEntry(error: unknown, { seqno, file, offset }: LedgerEntry): unknown {
  if (!(error instanceof FormatError || error instanceof VerificationError)) return error;
  const { actual, expected, table, key } = error;
  const place = {
    file,
    offset,
    seqno,
    cause: error,
    ...(table === undefined ? {} : { table }),
    ...(key === undefined ? {} : { key }),
    ...(actual === undefined ? {} : { actual }),
    ...(expected === undefined ? {} : { expected }),
  };
  const message = `seqno ${seqno} (${file} at offset ${offset}): ${error.message}`;
  return error instanceof FormatError
    ? new FormatError(error.code, message, place)
    : new VerificationError(error.code, message, place);
}
