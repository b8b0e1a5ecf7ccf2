import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { SimulatedClock } from 'xstate';
import type { Consensus } from '../../../src/consensus/consensus.ts';
import { SingleNode } from '../../../src/consensus/single-node.ts';
import type { Clock } from '../../../src/core/clock.ts';
import {
  type Seqno,
  seqno as toSeqno,
  view as toView,
  type View,
} from '../../../src/core/words.ts';
import { LedgerWriter } from '../../../src/files/ledger/ledger-writer.ts';
import { decodeEnvelope } from '../../../src/formats/entries/entry.ts';
import { decodeSnapshotEvidence, tables } from '../../../src/formats/entries/tables.ts';
import {
  decodePublicDomain,
  mapWrites,
  singletonValue,
} from '../../../src/formats/entries/write-set.ts';
import { createCertificate } from '../../../src/formats/keys/certificate.ts';
import { MerkleTree } from '../../../src/formats/merkle/merkle-tree.ts';
import { MemoryFileSystem } from '../../../src/io/memory-file-system.ts';
import { NodeLedger } from '../../../src/node/node-ledger.ts';
import { Sequencer } from '../../../src/node/sequencer.ts';
import { VersionedStore } from '../../../src/store/heap/versioned-store.ts';
import type {
  Evidence,
  EvidenceLogDriver,
  EvidenceRecorder,
} from '../../../src/testing/contracts/evidence-log-driver.ts';
import type { SignerDriver } from '../../../src/testing/contracts/signer-contract.ts';
import { RecordingSnapshotter } from './recording-snapshotter.ts';

const ecKey = () => generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey;
const service = ecKey();
const node = ecKey();
const secret = new Uint8Array(32).fill(7);
const certificate = createCertificate(
  {
    subject: 'CCF Node',
    publicKey: createPublicKey(node),
    serial: new Uint8Array(16).fill(1),
    notBeforeMs: 0,
    notAfterMs: 4e12,
    ca: false,
  },
  { subject: 'CCF Network', key: service },
);

/** An entry as the node's log has made it. */
interface Made {
  readonly leaf: Uint8Array;
  readonly bytes: Uint8Array;
  readonly view: View;
}

/** The node's sequencer with its log, writer and consensus, and a snapshotter that only notes what it is told. */
class NodeLog {
  readonly snapshotter: RecordingSnapshotter;
  readonly sequencer: Sequencer;
  readonly log: NodeLedger;
  readonly made: Made[] = [];
  readonly #writer: LedgerWriter;

  private constructor(
    parts: {
      readonly log: NodeLedger;
      readonly sequencer: Sequencer;
      readonly writer: LedgerWriter;
    },
    consensus: Consensus,
    recorder?: EvidenceRecorder,
  ) {
    this.log = parts.log;
    this.sequencer = parts.sequencer;
    this.#writer = parts.writer;
    this.snapshotter = new RecordingSnapshotter(recorder);
    const { writer } = parts;
    this.sequencer.start({
      writer,
      consensus: this.#watch(consensus),
      snapshotter: this.snapshotter,
    });
  }

  static async open(recorder?: EvidenceRecorder): Promise<NodeLog> {
    const start = {
      store: new VersionedStore(toSeqno(0), new Map()),
      tree: MerkleTree.genesis(),
      viewHistory: [],
    };
    const log = new NodeLedger(start, { at: () => secret });
    const sequencer = new Sequencer({
      log,
      keys: { service, node, members: [] },
      node: certificate,
      // XState's own ids are numbers, and what Clock gives back is what it gave.
      clock: new SimulatedClock() as SimulatedClock & Clock,
      settings: {
        signatureTxInterval: 1000,
        snapshotTxInterval: 1_000_000,
        signatureDelayMs: 1000,
        chunkBytesMax: 1_000_000,
      },
      logger: undefined,
      committed: toSeqno(0),
      lastSnapshot: toSeqno(0),
    });
    const fileSystem = new MemoryFileSystem();
    await fileSystem.makeDirectory('/ledger');
    const writer = await LedgerWriter.open({
      fileSystem,
      directory: '/ledger',
      end: { last: toSeqno(0), open: undefined, completed: [] },
      onDurable: (seqno) => sequencer.persisted(seqno),
      onFailed: (error) => sequencer.fail(error),
    });
    let recorded: View | undefined;
    const consensus = await SingleNode.start({
      isNew: true,
      lastView: toView(2),
      committed: toSeqno(0),
      onCommitted: (seqno) => sequencer.commit(seqno),
      views: {
        read: async () => recorded,
        write: async (view) => {
          recorded = view;
        },
      },
    });
    return new NodeLog({ log, sequencer, writer }, consensus, recorder);
  }

  /** Notes each entry when it is made: the tree forgets leaves that are committed. */
  #watch(inner: Consensus): Consensus {
    const { log, made } = this;
    return {
      get view() {
        return inner.view;
      },
      isPrimary: true,
      replicate(entry) {
        const leaf = log.tree.leafAt(entry.seqno);
        made[entry.seqno - 1] = { leaf, bytes: entry.bytes, view: inner.view };
        inner.replicate(entry);
      },
      persisted: (seqno) => inner.persisted(seqno),
      abandonAbove: (seqno) => {
        made.length = seqno;
        return inner.abandonAbove(seqno);
      },
    };
  }

  leaves(): readonly Uint8Array[] {
    return this.made.map(({ leaf }) => leaf);
  }

  async append(): Promise<Seqno> {
    const body = (tx: { put(table: string, key: string, value: string): void }) =>
      tx.put('records', 'key', `value ${this.made.length}`);
    return (await this.sequencer.transaction(body, 'applied')).txId.seqno;
  }

  evidenceAt(seqno: Seqno): Evidence | undefined {
    const entry = this.made[seqno - 1];
    const domain = entry && decodePublicDomain(decodeEnvelope(entry.bytes).publicDomain);
    const writes = domain && mapWrites(domain, tables.snapshotEvidence);
    const value = writes && singletonValue(writes);
    if (value === undefined) return undefined;
    const { version, hash } = decodeSnapshotEvidence(value);
    return { snapshotSeqno: version, digest: hash };
  }

  async close(): Promise<void> {
    await this.sequencer.close();
    await this.#writer.close();
  }
}

/** The node's own log as a log for evidence. */
export async function openNodeEvidenceLog(recorder: EvidenceRecorder): Promise<EvidenceLogDriver> {
  const host = await NodeLog.open(recorder);
  return {
    evidence: {
      submit: (evidence, { signal }) => host.sequencer.submitEvidence(evidence, signal),
    },
    last: () => host.log.last,
    leaves: () => host.leaves(),
    evidenceAt: (seqno) => host.evidenceAt(seqno),
    append: () => host.append(),
    refuse: () => host.sequencer.close(),
    secretAt: () => secret,
    close: () => host.close(),
  };
}

/** The node's own log as it signs its roots. */
export async function openNodeSigner(): Promise<SignerDriver> {
  const host = await NodeLog.open();
  return {
    identity: createPublicKey(service),
    leaves: () => host.leaves(),
    append: () => host.append(),
    sign: async () => {
      const seqno = await host.sequencer.sign();
      const view = host.made[seqno - 1]?.view ?? toView(0);
      return { txId: { view, seqno }, ...host.snapshotter.toldOf(seqno) };
    },
    rollback: (seqno) => host.sequencer.rollback(seqno),
    close: () => host.close(),
  };
}
