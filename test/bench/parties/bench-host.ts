import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { fromHex, toHex } from '../../../src/core/bytes.ts';
import type { EvidenceLog, FrozenState, SnapshotSource } from '../../../src/core/host-ports.ts';
import { type Digest, digest, type Seqno, seqno, view } from '../../../src/core/words.ts';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import { sealEntry, writeSetDigest } from '../../../src/formats/entries/entry.ts';
import {
  encodeServiceInfo,
  encodeSnapshotEvidence,
  tables,
} from '../../../src/formats/entries/tables.ts';
import {
  encodePublicDomain,
  entryLeaf,
  type KeyValue,
  type MapWrites,
  singletonKey,
} from '../../../src/formats/entries/write-set.ts';
import { createCertificate } from '../../../src/formats/keys/certificate.ts';
import {
  commitEvidence,
  commitEvidenceDigest,
} from '../../../src/formats/merkle/commit-evidence.ts';
import { MerkleTree } from '../../../src/formats/merkle/merkle-tree.ts';
import { signRootSignature } from '../../../src/formats/signatures/root-signature.ts';
import { encodeSnapshot } from '../../../src/formats/snapshot/snapshot-body.ts';
import { ownContent } from '../../../src/serialising/release-candidates.ts';
import type { Snapshotter } from '../../../src/snapshotter/create-snapshotter.ts';
import type { RecordedEvidence } from '../../../src/snapshotter/host-input.ts';
import type { SharedFrozen } from '../../../src/store/shared/shared-frozen.ts';
import { SharedStore } from '../../../src/store/shared/shared-store.ts';
import { type Shape, ShapedData } from '../data.ts';
import { ownCpuNs } from '../on-cpu.ts';

const firstView = view(2);
const viewHistory = [1, 1];
const perTransaction = 100;

/** When a generation passed what it is timed by, on the clock of `performance.now()`. */
export interface Marks {
  freezeMs: number;
  /** The freeze alone. */
  freezeUs: number;
  digestMs: number;
  releaseMs: number;
  digestCpuMs: number;
}

/** What follows a snapshot in the log, made but not applied. */
interface Answer {
  /** Of the evidence; the signature's is the next. */
  readonly at: Seqno;
  readonly maps: readonly MapWrites[];
  readonly recorded: RecordedEvidence;
  readonly signature: Uint8Array;
  readonly tree: Uint8Array;
}

/**
 * A service with a big state, whose log is in memory and of which only the evidence and signature transactions are real
 * entries: it answers a submission at once, so that a generation waits for nothing but us.
 */
export class BenchHost implements SnapshotSource, EvidenceLog {
  readonly secret = new Uint8Array(32).fill(7);
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
  readonly data: ShapedData;
  readonly store = new SharedStore(seqno(0), []);
  readonly marks: Marks = { freezeMs: 0, freezeUs: 0, digestMs: 0, releaseMs: 0, digestCpuMs: 0 };
  readonly #tree = MerkleTree.genesis();
  #leaf = new Uint8Array(32);
  #updates = 0;
  #foreseen: Answer | undefined;
  /** While a root is being signed, nothing is appended. */
  #isSigning = false;
  #snapshotter: Snapshotter | undefined;

