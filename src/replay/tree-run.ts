import type { KeyObject } from 'node:crypto';
import { equalBytes, toHex } from '../core/bytes.ts';
import { assert, VerificationError } from '../core/errors.ts';
import { type Seqno, seqno as toSeqno, type View } from '../core/words.ts';
import type { LedgerEntry } from '../files/ledger/ledger-directory.ts';
import { decodeEnvelope, writeSetDigest } from '../formats/entries/entry.ts';
import { otherRowsIn, SigningIdentities } from '../formats/entries/signing-identities.ts';
import { tables } from '../formats/entries/tables.ts';
import {
  decodePublicDomain,
  entryLeafOf,
  type PublicDomain,
  singletonIn,
} from '../formats/entries/write-set.ts';
import { MerkleTree } from '../formats/merkle/merkle-tree.ts';
import { IdentityRegister } from '../ledger/identity-register.ts';
import { atEntry, checkOrder } from '../ledger/ledger-verifier.ts';
import { OtherCounts, verifyOtherSignatures } from '../ledger/other-signatures.ts';
import type { SignedEnd } from '../ledger/signed-end.ts';
import type { Signers } from '../ledger/vouching.ts';
import { judgeSignatures } from './keyed-signatures.ts';
import type { SeqnoRange } from './level.ts';

/** Where a run begins, and which keys are known. */
export interface TreeRunOptions {
  readonly first: Seqno;
  /** Of the entry before, or below. */
  readonly view: View;
  readonly keys: readonly KeyObject[];
}

/**
 * Entries of a ledger whose beginning is missing. The first signature transaction carries the tree before it: its leaves
 * are compared with those of the entries that are there, and from then on every root is computed again.
 */
export class TreeRun {
  readonly #first: Seqno;
  readonly #keys: readonly KeyObject[];
  readonly #register = new IdentityRegister(new SigningIdentities({ isPartial: true }));
  /** Of the entries before the first signature. */
  #leaves: Uint8Array[] = [];
  #tree: MerkleTree | undefined;
  #last: Seqno;
  #view: View;
  /** The entries that the roots cover. */
  #covered: SeqnoRange | undefined;
  #verifiedUntil = toSeqno(0);
  #signers: Signers | undefined;
  #end: SignedEnd | undefined;
  readonly counts = {
    ...{ entries: 0, roots: 0, nodeSignatures: 0, coseSignatures: 0, notVerified: 0 },
    others: new OtherCounts(),
  };

  constructor({ first, view, keys }: TreeRunOptions) {
    this.#first = first;
    this.#last = toSeqno(first - 1);
    this.#view = view;
    this.#keys = keys;
  }

  get view(): View {
    return this.#view;
  }

  /** Of the last signature transaction; `undefined` without one, and where none of its keys is known. */
  get signers(): Signers | undefined {
    return this.#signers;
  }

  /** The last signature transaction; `undefined` without one. */
  get end(): SignedEnd | undefined {
    return this.#end;
  }

  /** Seqno of the last signature that was verified; 0 without one. */
  get verifiedUntil(): Seqno {
    return this.#verifiedUntil;
  }

