import { expect } from 'vitest';
import { concatBytes, fromUtf8 } from '../../src/core/bytes.ts';
import { assert, LedgerSnapshotterError } from '../../src/core/errors.ts';
import type { Seqno } from '../../src/core/words.ts';
import { type Envelope, openPrivateDomain } from '../../src/formats/entries/entry.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import { mapWrites, singletonValue } from '../../src/formats/entries/write-set.ts';
import { keyIdOf } from '../../src/formats/keys/ec-key.ts';
import {
  decodeRecoveryShares,
  openRecoveryShares,
} from '../../src/formats/keys/recovery-shares.ts';
import type { FileSystem } from '../../src/io/file-system.ts';
import { type Recovered, recover } from '../../src/recovery/recover.ts';
import { LedgerForger } from './forge-ledger.ts';
import { type Files, readFiles } from './make-ledger-files.ts';
import { change } from './make-tables.ts';
import { NodeHost, type NodeKeyFiles, put, read, takeSnapshot } from './node-host.ts';

const nodeLedger = '/node/ledger';

/** What the attacker would have the service say. */
export const forgedTables = [
  change('records', { forged: 'by mallory' }),
  change('public:records', { forged: 'by mallory' }),
];

/** A closed node's directory, and someone who can write to its ledger. */
export class AttackedNode {
  readonly host: NodeHost;
  readonly forger: LedgerForger;
  /** The ledger secret, which he does not have. */
  readonly secret: Uint8Array;
  /** Last entry of the real ledger. */
  readonly last: Seqno;

  private constructor(host: NodeHost, forger: LedgerForger) {
    this.host = host;
    this.forger = forger;
    this.secret = sharedSecret(host, forger);
    this.last = forger.last.seqno;
  }

  /** A node that has lived, with so many snapshots, and was closed. */
  static async lived(keys: NodeKeyFiles, { snapshots = 0 } = {}): Promise<AttackedNode> {
    const host = await NodeHost.make(keys);
    const node = await host.open();
    await put(node, 'honest', 'before');
    for (let i = 0; i < snapshots; i++) await takeSnapshot(node);
    await node.close();
    return new AttackedNode(host, await LedgerForger.read(host.disk, nodeLedger));
  }

  /** A node that was cut off while this transaction was durable and not yet signed. */
  static async crashed(keys: NodeKeyFiles): Promise<AttackedNode> {
    const host = await NodeHost.make(keys);
    const node = await host.open();
    await node.sign();
    await put(node, 'honest', 'before');
    const after = host.afterCrash();
    return new AttackedNode(after, await LedgerForger.read(after.disk, nodeLedger));
  }

  /**
   * Starts the node on what lies there, writes a transaction, and closes it; asserts that nothing of the
   * attacker's was believed or signed, and nothing real lost.
   * @returns `started`, or the code that the start was refused with
   */
  async start(): Promise<string> {
    const before = await readFiles(this.host.disk, nodeLedger);
    const forged = this.forger.entries.slice(this.last).map(({ bytes }) => bytes);
    try {
      await this.#live();
    } catch (error) {
      if (!(error instanceof LedgerSnapshotterError)) throw error;
      const after = await readFiles(this.host.disk, nodeLedger);
      expect(after, 'a refusal leaves the ledger as it was').toEqual(before);
      return error.code;
    }
    await this.expectHonest(forged);
    return 'started';
  }

  async #live(): Promise<void> {
    const node = await this.host.open();
    try {
      expect(read(node, 'honest')).toBe('before');
      expect(read(node, 'forged'), 'a forged private record').toBeUndefined();
      expect(node.get('public:records', 'forged'), 'a forged public record').toBeUndefined();
      expect(node.service.keyId).toBe(keyIdOf(this.host.servicePublicKey));
      await put(node, 'later', 'a secret of later');
    } finally {
      await node.close();
    }
  }

  /**
   * Starts the node on a ledger that has lost its data, and closes it.
   * @returns `started` or the code of the refusal, and what it then says of the forged record
   */
  async startWithoutItsData(): Promise<{ readonly code: string; readonly forged?: unknown }> {
    try {
      const node = await this.host.open();
      const forged = node.get('public:records', 'forged') ?? node.get('records', 'forged');
      await node.close();
      return { code: 'started', forged };
    } catch (error) {
      if (!(error instanceof LedgerSnapshotterError)) throw error;
      return { code: error.code };
    }
  }

  /** What lies in the ledger now. */
  forgerNow(): Promise<LedgerForger> {
    return LedgerForger.read(this.host.disk, nodeLedger);
  }

  /** Asserts that every entry is under the real secret, none the attacker's, and the whole trusted. */
  async expectHonest(forged: readonly Uint8Array[]): Promise<void> {
    const files = concatBytes([...(await readFiles(this.host.disk, nodeLedger)).values()]);
    for (const bytes of forged) expect(includes(files, bytes), 'a forged entry stays').toBe(false);
    for (const entry of await this.host.entries()) {
      const opened = [this.secret, this.forger.secret].map((secret) => opens(entry, secret));
      expect(opened, `seqno ${entry.seqno} under the real secret and the forged one`).toEqual([
        true,
        false,
      ]);
    }
    const recovered = await this.recover();
    expect(recovered.trusted).toBe(true);
    expect(saysForged(recovered)).toBe(false);
  }

  /** As `recover --service-cert --member-keys` does. */
  recover() {
    return recover({
      ledger: nodeLedger,
      snapshots: '/node/snapshots',
      services: [this.host.servicePublicKey],
      memberKeys: this.host.memberKeys,
      environment: { fileSystem: this.host.disk },
    });
  }

  /** Every file below the node's directory that is no chunk of its ledger and has these bytes in it. */
  async keptIn(bytes: Uint8Array): Promise<readonly string[]> {
    const files = await filesBelow(this.host.disk, '/node');
    const others = [...files].filter(([path]) => !path.startsWith(`${nodeLedger}/ledger_`));
    return others.filter(([, content]) => includes(content, bytes)).map(([path]) => path);
  }
}

/** Whether a recovered state has one of {@link forgedTables}. */
export function saysForged({ tables }: Pick<Recovered, 'tables'>): boolean {
  const found = ['records', 'public:records'].flatMap((name) => [
    ...(tables.get(name)?.live.records() ?? []),
  ]);
  return found.some(({ key }) => fromUtf8(key) === 'forged');
}

function sharedSecret({ memberKeys }: NodeHost, { entries }: LedgerForger): Uint8Array {
  for (const { maps } of entries) {
    const writes = mapWrites({ maps }, tables.recoveryShares);
    const value = writes && singletonValue(writes);
    const secret =
      value &&
      openRecoveryShares(decodeRecoveryShares(value), { memberKeys, threshold: memberKeys.length });
    if (secret !== undefined) return secret;
  }
  assert(false, 'the members’ keys open the secret');
}

function opens(entry: Envelope, secret: Uint8Array): boolean {
  try {
    openPrivateDomain(entry, secret);
    return true;
  } catch {
    return false;
  }
}

function includes(whole: Uint8Array, part: Uint8Array): boolean {
  return Buffer.from(whole).includes(Buffer.from(part));
}

async function filesBelow(disk: FileSystem, directory: string): Promise<Files> {
  const own = await readFiles(disk, directory);
  const files = new Map([...own].map(([name, bytes]) => [`${directory}/${name}`, bytes]));
  for (const { name, kind } of await disk.list(directory)) {
    if (kind !== 'directory') continue;
    for (const [path, bytes] of await filesBelow(disk, `${directory}/${name}`)) {
      files.set(path, bytes);
    }
  }
  return files;
}