  constructor(shape: Shape) {
    this.data = new ShapedData(shape);
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
    this.key = privateKey;
    this.publicKey = publicKey;
    const value = encodeServiceInfo({ certificate: this.#certificate(), status: 'Open' });
    this.#apply([singleton(tables.serviceInfo, value)]);
  }

  #certificate(): string {
    const subject = 'bench';
    const serial = new Uint8Array(16).fill(1);
    const valid = { serial, notBeforeMs: 0, notAfterMs: 4e12, ca: true };
    const { publicKey, key } = this;
    return createCertificate({ subject, publicKey, ...valid }, { subject, key }).pem;
  }

  /** Whom the host tells of its log. */
  attach(snapshotter: Snapshotter): void {
    this.#snapshotter = snapshotter;
  }

  get last(): Seqno {
    return this.store.seqno;
  }

  /** Writes every entry of the shape. */
  fill(): void {
    const { shape } = this.data;
    const { entries, tables: count } = shape;
    for (let table = 0; table < count; table++) {
      let writes: KeyValue[] = [];
      for (let i = table; i < entries; i += count) {
        writes.push({ key: this.data.keyOf(i), value: this.data.valueOf(i) });
        if (writes.length < perTransaction && i + count < entries) continue;
        this.#apply([{ name: this.data.tableName(table), writes, removes: [] }]);
        writes = [];
      }
    }
    this.compact();
  }

  /** One transaction of a hundred updates, unless a root is being signed. */
  update(): void {
    if (this.#isSigning) return;
    const writes: KeyValue[] = [];
    const table = Math.floor(this.#updates / perTransaction) % this.data.shape.tables;
    for (let i = 0; i < perTransaction; i++) {
      const at = this.data.updatedBy(this.#updates++);
      const index = at - (at % this.data.shape.tables) + table;
      const found = index < this.data.shape.entries ? index : table;
      writes.push({
        key: this.data.keyOf(found),
        value: this.data.valueOf(found, this.#updates),
      });
    }
    this.#apply([{ name: this.data.tableName(table), writes, removes: [] }]);
    this.compact();
  }

  get updates(): number {
    return this.#updates;
  }

  /** What is applied needs no rollback any more. */
  compact(): void {
    this.store.compact(this.store.seqno);
  }

  /** Applies what is in no real entry: its leaf is its seqno. */
  #apply(maps: readonly MapWrites[]): void {
    const next = seqno(this.store.seqno + 1);
    this.store.apply(next, maps);
    const leaf = new Uint8Array(32);
    new DataView(leaf.buffer).setFloat64(0, next);
    this.#leaf = leaf;
    this.#tree.append(leaf);
  }

  freeze(): FrozenState {
    this.marks.freezeMs = performance.now();
    const held = this.store.freeze();
    this.marks.freezeUs = (performance.now() - this.marks.freezeMs) * 1000;
    return sharedState(held, this.#leaf);
  }

  /**
   * Appends a signature transaction that is a snapshot point, and commits it: the state is frozen in between.
   * @param isForeseen the host reckons the digest itself beforehand, so that the answer is ready when it is asked: for
   * a state so small that the answer takes longer than its snapshot
   */
  async beginSnapshot({ isForeseen }: { readonly isForeseen: boolean }): Promise<void> {
    const snapshotter = this.#attached();
    snapshotter.force();
    const at = seqno(this.last + 1);
    const signature = await this.#signRoot(at);
    const tree = this.#tree.serialise({ flushed: this.last });
    if (!snapshotter.recordCommittable(at)) throw new Error('the signature is no snapshot point');
    this.#applySignature(tree);
    this.#foreseen = isForeseen ? await this.#makeAnswer(at, this.#foresee(at)) : undefined;
    snapshotter.recordSignature(at, signature);
    snapshotter.recordTree(at, tree);
    snapshotter.commit(at, { primary: true });
  }

  /** What the snapshot of the state now must come out as, by the encoder of the reference. */
  #foresee(at: Seqno): Digest {
    const drawn = [...this.store.tables.values()].map(({ name, version, live }) => ({
      name,
      version,
      live: [...live.records()],
      tombstones: [],
    }));
    const state = { seqno: at, leaf: this.#leaf, viewHistory, tables: drawn };
    return digest(toHex(sha256(encodeSnapshot(ownContent(state), this.secret))));
  }

  /** Appends evidence and signature and commits them, all before it answers. */
  async submit({
    snapshotSeqno,
    digest,
  }: {
    readonly snapshotSeqno: Seqno;
    readonly digest: Digest;
  }) {
    this.marks.digestMs = performance.now();
    this.marks.digestCpuMs = ownCpuNs() / 1e6;
    const answer = this.#foreseen ?? (await this.#makeAnswer(snapshotSeqno, digest));
    if (answer.recorded.digest !== digest) throw new Error(`not the digest foreseen: ${digest}`);
    this.marks.releaseMs = performance.now();
    const snapshotter = this.#attached();
    const { at } = answer;
    const signed = seqno(at + 1);
    snapshotter.recordEvidence(at, answer.recorded);
    snapshotter.recordCommittable(signed);
    snapshotter.recordSignature(signed, answer.signature);
    snapshotter.recordTree(signed, answer.tree);
    snapshotter.commit(signed, { primary: true });
    this.#applyAnswer(answer);
    return { seqno: at };
  }

  #attached(): Snapshotter {
    if (this.#snapshotter === undefined) throw new Error('no snapshotter is attached');
    return this.#snapshotter;
  }

  /** Evidence and signature as they follow the last transaction; of them, the tree has the evidence's leaf alone. */
  async #makeAnswer(snapshotSeqno: Seqno, digest: Digest): Promise<Answer> {
    const at = seqno(this.last + 1);
    const value = encodeSnapshotEvidence({ version: snapshotSeqno, hash: digest });
    const maps = [singleton(tables.snapshotEvidence, value)];
    const { entry, leaf } = this.#seal(at, maps, new Uint8Array(fromHex(digest)));
    this.#tree.append(leaf);
    const signature = await this.#signRoot(seqno(at + 1));
    const tree = this.#tree.serialise({ flushed: at });
    const digests = { writeSetDigest: writeSetDigest(entry), commitEvidence: this.#evidenceOf(at) };
    return { at, maps, signature, tree, recorded: { snapshotSeqno, digest, ...digests } };
  }

  #applyAnswer({ at, maps, tree }: Answer): void {
    this.store.apply(at, maps);
    this.#applySignature(tree);
  }

  #applySignature(tree: Uint8Array): void {
    const at = seqno(this.last + 1);
    const maps = [singleton(tables.tree, tree)];
    this.#leaf = this.#seal(at, maps).leaf;
    this.store.apply(at, maps);
    this.#tree.append(this.#leaf);
  }

  #seal(at: Seqno, maps: readonly MapWrites[], claimsDigest = new Uint8Array(32)) {
    const domain = {
      type: 4 as const,
      seqno: at,
      claimsDigest,
      commitEvidenceDigest: commitEvidenceDigest(this.#evidenceOf(at)),
      maxConflictVersion: 0,
      maps,
    };
    const publicDomain = encodePublicDomain(domain);
    const privatePlain = new Uint8Array(0);
    const { secret } = this;
    const entry = sealEntry({ secret, seqno: at, view: firstView, publicDomain, privatePlain });
    return { entry, leaf: new Uint8Array(entryLeaf(entry, domain)) };
  }

  /** Off this thread, as every host should; what follows at once belongs to the same transaction. */
  async #signRoot(at: Seqno): Promise<Uint8Array> {
    const claims = { iat: 1, iss: 'bench', sub: 'ledger', txId: { view: firstView, seqno: at } };
    this.#isSigning = true;
    try {
      return await signRootSignature(this.#tree.root(), claims, this.key);
    } finally {
      this.#isSigning = false;
    }
  }

  #evidenceOf(at: Seqno): string {
    return commitEvidence(this.secret, { view: firstView, seqno: at });
  }
}

const singleton = (name: string, value: Uint8Array): MapWrites => ({
  name,
  writes: [{ key: singletonKey, value }],
  removes: [],
});

/** The state as a source gives it: workers open it by themselves. */
function sharedState(held: SharedFrozen, leaf: Uint8Array): FrozenState {
  return {
    tables: held.tables,
    share: () => held.share(),
    leaf,
    viewHistory,
    release: () => held.release(),
  };
}