  /** Entries that no root covers. */
  get uncovered(): readonly SeqnoRange[] {
    const { first, last } = this.#covered ?? { first: toSeqno(this.#last + 1), last: this.#last };
    return [
      { first: this.#first, last: toSeqno(first - 1) },
      { first: toSeqno(last + 1), last: this.#last },
    ].filter((range) => range.first <= range.last);
  }

  /** @throws FormatError, VerificationError naming the seqno */
  async apply(entry: LedgerEntry): Promise<void> {
    try {
      await this.#apply(entry);
    } catch (error) {
      throw atEntry(error, entry);
    }
  }

  async #apply({ bytes }: LedgerEntry): Promise<void> {
    const envelope = decodeEnvelope(bytes);
    const domain = decodePublicDomain(envelope.publicDomain);
    checkOrder(envelope, domain, { last: this.#last, view: this.#view });
    const { seqno, view } = envelope;
    this.#view = view;
    this.#introduce(domain);
    if (isSignature(domain)) await this.#verify(domain, seqno);
    await this.#verifyOthers(domain);
    const leaf = entryLeafOf({ ...domain, writeSetDigest: writeSetDigest(bytes) });
    if (this.#tree) this.#tree.append(leaf);
    else this.#leaves.push(leaf);
    this.#last = seqno;
    this.counts.entries++;
  }

  /** A node whose service was introduced before the run is known by the certificate beside its signature. */
  #introduce(domain: PublicDomain): void {
    try {
      this.#register.apply(domain);
    } catch (error) {
      const isBefore = error instanceof VerificationError && error.code === 'SERVICE_UNKNOWN';
      if (!isBefore) throw error;
    }
  }

  async #verify(domain: PublicDomain, seqno: Seqno): Promise<void> {
    const tree = this.#tree ?? this.#adoptTree(domain, seqno);
    const signed = { tree, view: this.#view, register: this.#register, keys: this.#keys };
    const { node, cose, notVerified, signers } = await judgeSignatures(domain, signed);
    this.#tree = tree;
    this.#leaves = [];
    const first = this.#covered?.first ?? toSeqno(Math.max(this.#first, tree.firstLeaf));
    this.#covered = { first, last: seqno };
    this.counts.roots++;
    this.counts.nodeSignatures += node ? 1 : 0;
    this.counts.coseSignatures += cose ? 1 : 0;
    this.counts.notVerified += notVerified;
    this.#signers = node || cose ? signers : undefined;
    this.#end = { txId: { view: this.#view, seqno }, root: toHex(tree.root()) };
    if (node || cose) this.#verifiedUntil = seqno;
  }

  async #verifyOthers(domain: PublicDomain): Promise<void> {
    const root = () => {
      assert(this.#tree !== undefined, 'a root is asked for by a signature transaction');
      return this.#tree.root();
    };
    const context = { identities: this.#register.signing, view: this.#view, root };
    this.counts.others.add(await verifyOtherSignatures(domain, context));
  }

  /** The tree that the first signature carries, whose leaves must be those of the entries before it. */
  #adoptTree(domain: PublicDomain, seqno: Seqno): MerkleTree {
    const value = singletonIn(domain, tables.tree);
    if (value === undefined) {
      throw new VerificationError('TREE_MISMATCH', 'the signature transaction carries no tree');
    }
    const tree = MerkleTree.deserialise(value);
    if (tree.leafCount !== seqno) {
      const place = { actual: tree.leafCount, expected: seqno };
      const message = `the tree that it carries has ${tree.leafCount} leaves, before it are ${seqno}`;
      throw new VerificationError('TREE_MISMATCH', message, place);
    }
    for (const [i, leaf] of this.#leaves.entries()) {
      const at = this.#first + i;
      if (at < tree.firstLeaf || equalBytes(tree.leafAt(at), leaf)) continue;
      const message = `the entry of seqno ${at} is not the one in the tree that is signed at seqno ${seqno}`;
      throw new VerificationError('LEAF_MISMATCH', message, { actual: at });
    }
    return tree;
  }
}

/** Rows of other identities count: alone they are refused. */
const isSignature = (domain: PublicDomain): boolean =>
  singletonIn(domain, tables.signatures) !== undefined ||
  singletonIn(domain, tables.coseSignatures) !== undefined ||
  otherRowsIn(domain, tables.coseSignatures).length > 0;

/** An entry that is read for its place alone. @throws FormatError, VerificationError naming the seqno */
export function readInOrder(
  entry: LedgerEntry,
  before: { readonly last: Seqno; readonly view: View },
): { readonly domain: PublicDomain; readonly view: View } {
  try {
    const envelope = decodeEnvelope(entry.bytes);
    const domain = decodePublicDomain(envelope.publicDomain);
    checkOrder(envelope, domain, before);
    return { domain, view: envelope.view };
  } catch (error) {
    throw atEntry(error, entry);
  }
}
