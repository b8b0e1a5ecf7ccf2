import { createPublicKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { fromUtf8 } from '../../src/core/bytes.ts';
import { assert } from '../../src/core/errors.ts';
import { type Seqno, seqno as toSeqno, view as toView, type View } from '../../src/core/words.ts';
import { openLedger } from '../../src/files/ledger/ledger-directory.ts';
import { decodeEnvelope, sealEntry } from '../../src/formats/entries/entry.ts';
import { chunkName, encodeChunk, parseChunkName } from '../../src/formats/entries/ledger-chunk.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import {
  decodePublicDomain,
  type EntryType,
  encodePrivateDomain,
  encodePublicDomain,
  entryLeaf,
  type MapWrites,
  mapWrites,
} from '../../src/formats/entries/write-set.ts';
import { encodeHistoricalSecret } from '../../src/formats/keys/ledger-secrets.ts';
import { encodeRecoveryShares } from '../../src/formats/keys/recovery-shares.ts';
import { commitEvidence, commitEvidenceDigest } from '../../src/formats/merkle/commit-evidence.ts';
import { MerkleTree } from '../../src/formats/merkle/merkle-tree.ts';
import { isPrivateMap } from '../../src/formats/snapshot/snapshot-body.ts';
import type { FileSystem } from '../../src/io/file-system.ts';
import { type MadeService, makeService } from '../formats/make-snapshot-file.ts';
import { makeShares } from './make-members.ts';
import { SeededRandomness } from './make-random.ts';
import { signAsNode, signAsService, signatureTables } from './make-signatures.ts';
import { joinChanges, nodeJoins, serviceInfo, singleton } from './make-tables.ts';
import { plant } from './node-host.ts';

/** An entry of a ledger as anybody can read it, real or forged. */
export interface ReadableEntry {
  readonly seqno: Seqno;
  readonly view: View;
  readonly bytes: Uint8Array;
  /** What it writes in the clear; of a forged one also what is private. */
  readonly maps: readonly MapWrites[];
  readonly isSignature: boolean;
}

export interface ForgedEntryOptions {
  /** What it is sealed under. @default the attacker's secret */
  readonly secret?: Uint8Array;
  /** @default that of the entry before */
  readonly view?: View;
  /** @default 4 */
  readonly type?: EntryType;
  /** @default 32 zero bytes */
  readonly claims?: Uint8Array;
  /** Digest of the commit evidence. @default right under the secret */
  readonly evidenceDigest?: Uint8Array;
  /** @default 0 */
  readonly flags?: number;
}

export interface ForgedSignatureOptions extends ForgedEntryOptions {
  /** Who signs. @default the attacker's service and node */
  readonly identity?: MadeService;
  /** @default true */
  readonly node?: boolean;
  /** @default true */
  readonly cose?: boolean;
}

/**
 * How a forged chunk lies there: growing, complete and not yet renamed, or with the name of a committed
 * one.
 */
export type ForgedChunk = 'open' | 'complete' | 'committed';

/**
 * An attacker who can read and write a ledger's directory, and holds no key of the service: all that he
 * has beside keys and secrets of his own making lies in the clear in the ledger.
 */
export class LedgerForger {
  /** All entries, the real ones first. */
  readonly entries: ReadableEntry[] = [];
  /** His own service and node. */
  readonly identity: MadeService;
  /** His own ledger secret. */
  readonly secret: Uint8Array;
  readonly directory: string;
  readonly #fileSystem: FileSystem;
  readonly #randomness: SeededRandomness;
  readonly #tree = MerkleTree.genesis();
  /** Leading entries that lie on disk as they are here. */
  #unchanged = 0;

  private constructor(fileSystem: FileSystem, directory: string, seed: string) {
    this.#fileSystem = fileSystem;
    this.directory = directory;
    this.#randomness = new SeededRandomness(seed);
    this.identity = makeService(`attacker ${seed}`, 'P-384');
    this.secret = this.#randomness.bytes(32);
  }

  /** Reads a ledger that begins at seqno 1. @param seed names the attacker */
  static async read(
    fileSystem: FileSystem,
    directory: string,
    seed = 'mallory',
  ): Promise<LedgerForger> {
    const forger = new LedgerForger(fileSystem, directory, seed);
    const ledger = await openLedger(fileSystem, directory);
    for await (const { bytes } of ledger.entries()) forger.#add(bytes);
    forger.#unchanged = forger.entries.length;
    return forger;
  }

  get last(): ReadableEntry {
    const last = this.entries.at(-1);
    assert(last !== undefined, 'a ledger has an entry');
    return last;
  }

  get next(): Seqno {
    return toSeqno(this.entries.length + 1);
  }

  get lastSignature(): Seqno {
    return this.entries.findLast(({ isSignature }) => isSignature)?.seqno ?? toSeqno(0);
  }

  /** The members to whom a secret can be shared: their public keys lie in the ledger. */
  get members(): readonly { readonly id: string; readonly publicKey: KeyObject }[] {
    const pems = new Map<string, string>();
    for (const { maps } of this.entries) {
      const { writes = [] } = mapWrites({ maps }, tables.memberEncryptionKeys) ?? {};
      for (const { key, value } of writes) pems.set(fromUtf8(key), fromUtf8(value));
    }
    return [...pems].map(([id, pem]) => ({ id, publicKey: createPublicKey(pem) }));
  }

  /** Forgets the entries above a seqno. */
  truncate(seqno: number): void {
    this.entries.length = seqno;
    this.#tree.retract(toSeqno(seqno + 1));
    this.#unchanged = Math.min(this.#unchanged, seqno);
  }

