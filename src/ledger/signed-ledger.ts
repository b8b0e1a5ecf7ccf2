import type { KeyObject } from 'node:crypto';
import { attempt } from '../core/attempt.ts';
import { toHex } from '../core/bytes.ts';
import { AbortedError, FormatError, VerificationError } from '../core/errors.ts';
import { type Digest, type Seqno, type TxId, seqno as toSeqno } from '../core/words.ts';
import type { LedgerDirectory, LedgerEntry } from '../files/ledger/ledger-directory.ts';
import { decodeEnvelope } from '../formats/entries/entry.ts';
import { decodeSnapshotEvidence, tables } from '../formats/entries/tables.ts';
import {
  decodePublicDomain,
  type EntryType,
  type PublicDomain,
  singletonIn,
} from '../formats/entries/write-set.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import { LedgerSecrets } from '../formats/keys/ledger-secrets.ts';
import { MerkleTree } from '../formats/merkle/merkle-tree.ts';
import { decodeNodeSignature } from '../formats/signatures/node-signature.ts';
import { IdentityHistory, type IntroducedIdentity } from './identity-history.ts';
import type { PublicStart } from './ledger-start.ts';
import {
  type AppliedEntry,
  LedgerVerifier,
  ProvenSignatures,
  type VerifiedCounts,
} from './ledger-verifier.ts';
import type { OtherSignatureCount } from './other-signatures.ts';
import { SecretHistory } from './secret-history.ts';
import type { SignedEnd } from './signed-end.ts';
import { looseSignatureTableIn, steeringTableIn } from './steering.ts';
import { isVouchedFor, type Signers, signersOf } from './vouching.ts';

/** Evidence of one snapshot, as the ledger has it. */
export interface IndexedEvidence {
  /** Seqno of the evidence transaction. */
  readonly evidenceSeqno: Seqno;
  /** Seqno of the snapshot. */
  readonly snapshotSeqno: Seqno;
  readonly digest: Digest;
  readonly entryType: EntryType;
}

/** Which signatures a signature transaction carries. */
export interface IndexedSignature {
  readonly seqno: Seqno;
  /** A node signature with the node's certificate beside it, as a JSON receipt needs it. */
  readonly json: boolean;
  readonly cose: boolean;
}

/** An entry above the last signature that writes a table which steers verification. */
export interface SteeringEntry {
  readonly seqno: Seqno;
  readonly table: string;
}

/** An entry that writes a table of signatures, and is no signature transaction that holds. */
export interface LooseSignature extends SteeringEntry {
  /** Where it does not authenticate, it is what a crash has left of a signature. */
  readonly entry: LedgerEntry;
}

/** An entry that does not verify. */
export interface LedgerFailure {
  readonly entry: LedgerEntry;
  readonly error: FormatError | VerificationError;
  /**
   * From all entries, believed by nobody: they tell more exactly where a ledger breaks that is certain not to hold.
   */
  readonly claimedSecrets: () => LedgerSecrets;
}

/** What a first reading of a ledger finds; only what its signatures cover is believed. */
export interface SignedLedger {
  /** Seqno of the last entry that could be read. */
  readonly last: Seqno;
  /** The last signature that holds, with everything before it; the start's seqno where none follows it. */
  readonly signedUntil: Seqno;
  /** The last one made by a key that the reader trusts; `signedUntil` where it names none. */
  readonly trustedUntil: Seqno;
  /** Who made the signature at `signedUntil`; `undefined` where none follows the start. */
  readonly signers: Signers | undefined;
  /** The signature at `signedUntil`, with the same exception. */
  readonly end: SignedEnd | undefined;
  /** The last signature before each identity but the first, by the seqno that introduces the identity. */
  readonly ends: ReadonlyMap<Seqno, SignedEnd>;
  /** Ascending; those above `signedUntil` are not signed. */
  readonly evidences: readonly IndexedEvidence[];
  /** Ascending; those above `signedUntil` were not verified. */
  readonly signatures: readonly IndexedSignature[];
  /** From entries up to `trustedUntil`. */
  readonly secrets: LedgerSecrets;
  /** The first entry that does not verify, in the clear. */
  readonly failure: LedgerFailure | undefined;
  /** In their order, the start's first, from entries up to `signedUntil`. */
  readonly identities: readonly IntroducedIdentity[];
  /** Item i = first seqno of view i + 1, from entries that were verified. */
  readonly viewHistory: readonly number[];
  /** Each proves itself, so they are from all entries. */
  readonly endorsements: IdentityHistory['endorsements'];
  /** The first entry above `signedUntil` that steers. */
  readonly steering: SteeringEntry | undefined;
  /** The first such entry above `signedUntil`: it steers if it authenticates, see `steeringIn`. */
  readonly loose: LooseSignature | undefined;
  /** Rows of other identities than the classical one, as far as the ledger could be verified. */
  readonly otherSignatures: readonly OtherSignatureCount[];
  /** What was verified, in the clear. */
  readonly counts: Readonly<VerifiedCounts>;
  /** Signatures that need not be verified again over the same bytes. */
  readonly proven: ProvenSignatures;
  /** Why the files could not be read further. */
  readonly unreadable: FormatError | VerificationError | undefined;
}

