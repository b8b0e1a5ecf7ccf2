import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { toHex } from '../../src/core/bytes.ts';
import type { FrozenState, SnapshotSource } from '../../src/core/host-ports.ts';
import { type Digest, type Seqno, seqno as toSeqno, view as toView } from '../../src/core/words.ts';
import { sealEntry, writeSetDigest } from '../../src/formats/entries/entry.ts';
import {
  encodeServiceInfo,
  encodeSnapshotEvidence,
  tables,
} from '../../src/formats/entries/tables.ts';
import {
  encodePublicDomain,
  entryLeaf,
  type MapWrites,
  type PublicDomain,
  singletonKey,
} from '../../src/formats/entries/write-set.ts';
import { createCertificate } from '../../src/formats/keys/certificate.ts';
import { commitEvidence, commitEvidenceDigest } from '../../src/formats/merkle/commit-evidence.ts';
import { MerkleTree } from '../../src/formats/merkle/merkle-tree.ts';
import { signRootSignature } from '../../src/formats/signatures/root-signature.ts';
import type { Snapshotter } from '../../src/snapshotter/create-snapshotter.ts';
import { ReferenceStore } from '../../src/store/heap/reference-store.ts';

const view = toView(2);

/** A host as small as can be: a log in memory with a store, a tree and a service key of its own. */
export class LogHost implements SnapshotSource {
  readonly key: KeyObject;
  readonly secret = new Uint8Array(32).fill(7);
  readonly certificate: string;
  readonly #store = new ReferenceStore();
  readonly #tree = MerkleTree.genesis();
  #leaf = new Uint8Array(32);
  #last = 0;
  frozen = 0;
  released = 0;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
    this.key = privateKey;
    const subject = 'CCF Network';
    this.certificate = createCertificate(
      {
        subject,
        publicKey,
        serial: new Uint8Array(16).fill(1),
        notBeforeMs: 0,
        notAfterMs: 4e12,
        ca: true,
      },
      { subject, key: privateKey },
    ).pem;
    const value = encodeServiceInfo({ certificate: this.certificate, status: 'Open' });
    this.append([
      { name: tables.serviceInfo, writes: [{ key: singletonKey, value }], removes: [] },
    ]);
  }

  get last(): Seqno {
    return toSeqno(this.#last);
  }

  freeze(): FrozenState {
    this.frozen++;
    return {
      tables: [...this.#store.freeze().values()],
      leaf: this.#leaf,
      viewHistory: [1, 1],
      release: () => {
        this.released++;
      },
    };
  }

  /** Appends a transaction and tells its entry. */
  append(maps: readonly MapWrites[], claimsDigest = new Uint8Array(32)): Uint8Array {
    const seqno = toSeqno(++this.#last);
    const domain: PublicDomain = {
      type: 4,
      seqno,
      claimsDigest,
      commitEvidenceDigest: commitEvidenceDigest(this.#commitEvidence(seqno)),
      maxConflictVersion: 0,
      maps,
    };
    const publicDomain = encodePublicDomain(domain);
    const { secret } = this;
    const privatePlain = new Uint8Array(0);
    const entry = sealEntry({ secret, seqno, view, publicDomain, privatePlain });
    this.#store.apply(seqno, maps);
    this.#leaf = new Uint8Array(entryLeaf(entry, domain));
    this.#tree.append(this.#leaf);
    return entry;
  }

  write(key: string, value: string): void {
    const writes = [{ key: Buffer.from(key), value: Buffer.from(value) }];
    this.append([{ name: 'public:app.records', writes, removes: [] }]);
  }

  /**
   * Appends a signature transaction and tells the snapshotter of it, in the order of the contract; of its tree the
   * leaves from `flushed` on, and of its signature nothing where there is none.
   */
  async sign(
    snapshotter: Snapshotter,
    { flushed = 0, isSigned = true }: { flushed?: number; isSigned?: boolean } = {},
  ): Promise<boolean> {
    const seqno = toSeqno(this.#last + 1);
    const claims = { iat: 1, iss: 'test', sub: 'ledger', txId: { view, seqno } };
    const signature = await signRootSignature(this.#tree.root(), claims, this.key);
    const tree = this.#tree.serialise({ flushed });
    const isPoint = snapshotter.recordCommittable(seqno);
    const writes = [{ key: singletonKey, value: tree }];
    this.append([{ name: tables.tree, writes, removes: [] }]);
    if (isSigned) snapshotter.recordSignature(seqno, signature);
    snapshotter.recordTree(seqno, tree);
    return isPoint;
  }

  /** Appends the evidence transaction and tells the snapshotter of it. */
  recordEvidence(
    snapshotter: Snapshotter,
    { snapshotSeqno, digest }: { snapshotSeqno: Seqno; digest: Digest },
  ): Seqno {
    const value = encodeSnapshotEvidence({ version: snapshotSeqno, hash: digest });
    const writes = [{ key: singletonKey, value }];
    const entry = this.append(
      [{ name: tables.snapshotEvidence, writes, removes: [] }],
      new Uint8Array(Buffer.from(digest, 'hex')),
    );
    const seqno = this.last;
    snapshotter.recordEvidence(seqno, {
      snapshotSeqno,
      digest,
      writeSetDigest: writeSetDigest(entry),
      commitEvidence: this.#commitEvidence(seqno),
    });
    return seqno;
  }

  rootHex(): string {
    return toHex(this.#tree.root());
  }

  #commitEvidence(seqno: Seqno): string {
    return commitEvidence(this.secret, { view, seqno });
  }
}