  /** Appends a well-formed entry; tables are private unless their names begin with `public:`. */
  append(changes: readonly MapWrites[], options: ForgedEntryOptions = {}): Seqno {
    const { secret = this.secret, type = 4, flags = 0 } = options;
    const { next: seqno } = this;
    const { view = this.entries.at(-1)?.view ?? toView(2) } = options;
    const { claims = new Uint8Array(32) } = options;
    const evidence =
      options.evidenceDigest ?? commitEvidenceDigest(commitEvidence(secret, { view, seqno }));
    const maps = joinChanges(changes);
    const publicDomain = encodePublicDomain({
      type,
      seqno,
      claimsDigest: type === 2 || type === 4 ? claims : undefined,
      commitEvidenceDigest: type === 3 || type === 4 ? evidence : undefined,
      maxConflictVersion: 0,
      maps: maps.filter(({ name }) => !isPrivateMap(name)),
    });
    const privatePlain = encodePrivateDomain(maps.filter(({ name }) => isPrivateMap(name)));
    this.#add(sealEntry({ secret, flags, seqno, view, publicDomain, privatePlain }), maps);
    return seqno;
  }

  /** Appends the bytes of an entry of elsewhere. */
  #add(bytes: Uint8Array, maps?: readonly MapWrites[]): void {
    const { seqno, view, publicDomain } = decodeEnvelope(bytes);
    const domain = decodePublicDomain(publicDomain);
    const isSignature = [tables.signatures, tables.coseSignatures].some(
      (table) => mapWrites(domain, table) !== undefined,
    );
    this.#tree.append(entryLeaf(bytes, domain));
    this.entries.push({ seqno, view, bytes, maps: maps ?? domain.maps, isSignature });
  }

  /** Appends a signature transaction over everything before it, under keys of his own. */
  async sign(options: ForgedSignatureOptions = {}): Promise<Seqno> {
    const { identity = this.identity, node = true, cose = true } = options;
    const { view = this.entries.at(-1)?.view ?? toView(2) } = options;
    const place = {
      tree: this.#tree,
      identity,
      seqno: this.next,
      view,
      lastSignature: this.lastSignature,
      isOldRelease: false,
    };
    const values = {
      node: node ? await signAsNode(place) : undefined,
      cose: cose ? await signAsService(place) : undefined,
      tree: this.#tree.serialise({ flushed: this.lastSignature }),
    };
    return this.append(signatureTables(values), options);
  }

  /** A change to his own secret, without a word of the one before, and shares of it. */
  ownSecret(nextVersion: Seqno | undefined = this.next): readonly MapWrites[] {
    const record = encodeHistoricalSecret(nextVersion === undefined ? {} : { nextVersion });
    return [singleton(tables.historicalSecrets, record), this.ownShares()];
  }

  /** Shares of his own secret under the members' public keys, each of which is enough. */
  ownShares(threshold = 1): MapWrites {
    const options = { form: 'limbs', secret: this.secret, members: this.members } as const;
    const shares = makeShares({ ...options, threshold, randomness: this.#randomness });
    return singleton(tables.recoveryShares, encodeRecoveryShares(shares));
  }

  /** His own service in place of the real one, and his own node as one that it endorses. */
  ownIdentity(status: 'Opening' | 'Open' | 'Recovering' = 'Open'): readonly MapWrites[] {
    return [this.ownService(status), ...this.ownNode()];
  }

  ownService(status: 'Opening' | 'Open' | 'Recovering' = 'Open', createTxId = this.#nextTxId()) {
    const { serviceCertificate: certificate } = this.identity;
    return serviceInfo({ certificate, status, createTxId });
  }

  /** What the real service last said of itself and its nodes: all certificates are public. */
  realIdentity(): readonly MapWrites[] {
    return [tables.serviceInfo, tables.nodesInfo, tables.endorsedCertificates].flatMap((name) => {
      const said = this.entries.flatMap(({ maps }) => mapWrites({ maps }, name) ?? []);
      return said.slice(-1);
    });
  }

  ownNode(): readonly MapWrites[] {
    return nodeJoins(this.identity.nodeCertificate, false);
  }

  #nextTxId() {
    return { view: this.entries.at(-1)?.view ?? toView(2), seqno: this.next };
  }

  /**
   * Puts what he has on disk. Chunks that he has not touched stay; the rest becomes one, together with what
   * lay in the open chunk, or `apart` from it.
   */
  async write(how: ForgedChunk = 'open', where: 'joined' | 'apart' = 'joined'): Promise<string> {
    const first = where === 'apart' ? toSeqno(this.#unchanged + 1) : await this.#removeTouched();
    const entries = this.entries.slice(first - 1);
    const last = this.entries.at(-1)?.seqno ?? first;
    const name = how === 'committed' ? chunkName(first, last, true) : chunkName(first);
    const bytes = encodeChunk(
      entries.map((entry) => entry.bytes),
      { complete: how !== 'open' },
    );
    await plant(this.#fileSystem, join(this.directory, name), bytes);
    this.#unchanged = this.entries.length;
    return name;
  }

  /** Removes the chunks that end in an entry he has changed, and an open one; the first seqno of the rest. */
  async #removeTouched(): Promise<Seqno> {
    let first = toSeqno(this.#unchanged + 1);
    for (const { name } of await this.#fileSystem.list(this.directory)) {
      const chunk = parseChunkName(name);
      const end = chunk?.last ?? Number.POSITIVE_INFINITY;
      if (chunk === undefined || end <= this.#unchanged) continue;
      await this.#fileSystem.remove(join(this.directory, name));
      first = toSeqno(Math.min(first, chunk.first));
    }
    return first;
  }
}
