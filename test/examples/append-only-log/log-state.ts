import { createPublicKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { MerkleTree, verifyRootSignature } from '../../../src/host-formats.ts';
import {
  type FrozenState,
  findSnapshots,
  LedgerSnapshotterError,
  type Seqno,
  type SnapshotVerification,
  seqno as toSeqno,
  type VerifySnapshotOptions,
  verifySnapshot,
} from '../../../src/index.ts';
import { type Entry, type Line, proofOf } from './entry.ts';
import { VersionedMap } from './versioned-map.ts';

/** The one table that a snapshot has of this log. */
const table = 'public:app.records';

/** What is in memory of a log: the records, the Merkle tree, and where it stands. */
export class LogState {
  readonly records = new VersionedMap();
  /** Leaf i is of seqno i. */
  readonly tree: MerkleTree;
  last: Seqno;
  /** The last signature: everything up to it is committed. */
  committed = toSeqno(0);
  readonly #viewHistory: number[];

  constructor(tree = MerkleTree.genesis(), viewHistory: readonly number[] = []) {
    this.tree = tree;
    this.last = toSeqno(tree.leafCount - 1);
    this.#viewHistory = [...viewHistory];
  }

  apply({ view, seqno, put = {} }: Entry, leaf: Uint8Array): void {
    this.tree.append(leaf);
    this.last = seqno;
    for (const [key, value] of Object.entries(put)) {
      this.records.put(seqno, key, value ?? undefined);
    }
    while (this.#viewHistory.length < view) this.#viewHistory.push(seqno);
  }

  rollback(seqno: Seqno): void {
    this.records.rollback(seqno);
    this.tree.retract(seqno + 1);
    this.last = seqno;
    while ((this.#viewHistory.at(-1) ?? 0) > seqno) this.#viewHistory.pop();
  }

  commit(seqno: Seqno): void {
    this.committed = seqno;
    this.records.compact(seqno);
    this.tree.flush(seqno);
  }

  freeze(): FrozenState {
    const { table: frozen, release } = this.records.freeze(this.last, table);
    const leaf = this.tree.leafAt(this.last);
    return { tables: [frozen], leaf, viewHistory: [...this.#viewHistory], release };
  }
}

/** The newest snapshot of a directory that verifies; what does not is passed over. */
export async function newestSnapshot(
  directory: string,
  options: VerifySnapshotOptions,
): Promise<SnapshotVerification | undefined> {
  for (const { file, ignored } of await findSnapshots(directory)) {
    if (ignored !== undefined) continue;
    try {
      return await verifySnapshot(join(directory, file), options);
    } catch (error) {
      if (!(error instanceof LedgerSnapshotterError)) throw error;
    }
  }
  return undefined;
}

/**
 * Brings a state back: from a snapshot, and the lines after it. Of those before it nothing is needed.
 * @throws Error when a line is missing, or a snapshot is of another log
 * @throws VerificationError `SIG_INVALID` when the lines are not those that were signed
 */
export async function restore(
  lines: readonly Line[],
  snapshot: SnapshotVerification | undefined,
  { serviceKey, secret }: LogKeys,
): Promise<LogState> {
  const identity = createPublicKey(serviceKey);
  const start = snapshot && lines.find(({ entry }) => entry.seqno === snapshot.seqno);
  const state = snapshot ? atSnapshot(snapshot, start, secret) : new LogState();
  if (start) await verifyRoot(treeOf(start), start, identity);
  for (const line of lines.filter(({ entry }) => entry.seqno > state.last)) {
    const { seqno, signature } = line.entry;
    if (seqno !== state.last + 1) throw new Error(`the log has no line for ${state.last + 1}`);
    if (signature) await verifyRoot(state.tree, line, identity);
    state.apply(line.entry, proofOf(line, secret).leaf);
    if (signature) state.commit(seqno);
  }
  return state;
}

/** A snapshot is of a signature, and the line of that has the tree before it. */
function atSnapshot(
  { seqno, content }: SnapshotVerification,
  line: Line | undefined,
  secret: Uint8Array,
): LogState {
  const leaf = line && proofOf(line, secret).leaf;
  if (!line || leaf?.join() !== content.leaf.join()) {
    throw new Error(`the snapshot of ${seqno} is not of this log`);
  }
  const tree = treeOf(line);
  tree.append(leaf);
  const state = new LogState(tree, content.viewHistory);
  const map = content.publicMaps.find(({ name }) => name === table);
  if (map) state.records.restore(map.version, map.records);
  state.commit(seqno);
  return state;
}

async function verifyRoot(tree: MerkleTree, { entry }: Line, identity: KeyObject): Promise<void> {
  await verifyRootSignature(bytesOf(entry.signature?.cose), identity, tree.root());
}

const treeOf = ({ entry }: Line): MerkleTree =>
  MerkleTree.deserialise(bytesOf(entry.signature?.tree));

const bytesOf = (base64 = ''): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

export interface LogKeys {
  /** P-384 or P-256, private: it signs; under its public half snapshots are verified. */
  readonly serviceKey: KeyObject;
  /** 32 bytes, for ever the same: it makes commit evidence, and would encrypt private tables. */
  readonly secret: Uint8Array;
}