/** How a ledger is read, and whose signatures count. */
export interface SignedLedgerOptions {
  /** Before the first entry, or after a verified snapshot. */
  readonly start: PublicStart;
  /**
   * Keys of the identities that the reader trusts.
   * @default none: whoever signs
   */
  readonly pinned?: readonly KeyObject[];
  /** Members' RSA private keys. @default none */
  readonly memberKeys?: readonly KeyObject[];
  readonly signal?: AbortSignal | undefined;
  /** Called after each entry. */
  readonly onEntry?: ((seqno: Seqno) => void) | undefined;
}

/**
 * Reads a ledger once, in the clear, and verifies every signature in it, for what its readers must know in
 * advance: the secrets, which are shared late, the identities, and the digests to expect.
 *
 * **Order contract:** a table that steers verification counts from the moment that a signature over it holds, made
 * by a trusted key where any is named; what no such signature covers steers nothing. Nothing malformed is an error
 * here: the second reading finds it at its place, and says there what is wrong.
 * @throws StorageError when a chunk cannot be read
 * @throws AbortedError when `signal` aborts
 */
export async function readSignedLedger(
  ledger: Pick<LedgerDirectory, 'entries'>,
  options: SignedLedgerOptions,
): Promise<SignedLedger> {
  const { start, signal, onEntry } = options;
  const reader = new SignedLedgerReader(options);
  try {
    for await (const entry of ledger.entries({ from: toSeqno(start.seqno + 1) })) {
      if (signal?.aborted) throw new AbortedError('reading the ledger');
      await reader.read(entry);
      onEntry?.(entry.seqno);
    }
  } catch (error) {
    if (!isOfBytes(error)) throw error;
    return reader.finish(error);
  }
  return reader.finish(undefined);
}

const isOfBytes = (error: unknown): error is FormatError | VerificationError =>
  error instanceof FormatError || error instanceof VerificationError;

class SignedLedgerReader {
  readonly #pinned: readonly KeyObject[];
  readonly #memberKeys: readonly KeyObject[];
  readonly #register: PublicStart['register'];
  readonly #verifier: LedgerVerifier;
  readonly #proven = new ProvenSignatures();
  readonly #vouched = new Map<Certificate, boolean>();
  readonly #secrets = new SecretHistory();
  readonly #identities = new IdentityHistory();
  readonly #evidences: IndexedEvidence[] = [];
  readonly #signatures: IndexedSignature[] = [];
  /** Of entries that no signature covers yet. */
  #steering: SteeringEntry | undefined;
  #loose: LooseSignature | undefined;
  #last: Seqno;
  #signedUntil: Seqno;
  #trustedUntil: Seqno;
  #signers: Signers | undefined;
  /** The last signature that holds: its tree, and once it is asked for what that comes to. */
  #signed: { readonly txId: TxId; readonly tree: Uint8Array } | undefined;
  #end: SignedEnd | undefined;
  readonly #ends = new Map<Seqno, SignedEnd>();
  #failure: LedgerFailure | undefined;

