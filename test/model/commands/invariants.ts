import { decodeCoseReceipt } from '../../../src/formats/receipts/cose-receipt.ts';
import { splitSnapshotFile } from '../../../src/formats/snapshot/snapshot-body.ts';
import { verifySnapshotFile } from '../../../src/formats/snapshot/verify-snapshot.ts';
import type { MemoryFile } from '../../../src/io/memory-disk.ts';
import type { Ledger } from './ledger.ts';
import type { World } from './world.ts';

/** A committed file as it was when it was believed. */
interface Seen {
  readonly bytes: Uint8Array;
  node: MemoryFile;
  changes: number;
}

/**
 * What must hold after every step whatever the model says: section 10.4 of the specification, by its numbers.
 * It knows the host's log and the disk, and nothing of the model.
 */
export class Invariants {
  readonly #ledger: Ledger;
  #files = new Map<string, Seen>();
  #baseline = 0;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** How many files were verified. */
  verified = 0;

  /** A new process counts from what it is given. */
  restarted(baseline: number): void {
    this.#baseline = baseline;
  }

  async check(world: World, committed: number, planted: (name: string) => boolean): Promise<void> {
    this.#checkContext(world);
    for (const violation of world.violations) throw new Error(`10.4.7: ${violation}`);
    await this.#checkFiles(world, committed, planted);
  }

  #checkContext({ context, snapshotter }: World): void {
    const { points, baseline, committed, slots, capacity } = context;
    // 6
    hold('10.4.6', slots.length <= capacity, `${slots.length} slots of ${capacity} are taken`);
    hold('10.4.6', snapshotter.live.length === slots.length, 'every slot has one generation');
    hold('10.4.8', new Set(slots.map(({ seqno }) => seqno)).size === slots.length, 'one a seqno');
    // 9
    hold('10.4.9', baseline >= this.#baseline, `from ${this.#baseline} back to ${baseline}`);
    this.#baseline = baseline;
    // 10, but for the point that was kept
    const seqnos = points.map(({ seqno }) => seqno);
    const isAscending = seqnos.every((seqno, at) => seqno > (seqnos[at - 1] ?? 0));
    hold('10.4.10', isAscending, `points ${seqnos} are not ascending`);
    const behind = points.filter(({ seqno, frozen }) => frozen && seqno <= committed).length;
    hold('10.4.10', behind <= 1, `${behind} points up to ${committed} wait`);
  }

  async #checkFiles(
    world: World,
    committed: number,
    planted: (name: string) => boolean,
  ): Promise<void> {
    const now = new Map<string, Seen>();
    for (const [name, node] of world.files) {
      if (!name.endsWith('.committed') || planted(name)) continue;
      const seen = this.#files.get(name);
      if (seen?.node === node && seen.changes === node.changes) {
        now.set(name, seen);
        continue;
      }
      const bytes = node.current.toBytes();
      // 13
      hold('10.4.13', !seen || Buffer.compare(bytes, seen.bytes) === 0, `${name} was altered`);
      if (!seen) await this.#believe(name, bytes, committed);
      now.set(name, { bytes, node, changes: node.changes });
    }
    this.#files = now;
  }

  /** 1, 2, 3, 4 and 12: the file is whole, and its evidence and signature are committed in this very log. */
  async #believe(name: string, bytes: Uint8Array, committed: number): Promise<void> {
    const ledger = this.#ledger;
    const { seqno, evidenceSeqno, digest } = await verifySnapshotFile(bytes, {
      fileName: name,
      trustedKeys: [ledger.publicKey],
    });
    const evidence = ledger.entryAt(evidenceSeqno)?.evidence;
    hold(
      '10.4.3',
      evidence?.snapshotSeqno === seqno,
      `${name} has its evidence at ${evidenceSeqno}`,
    );
    hold('10.4.4', evidence?.digest === digest, `${name} has digest ${digest}`);
    hold('10.4.4', ledger.digestAt(seqno) === digest, `${name} is not the state at ${seqno}`);
    const { signature } = decodeCoseReceipt(splitSnapshotFile(bytes).receipt);
    const signed = signature.txId.seqno;
    const inLog = ledger.entryAt(signed)?.signature;
    hold('10.4.2', evidenceSeqno > seqno && signed > evidenceSeqno, `${name}: ${signed}`);
    hold('10.4.1', committed >= signed, `${name} rests on ${signed}, committed is ${committed}`);
    const isOfBranch = inLog && endsWith(inLog.message, signature.message.signature);
    hold('10.4.3', isOfBranch === true, `${name} is signed by another branch's ${signed}`);
    this.verified++;
  }
}

/** A detached COSE_Sign1 message ends with its signature. */
function endsWith(message: Uint8Array, signature: Uint8Array): boolean {
  return Buffer.compare(message.subarray(-signature.length), signature) === 0;
}

export function hold(law: string, isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(`invariant ${law} is broken: ${what}`);
}
