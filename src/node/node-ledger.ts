import { assert } from '../core/errors.ts';
import type { FrozenState, Secrets, SharedDescriptor } from '../core/host-ports.ts';
import {
  type Seqno,
  type TxId,
  seqno as toSeqno,
  view as toView,
  type View,
} from '../core/words.ts';
import { sealEntry, writeSetDigest } from '../formats/entries/entry.ts';
import { isPrivateMap } from '../formats/entries/map-name.ts';
import { tables } from '../formats/entries/tables.ts';
import {
  encodePrivateDomain,
  encodePublicDomain,
  entryLeafOf,
  type MapWrites,
} from '../formats/entries/write-set.ts';
import {
  commitEvidenceDigest,
  commitEvidenceUnder,
  commitSecretOf,
} from '../formats/merkle/commit-evidence.ts';
import type { MerkleTree } from '../formats/merkle/merkle-tree.ts';
import type { LedgerState, LedgerStore } from '../store/ledger-store.ts';

/** Where a log goes on. */
export interface LogStart {
  /** The state after the last entry; the log takes it over, and the tree. */
  readonly store: LedgerStore;
  /** Holds the leaves up to and with the last entry's. */
  readonly tree: MerkleTree;
  readonly viewHistory: readonly number[];
}

export interface AppendOptions {
  readonly view: View;
  /** @default 32 zero bytes: the transaction claims nothing */
  readonly claims?: Uint8Array;
  /** 0x01 ends the chunk after this entry. @default 0 */
  readonly flags?: number;
}

/** A transaction that has become an entry. */
export interface Appended {
  readonly txId: TxId;
  readonly bytes: Uint8Array;
  /** SHA-256 of the entry. */
  readonly writeSetDigest: Uint8Array;
  readonly commitEvidence: string;
}

const claimsNothing = new Uint8Array(32);

/**
 * The log of a node as far as it is in memory: the state after the last entry and the uncommitted ones
 * before it, the Merkle tree, and what the next entry is made of.
 */
export class NodeLedger {
  readonly #secrets: Secrets;
  readonly #store: LedgerStore;
  readonly #tree: MerkleTree;
  readonly #viewHistory: number[];
  /** Of the ledger secret that was used last: it changes seldom. */
  #commitSecret: { readonly of: Uint8Array; readonly secret: Uint8Array } | undefined;

  constructor(start: LogStart, secrets: Secrets) {
    assert(start.tree.leafCount === start.store.seqno + 1, 'the tree has a leaf for each entry');
    this.#secrets = secrets;
    this.#store = start.store;
    this.#tree = start.tree;
    this.#viewHistory = [...start.viewHistory];
  }

  /** Seqno of the last entry. */
  get last(): Seqno {
    return this.#store.seqno;
  }

  get next(): Seqno {
    return toSeqno(this.last + 1);
  }

  /** The last entry; view 0 in an empty ledger. */
  get lastTxId(): TxId {
    return { view: toView(this.#viewHistory.length), seqno: this.last };
  }

  /** Seqno of the last signature transaction; 0 before the first. */
  get lastSignature(): Seqno {
    return toSeqno(this.#store.tables.get(tables.tree)?.version ?? 0);
  }

  /** The state now: good until the next change, unless it is held. */
  get tables(): LedgerState {
    return this.#store.tables;
  }

  get tree(): MerkleTree {
    return this.#tree;
  }

  /** Makes the next entry and applies it. */
  append(changes: readonly MapWrites[], options: AppendOptions): Appended {
    const { view, claims: claimsDigest = claimsNothing, flags = 0 } = options;
    const txId = { view, seqno: this.next };
    const secret = this.#secrets.at(txId.seqno);
    const evidence = commitEvidenceUnder(this.#commitSecretOf(secret), txId);
    const domain = {
      type: 4,
      seqno: txId.seqno,
      claimsDigest,
      commitEvidenceDigest: commitEvidenceDigest(evidence),
      maxConflictVersion: 0,
      maps: changes.filter(({ name }) => !isPrivateMap(name)),
    } as const;
    const publicDomain = encodePublicDomain(domain);
    const privatePlain = encodePrivateDomain(changes.filter(({ name }) => isPrivateMap(name)));
    const bytes = sealEntry({ secret, flags, ...txId, publicDomain, privatePlain });
    const digest = writeSetDigest(bytes);
    // The store first: it may have no memory for it, and then nothing has happened.
    this.#store.apply(txId.seqno, changes);
    this.#tree.append(entryLeafOf({ ...domain, writeSetDigest: digest }));
    while (this.#viewHistory.length < view) this.#viewHistory.push(txId.seqno);
    return { txId, bytes, writeSetDigest: digest, commitEvidence: evidence };
  }

  #commitSecretOf(secret: Uint8Array): Uint8Array {
    if (this.#commitSecret?.of !== secret) {
      this.#commitSecret = { of: secret, secret: commitSecretOf(secret) };
    }
    return this.#commitSecret.secret;
  }

  /** The state after the last entry, for a snapshot. */
  freeze(): FrozenState {
    const state = this.#store.freeze();
    let shared: SharedDescriptor | undefined;
    return {
      ...(state.share && {
        // The same one again when a file must be written again: there are few stages.
        share: () => {
          shared ??= state.share?.();
          assert(shared !== undefined, 'a state that can be shared is');
          return shared;
        },
      }),
      // Walked again when a snapshot's file must be written again.
      tables: { [Symbol.iterator]: () => state.values()[Symbol.iterator]() },
      leaf: this.#tree.leafAt(this.last),
      viewHistory: [...this.#viewHistory],
      release: () => state.release(),
    };
  }

  /** Takes back every entry above `seqno`, none of which may be compacted. */
  rollback(seqno: Seqno): void {
    this.#store.rollback(seqno);
    this.#tree.retract(seqno + 1);
    while ((this.#viewHistory.at(-1) ?? 0) > seqno) this.#viewHistory.pop();
  }

  /** Forgets what only a rollback below `seqno` could need. */
  compact(seqno: Seqno): void {
    this.#store.compact(seqno);
    this.#tree.flush(seqno);
  }
}
