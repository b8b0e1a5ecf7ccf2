import { FormatError, VerificationError } from '../core/errors.ts';
import { type Digest, type Seqno, seqno as toSeqno, view as toView } from '../core/words.ts';
import type { LedgerDirectory } from '../files/ledger/ledger-directory.ts';
import type { SnapshotMap } from '../formats/entries/snapshot-map.ts';
import { liveSingleton, readTableValue } from '../formats/entries/table-value.ts';
import { tables } from '../formats/entries/tables.ts';
import type { LedgerSecrets } from '../formats/keys/ledger-secrets.ts';
import { MerkleTree } from '../formats/merkle/merkle-tree.ts';
import type { SnapshotContent } from '../formats/snapshot/snapshot-body.ts';
import type { ReferenceStore } from '../store/heap/reference-store.ts';
import { IdentityRegister } from './identity-register.ts';
import { genesis, type VerifiedStore, type VerifierStart } from './ledger-verifier.ts';

/** A snapshot file as its receipt has it. */
export interface StartFile {
  readonly file: string;
  readonly digest: Digest;
  readonly evidenceSeqno: Seqno;
  /** The identity that vouches for it. */
  readonly serviceKeyId: string;
}

/** A start as far as it is in the clear: what a first reading begins with, which keeps no state. */
export interface PublicStart
  extends Pick<VerifierStart, 'seqno' | 'view' | 'tree' | 'viewHistory' | 'register'> {
  /** What the snapshot says in the clear, when there is one. */
  readonly maps?: readonly SnapshotMap[];
}

/** Where a replay begins: before the first transaction, or after a snapshot. */
export interface ReplayStart<Store extends VerifiedStore = ReferenceStore> {
  /** The last seqno that need not be replayed; 0 for a whole ledger. */
  readonly seqno: Seqno;
  /** For a first reading, which may change what it is given. @throws as `startWith` */
  inTheClear(): PublicStart;
  /** There when it was read of a file, and verified. */
  readonly file?: StartFile;
  /** The state to begin with; the secrets open what is private in the snapshot. */
  open(secrets: LedgerSecrets): Promise<VerifierStart<Store>>;
}

/** The state of a snapshot, opened as far as there is a secret for it. */
export interface OpenedState<Store extends VerifiedStore> extends Pick<VerifierStart, 'unopened'> {
  readonly store: Store;
}

/**
 * A ledger from its first transaction.
 * @param openStore gives an empty state
 * @throws FormatError `CHUNK_GAP` when that is gone
 */
export function startOfLedger<Store extends VerifiedStore>(
  ledger: Pick<LedgerDirectory, 'directory' | 'first'>,
  openStore: () => Store,
): ReplayStart<Store> {
  if (ledger.first !== 1) {
    throw new FormatError(
      'CHUNK_GAP',
      `the ledger in ${ledger.directory} begins at seqno ${ledger.first}: start from a snapshot of seqno ${ledger.first - 1} or later (--from)`,
      { file: ledger.directory, seqno: ledger.first, expected: 1 },
    );
  }
  return {
    seqno: toSeqno(0),
    inTheClear: publicGenesis,
    open: async () => genesis(new IdentityRegister(), openStore()),
  };
}

/** Before the first transaction. */
export function publicGenesis(): PublicStart {
  return genesis(new IdentityRegister(), undefined);
}

/**
 * What is behind a snapshot that was verified, however its state comes to be there.
 * @param open opens the state under the secret in force at its seqno, if that is known
 * @throws VerificationError `TREE_MISMATCH`; FormatError `BAD_TREE`
 */
export function startWith<Store extends VerifiedStore>(
  content: SnapshotContent,
  open: (secret: Uint8Array | undefined) => Promise<OpenedState<Store>>,
): ReplayStart<Store> {
  const own = publicStartOf(content);
  return {
    seqno: content.seqno,
    inTheClear: () => publicStartOf(content),
    open: async (secrets) => ({ ...own, ...(await open(secrets.secretAt(content.seqno))) }),
  };
}

function publicStartOf(content: SnapshotContent): PublicStart {
  return {
    seqno: content.seqno,
    view: toView(content.viewHistory.length),
    tree: treeOf(content),
    viewHistory: content.viewHistory,
    register: IdentityRegister.fromSnapshot(content.publicMaps),
    maps: content.publicMaps,
  };
}

/** @throws VerificationError `GCM_TAG_MISMATCH` when the ledger's secret is not the snapshot's */
export async function orForeign<T>(file: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (cause) {
    if (!(cause instanceof VerificationError)) throw cause;
    const message = `${file}: the ledger's secret does not open it, it may be of another service`;
    throw new VerificationError(cause.code, message, { file, cause });
  }
}

/**
 * The tree as the snapshot's own signature transaction left it: its serialised form and its leaf. Without one a
 * snapshot may prove itself, but nothing can begin with it.
 * @throws VerificationError `TREE_MISMATCH`; FormatError `BAD_TREE`
 */
export function treeOf({ publicMaps, seqno, leaf }: SnapshotContent): MerkleTree {
  const written = liveSingleton(publicMaps, tables.tree);
  if (written === undefined || written.seqno !== seqno) {
    throw new VerificationError(
      'TREE_MISMATCH',
      `the snapshot of seqno ${seqno} does not hold the tree of its own signature transaction`,
      { seqno },
    );
  }
  const tree = readTableValue(written, () => MerkleTree.deserialise(written.value));
  if (tree.leafCount !== seqno) {
    throw new VerificationError(
      'TREE_MISMATCH',
      `the snapshot's tree has ${tree.leafCount} leaves`,
      {
        seqno,
        actual: tree.leafCount,
        expected: seqno,
      },
    );
  }
  tree.append(leaf);
  return tree;
}
