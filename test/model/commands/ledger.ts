import { generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto';
import { toHex } from '../../../src/core/bytes.ts';
import type { FrozenState } from '../../../src/core/host-ports.ts';
import {
  type Digest,
  digest,
  type Seqno,
  seqno as toSeqno,
  view as toView,
} from '../../../src/core/words.ts';
import { encodeCbor } from '../../../src/formats/encoding/cbor.ts';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import { sealEntry, writeSetDigest } from '../../../src/formats/entries/entry.ts';
import { encodeSnapshotEvidence, tables } from '../../../src/formats/entries/tables.ts';
import {
  encodePublicDomain,
  entryLeaf,
  type MapWrites,
  type PublicDomain,
  singletonKey,
} from '../../../src/formats/entries/write-set.ts';
import { keyIdOf } from '../../../src/formats/keys/ec-key.ts';
import {
  commitEvidence,
  commitEvidenceDigest,
} from '../../../src/formats/merkle/commit-evidence.ts';
import { MerkleTree } from '../../../src/formats/merkle/merkle-tree.ts';
import { encodeCoseSign1 } from '../../../src/formats/signatures/cose-sign1.ts';
import { rootSignatureHeader } from '../../../src/formats/signatures/root-signature.ts';
import { encodeSnapshot } from '../../../src/formats/snapshot/snapshot-body.ts';
import { ownContent } from '../../../src/serialising/release-candidates.ts';
import type { Snapshotter } from '../../../src/snapshotter/create-snapshotter.ts';
import type { RecordedEvidence } from '../../../src/snapshotter/host-input.ts';
import { ReferenceStore, type StoreTable } from '../../../src/store/heap/reference-store.ts';

const view = toView(2);
const emptyBytes = new Uint8Array(0);
const noClaims = new Uint8Array(32);

/** What stands at one seqno of the log, and the state after it. */
export interface LogEntry {
  readonly kind: 'transaction' | 'evidence' | 'signature';
  readonly leaf: Uint8Array;
  readonly tables: ReadonlyMap<string, StoreTable>;
  /** Of an evidence transaction. */
  readonly evidence?: { readonly snapshotSeqno: Seqno; readonly digest: Digest };
  /** Of a signature transaction: the message as recorded, and whether signature and tree are true. */
  readonly signature?: { readonly message: Uint8Array; readonly isTrue: boolean };
}

/** What is wrong with a signature transaction. */
export type Flaw = 'none' | 'signature' | 'tree';

/** P-256 verifies in a tenth of the time of P-384; one key serves every run, for what it signs differs. */
const keys = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const strangers = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

/** The name of the key in every signature's header: exporting a key takes longer than signing with it. */
const keyId = keyIdOf(keys.publicKey);

/**
 * A replicated log as small as can be, which can be rolled back: each entry keeps the state after it. Every
 * call is synchronous, so that whatever happens between two calls is the snapshotter's own doing.
 */
export class Ledger {
  readonly key = keys.privateKey;
  readonly publicKey = keys.publicKey;
  readonly secret = new Uint8Array(32).fill(7);
  readonly #tree = MerkleTree.genesis();
  #entries: LogEntry[] = [];
  /** Counts the branches, so that the same seqno has another content in each. */
  #branch = 0;

  get last(): Seqno {
    return toSeqno(this.#entries.length);
  }

  entryAt(seqno: number): LogEntry | undefined {
    return this.#entries[seqno - 1];
  }

  /** Whether a true signature transaction lies in (from, to]. */
  hasSignature(from: number, to: number): boolean {
    return this.#entries.slice(from, to).some(({ signature }) => signature?.isTrue === true);
  }

  write(): void {
    const key = Buffer.from(`k${this.last % 5}`);
    const value = Buffer.from(`${this.last + 1} of branch ${this.#branch}`);
    this.#append('transaction', [
      { name: 'public:app.records', writes: [{ key, value }], removes: [] },
    ]);
  }

  /** Appends the evidence transaction and says what the host would record of it. */
  appendEvidence(
    snapshotSeqno: Seqno,
    claim: Digest,
  ): { seqno: Seqno; evidence: RecordedEvidence } {
    const value = encodeSnapshotEvidence({ version: snapshotSeqno, hash: claim });
    const maps = [
      {
        name: tables.snapshotEvidence,
        writes: [{ key: singletonKey, value }],
        removes: [],
      },
    ];
    const claims = new Uint8Array(Buffer.from(claim, 'hex'));
    const entry = this.#append(
      'evidence',
      maps,
      { evidence: { snapshotSeqno, digest: claim } },
      claims,
    );
    return {
      seqno: this.last,
      evidence: {
        snapshotSeqno,
        digest: claim,
        writeSetDigest: writeSetDigest(entry),
        commitEvidence: commitEvidence(this.secret, { view, seqno: this.last }),
      },
    };
  }

  /** Appends a signature transaction and tells the snapshotter of it, in the order of the contract. */
  sign(snapshotter: Snapshotter, isPrimary: boolean, flaw: Flaw = 'none'): boolean {
    const seqno = toSeqno(this.last + 1);
    const key = flaw === 'signature' ? strangers.privateKey : this.key;
    const message = signRoot(this.#tree.root(), seqno, key);
    const right = this.#tree.serialise();
    const tree = flaw === 'tree' ? otherTree(right) : right;
    const isPoint = isPrimary && snapshotter.recordCommittable(seqno);
    const writes = [{ key: singletonKey, value: new Uint8Array(8) }];
    const signature = { message, isTrue: flaw === 'none' };
    this.#append('signature', [{ name: tables.tree, writes, removes: [] }], { signature });
    snapshotter.recordSignature(seqno, message);
    snapshotter.recordTree(seqno, tree);
    return isPoint;
  }

  freeze(seqno: Seqno, release: () => void): FrozenState {
    return { ...this.#stateAt(seqno), release };
  }

  /** The digest that a snapshot of this seqno must have, out of the log's own state. */
  digestAt(seqno: Seqno): Digest {
    const { tables: frozen, leaf, viewHistory } = this.#stateAt(seqno);
    const drawn = frozen.map(({ name, version, live }) => ({
      name,
      version,
      live: [...live.records()],
      tombstones: [],
    }));
    const content = ownContent({ seqno, leaf, viewHistory, tables: drawn });
    return digest(toHex(sha256(encodeSnapshot(content, this.secret))));
  }

  rollback(seqno: number): void {
    if (seqno === this.last) return;
    this.#entries = this.#entries.slice(0, seqno);
    this.#tree.retract(seqno + 1);
    this.#branch++;
  }

  #stateAt(seqno: number) {
    const entry = this.entryAt(seqno);
    if (entry === undefined) throw new RangeError(`the log has no seqno ${seqno}`);
    return { tables: [...entry.tables.values()], leaf: entry.leaf, viewHistory: [1, 1] };
  }

  #append(
    kind: LogEntry['kind'],
    maps: readonly MapWrites[],
    more: Pick<LogEntry, 'evidence' | 'signature'> = {},
    claimsDigest = noClaims,
  ): Uint8Array {
    const seqno = toSeqno(this.last + 1);
    const domain: PublicDomain = {
      type: 4,
      seqno,
      claimsDigest,
      commitEvidenceDigest: commitEvidenceDigest(commitEvidence(this.secret, { view, seqno })),
      maxConflictVersion: 0,
      maps,
    };
    const publicDomain = encodePublicDomain(domain);
    const { secret } = this;
    const entry = sealEntry({ secret, seqno, view, publicDomain, privatePlain: emptyBytes });
    const store = ReferenceStore.fromTables(this.entryAt(this.last)?.tables ?? new Map());
    store.apply(seqno, maps);
    const leaf = new Uint8Array(entryLeaf(entry, domain));
    this.#tree.append(leaf);
    this.#entries.push({ kind, leaf, tables: store.freeze(), ...more });
    return entry;
  }
}

/** Signed on this thread: a test that runs thousands of logs waits for no thread pool. */
function signRoot(root: Uint8Array, seqno: Seqno, key: KeyObject): Uint8Array {
  const header = rootSignatureHeader({
    alg: -7,
    kid: keyId,
    iat: 1,
    iss: 'test',
    sub: 'ledger',
    txId: { view, seqno },
  });
  const protectedBytes = encodeCbor(header);
  const input = encodeCbor(['Signature1', protectedBytes, emptyBytes, root]);
  const signature = new Uint8Array(signBytes('sha256', input, { key, dsaEncoding: 'ieee-p1363' }));
  return encodeCoseSign1({ protectedBytes, payload: undefined, signature });
}

/** A tree of as many leaves, the last of which is another. */
function otherTree(bytes: Uint8Array): Uint8Array {
  const other = bytes.slice();
  const at = other.length - 1;
  other[at] = (other[at] ?? 0) ^ 1;
  return other;
}
