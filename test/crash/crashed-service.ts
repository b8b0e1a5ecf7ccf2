import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect } from 'vitest';
import { formatTxId } from '../../src/core/tx-id.ts';
import type { Seqno, View } from '../../src/core/words.ts';
import { openLedger } from '../../src/files/ledger/ledger-directory.ts';
import { nodePaths } from '../../src/files/node-paths.ts';
import { decodeEnvelope } from '../../src/formats/entries/entry.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import { decodePublicDomain, mapWrites } from '../../src/formats/entries/write-set.ts';
import { readCertificate } from '../../src/formats/keys/certificate.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';
import { createNode } from '../../src/node/create-node.ts';
import { verifySnapshot } from '../../src/verification/verify.ts';
import { type RunWords, runStart, type StartRun, type Stop } from './start-run.ts';

/** What a run was doing when the signal came, as far as its output and the disk tell. */
export type CrashPhase =
  | 'loading'
  | 'creating'
  | 'recovering'
  | 'running'
  | 'spooling'
  | 'verifying'
  | 'restarting'
  | 'ended';

/** An interval that is never over, so that whatever lies in the directory was left there. */
const noSnapshots = 2 ** 31 - 1;

/** One node's directory, the runs on it, and all that they have promised. */
export class CrashedService {
  readonly directory: string;
  /** View of each acknowledged seqno. */
  readonly #acknowledged = new Map<Seqno, View>();
  /** Snapshots that a run said were committed. */
  readonly #told = new Set<string>();
  /** The service's certificate, once it was there. */
  #identity: string | undefined;

  constructor(directory: string) {
    this.directory = directory;
  }

  get acknowledgements(): number {
    return this.#acknowledged.size;
  }

  /** Whether a ledger was begun; else the next run is a new service's. */
  get hasLedger(): boolean {
    const { ledger } = nodePaths(this.directory);
    return existsSync(ledger) && readdirSync(ledger).some((name) => !name.endsWith('.tmp'));
  }

  async run(stop?: Stop): Promise<StartRun> {
    const run = await runStart(this.directory, stop);
    for (const { seqno, view } of run.acknowledged) {
      // One that is acknowledged anew under another view was lost before.
      expect(this.#acknowledged.get(seqno) ?? view, `acknowledged before: ${seqno}`).toBe(view);
      this.#acknowledged.set(seqno, view);
    }
    for (const file of run.snapshots) this.#told.add(file);
    return run;
  }

  /**
   * What a run is doing; after a kill, what it was doing.
   * @param hadLedger before the run
   */
  phaseOf({ summary, view }: RunWords, hadLedger: boolean): CrashPhase {
    const { root, snapshots } = nodePaths(this.directory);
    if (summary !== undefined) return 'ended';
    const isLocked = existsSync(join(root, 'lock'));
    if (view === undefined) return isLocked ? (hadLedger ? 'recovering' : 'creating') : 'loading';
    if (!isLocked) return 'verifying';
    // The view is written anew by the restart; before that it has the node's lock alone.
    if (this.#lastView() > view || !existsSync(join(snapshots, 'lock'))) return 'restarting';
    return this.leftovers().some((file) => file.startsWith('spool_')) ? 'spooling' : 'running';
  }

  #lastView(): number {
    return Number(readFileSync(nodePaths(this.directory).view, 'utf8'));
  }

  /** Names, below the directory, that no ended run may leave. */
  leftovers(): readonly string[] {
    return filesBelow(this.directory)
      .map((path) => basename(path))
      .filter((name) => name.endsWith('.tmp') || /^lock(\.|$)/.test(name));
  }

  /** Every name below the directory with size and time of change: whether anything was touched. */
  fingerprint(): readonly string[] {
    return filesBelow(this.directory).map((path) => {
      const { size, mtimeMs } = statSync(path);
      return `${path} ${size} ${mtimeMs}`;
    });
  }

  /** Verifies every committed snapshot under the service's certificate; how many there are. */
  async checkSnapshots(): Promise<number> {
    const { snapshots } = nodePaths(this.directory);
    const names = existsSync(snapshots) ? readdirSync(snapshots) : [];
    const committed = names.filter((name) => name.endsWith('.committed'));
    expect(committed, 'snapshots that were told').toEqual(expect.arrayContaining([...this.#told]));
    const pem = this.#certificate();
    if (pem === undefined) expect(committed, 'snapshots without a certificate').toEqual([]);
    if (pem === undefined) return 0;
    const services = [readCertificate(pem)];
    for (const name of committed) {
      const verified = await verifySnapshot(join(snapshots, name), { services });
      expect(verified.trusted, `${name} is trusted`).toBe(true);
    }
    return committed.length;
  }

  /** The service's certificate, which must stay the same once it is there. */
  #certificate(): string | undefined {
    const file = nodePaths(this.directory).serviceCertificate;
    const pem = existsSync(file) ? readFileSync(file, 'utf8') : undefined;
    expect(pem, 'the service certificate').toBe(this.#identity ?? pem);
    this.#identity = pem;
    return pem;
  }

  /** Starts the node in this process and ends it; nothing promised may be missing, nothing left over. */
  async checkStart(): Promise<void> {
    const node = await createNode({ directory: this.directory, snapshotTxInterval: noSnapshots });
    try {
      expect(node.recovered.refused, 'snapshots that were passed over').toEqual([]);
      expect(node.status.committed, 'what is committed').toBe(node.status.seqno);
      const left = this.leftovers().filter((file) => !file.startsWith('lock'));
      expect(left, 'left over after the start').toEqual([]);
    } finally {
      await node.close();
    }
    expect(this.leftovers(), 'left over after the close').toEqual([]);
    await this.checkAcknowledged();
    await this.checkSnapshots();
  }

  /** Everything that was ever acknowledged is in the ledger, and is what was acknowledged. */
  async checkAcknowledged(): Promise<void> {
    if (this.#acknowledged.size === 0) return;
    const views = new Map<Seqno, View>();
    for await (const { seqno, bytes } of await this.#entries()) {
      views.set(seqno, decodeEnvelope(bytes).view);
    }
    const lost = [...this.#acknowledged].filter(([seqno, view]) => views.get(seqno) !== view);
    const names = lost.map(([seqno, view]) => formatTxId({ view, seqno }));
    expect(names, `acknowledged and not in the ledger of ${views.size} entries`).toEqual([]);
  }

  /** Whether the ledger ends with a signature. */
  async isSigned(): Promise<boolean> {
    let last: Uint8Array | undefined;
    for await (const { bytes } of await this.#entries()) last = bytes;
    if (last === undefined) return false;
    const domain = decodePublicDomain(decodeEnvelope(last).publicDomain);
    return mapWrites(domain, tables.signatures) !== undefined;
  }

  async #entries() {
    const ledger = await openLedger(realFileSystem, nodePaths(this.directory).ledger);
    return ledger.entries();
  }
}

function filesBelow(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort();
}