  constructor({ start, pinned = [], memberKeys = [] }: SignedLedgerOptions) {
    this.#pinned = pinned;
    this.#memberKeys = memberKeys;
    this.#register = start.register;
    this.#verifier = new LedgerVerifier({ ...start, store: nowhere, unopened: 0 }, closed, {
      found: this.#proven,
    });
    if (start.maps) {
      this.#secrets.addSnapshot(start.maps);
      this.#identities.addSnapshot(start.maps);
    }
    this.#last = start.seqno;
    this.#signedUntil = start.seqno;
    this.#trustedUntil = start.seqno;
  }

  async read(entry: LedgerEntry): Promise<void> {
    const { seqno } = entry;
    this.#last = seqno;
    const applied = this.#failure ? undefined : await this.#verify(entry);
    const domain = applied?.domain ?? domainOf(entry);
    if (domain === undefined) return;
    this.#secrets.add(seqno, domain);
    const isIntroduced = this.#identities.add(seqno, domain);
    const end = isIntroduced ? this.#endOf() : undefined;
    if (end !== undefined) this.#ends.set(seqno, end);
    this.#addEvidence(seqno, domain);
    this.#addSignature(seqno, domain);
    if (applied?.signatures) this.#believe(applied, applied.signatures);
    else this.#noteSteering(entry, domain);
  }

  finish(unreadable: SignedLedger['unreadable']): SignedLedger {
    return {
      last: this.#last,
      signedUntil: this.#signedUntil,
      trustedUntil: this.#trustedUntil,
      signers: this.#signers,
      end: this.#endOf(),
      ends: this.#ends,
      evidences: this.#evidences,
      signatures: this.#signatures,
      secrets: this.#secrets.recover(this.#trustedUntil, this.#memberKeys),
      failure: this.#failure,
      identities: this.#identities.introduced(this.#signedUntil),
      viewHistory: this.#verifier.viewHistory,
      endorsements: this.#identities.endorsements,
      steering: this.#steering,
      loose: this.#loose,
      otherSignatures: this.#verifier.counts.others.list(),
      counts: this.#verifier.counts,
      proven: this.#proven,
      unreadable,
    };
  }

  #endOf(): SignedEnd | undefined {
    if (this.#signed === undefined) return undefined;
    const { txId, tree } = this.#signed;
    this.#end ??= { txId, root: toHex(MerkleTree.deserialise(tree).root()) };
    return this.#end;
  }

  /** What does not hold ends the verification; what lies behind it is only looked at. */
  async #verify(entry: LedgerEntry): Promise<AppliedEntry | undefined> {
    try {
      return await this.#verifier.apply(entry);
    } catch (error) {
      if (!isOfBytes(error)) throw error;
      const claimedSecrets = () => this.#secrets.recover(this.#last, this.#memberKeys);
      this.#failure = { entry, error, claimedSecrets };
      return undefined;
    }
  }

  #believe(
    { seqno, view }: AppliedEntry,
    signatures: NonNullable<AppliedEntry['signatures']>,
  ): void {
    this.#signedUntil = seqno;
    this.#signed = { txId: { view, seqno }, tree: signatures.tree };
    this.#end = undefined;
    this.#steering = undefined;
    this.#loose = undefined;
    this.#signers = signersOf(signatures, this.#register);
    if (this.#pinned.length === 0 || this.#isVouchedFor(this.#signers)) this.#trustedUntil = seqno;
  }

  /** Asked of each signature; a node's certificate is the same object until it is renewed. */
  #isVouchedFor(signers: Signers): boolean {
    if (isVouchedFor({ ...signers, node: undefined }, this.#pinned)) return true;
    const { node } = signers;
    if (node === undefined) return false;
    const known = this.#vouched.get(node) ?? isVouchedFor(signers, this.#pinned);
    this.#vouched.set(node, known);
    return known;
  }

  #noteSteering(entry: LedgerEntry, domain: PublicDomain): void {
    const { seqno } = entry;
    const table = steeringTableIn(domain);
    if (table !== undefined) this.#steering ??= { seqno, table };
    // Behind an entry that does not verify no signature can hold: that is damage, or torn.
    const loose = this.#failure === undefined ? looseSignatureTableIn(domain) : undefined;
    if (loose !== undefined) this.#loose ??= { seqno, table: loose, entry };
  }

  #addEvidence(seqno: Seqno, domain: PublicDomain): void {
    const value = singletonIn(domain, tables.snapshotEvidence);
    const evidence = value && attempt(() => decodeSnapshotEvidence(value));
    if (evidence === undefined || evidence.version >= seqno) return;
    const { version, hash } = evidence;
    this.#evidences.push({
      evidenceSeqno: seqno,
      snapshotSeqno: version,
      digest: hash,
      entryType: domain.type,
    });
  }

  #addSignature(seqno: Seqno, domain: PublicDomain): void {
    const node = singletonIn(domain, tables.signatures);
    const cose = singletonIn(domain, tables.coseSignatures) !== undefined;
    if (node === undefined && !cose) return;
    const json =
      node !== undefined && attempt(() => decodeNodeSignature(node))?.certificate !== undefined;
    this.#signatures.push({ seqno, json, cose });
  }
}

/** The first reading keeps no state and opens nothing. */
const nowhere = { apply: () => {}, freeze: () => ({ values: () => [] }) };
const closed = new LedgerSecrets([]);

function domainOf({ bytes }: LedgerEntry): PublicDomain | undefined {
  return attempt(() => decodePublicDomain(decodeEnvelope(bytes).publicDomain));
}
