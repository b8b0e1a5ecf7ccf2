import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { SimulatedClock } from 'xstate';
import { fromUtf8, toUtf8 } from '../../src/core/bytes.ts';
import type { Clock } from '../../src/core/clock.ts';
import { LedgerSnapshotterError } from '../../src/core/errors.ts';
import { type Seqno, seqno } from '../../src/core/words.ts';
import { openLedger } from '../../src/files/ledger/ledger-directory.ts';
import { decodeEnvelope, type Envelope } from '../../src/formats/entries/entry.ts';
import type { FileSystem } from '../../src/io/file-system.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { createNode } from '../../src/node/create-node.ts';
import type { LedgerNode } from '../../src/node/ledger-node.ts';
import type { NodeOptions } from '../../src/node/node-options.ts';
import { replayLedger } from '../../src/replay/replay.ts';
import type { ReplayReport } from '../../src/replay/report.ts';
import { fakeProcesses } from '../files/fake-processes.ts';
import { type Files, readFiles, writeFiles } from './make-ledger-files.ts';

/** The private keys of a node's directory by the names of their files. */
export type NodeKeyFiles = ReadonlyMap<string, KeyObject>;

/** Makes a node's keys; members' take a while, so that a test file makes one set. */
export function makeNodeKeyFiles(members = 1): NodeKeyFiles {
  const ec = () => generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey;
  const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const names = Array.from({ length: members }, (_, i) => `member${i}_enc_privk.pem`);
  return new Map([
    ['service_key.pem', ec()],
    ['node_key.pem', ec()],
    ...names.map((name) => [name, rsa()] as const),
  ]);
}

export function pemOf(key: KeyObject): Uint8Array {
  return toUtf8(String(key.export({ type: 'pkcs8', format: 'pem' })));
}

/** A clock that stands until a test moves it; it begins in 2026. */
function heldClock(): SimulatedClock & Clock {
  const clock = new SimulatedClock();
  clock.increment(Date.UTC(2026, 0, 1));
  // XState's own ids are numbers, and what Clock gives back is what it gave.
  return clock as SimulatedClock & Clock;
}

/** A node's directory `/node` on a disk in memory, with planted keys and a clock that stands. */
export class NodeHost {
  readonly disk: MemoryFileSystem;
  readonly keys: NodeKeyFiles;
  readonly clock = heldClock();
  /** Of the process that the nodes run in: a crash ends it. */
  readonly #pid: number;

  private constructor(keys: NodeKeyFiles, disk: MemoryFileSystem, pid = 1) {
    this.keys = keys;
    this.disk = disk;
    this.#pid = pid;
  }

  /** A directory with nothing but keys. */
  static async make(keys: NodeKeyFiles): Promise<NodeHost> {
    const disk = new MemoryFileSystem();
    await disk.makeDirectory('/node/keys');
    for (const [name, key] of keys) await plant(disk, `/node/keys/${name}`, pemOf(key));
    return new NodeHost(keys, disk);
  }

  /** The same directory on another disk: what a crash has left of it. */
  on(disk: MemoryFileSystem): NodeHost {
    return new NodeHost(this.keys, disk, this.#pid + 1);
  }

  /** What a power cut now leaves, by default only what is durable. */
  afterCrash(choose?: Parameters<MemoryFileSystem['crash']>[0]): NodeHost {
    return this.on(this.disk.crash(choose));
  }

  /** Starts a node that is closed when the test ends, and then holds no handle any more. */
  async start(options: Partial<NodeOptions> = {}): Promise<LedgerNode> {
    const node = await this.open(options);
    onTestFinished(async () => {
      await node.close();
      expect(this.disk.openHandles).toBe(0);
    });
    return node;
  }

  /** Starts a node that the test closes, or leaves to a crash. */
  open(options: Partial<NodeOptions> = {}): Promise<LedgerNode> {
    const { environment, ...rest } = options;
    return createNode({
      directory: '/node',
      ...rest,
      environment: {
        fileSystem: this.disk,
        processes: fakeProcesses({ [this.#pid]: `process ${this.#pid}` }, this.#pid),
        clock: this.clock,
        ...environment,
      },
    });
  }

  ledgerFiles(): Promise<Files> {
    return readFiles(this.disk, '/node/ledger');
  }

  /** The ledger's entries, believed. */
  async entries(): Promise<readonly Envelope[]> {
    const entries: Envelope[] = [];
    const ledger = await openLedger(this.disk, '/node/ledger');
    for await (const { bytes } of ledger.entries()) entries.push(decodeEnvelope(bytes));
    return entries;
  }

  /** Names in the ledger's directory. */
  async ledgerNames(): Promise<readonly string[]> {
    return [...(await this.ledgerFiles()).keys()];
  }

  /** The committed snapshots. */
  async snapshotFiles(): Promise<Files> {
    const files = await readFiles(this.disk, '/node/snapshots');
    return new Map([...files].filter(([name]) => name.endsWith('.committed')));
  }

  get memberKeys(): readonly KeyObject[] {
    return [...this.keys.values()].filter(({ asymmetricKeyType }) => asymmetricKeyType === 'rsa');
  }

  get servicePublicKey(): KeyObject {
    const key = this.keys.get('service_key.pem');
    if (key === undefined) throw new Error('the host has no service key');
    return createPublicKey(key);
  }

  /** Replays a copy of the ledger, with the members' keys unless others are given. */
  async replay(memberKeys = this.memberKeys): Promise<NodeReplay> {
    const fileSystem = new MemoryFileSystem();
    await writeFiles(fileSystem, '/ledger', await this.ledgerFiles());
    const report = await replayLedger({
      ledger: '/ledger',
      out: '/out',
      memberKeys,
      environment: { fileSystem },
    });
    const files = await readFiles(fileSystem, '/out');
    return { report, files: new Map([...files].filter(([name]) => name !== 'lock')) };
  }

  /** Asserts that the ledger verifies up to its last entry, and has each snapshot byte for byte in it. */
  async expectReplaysWhole(last: Seqno): Promise<ReplayReport> {
    const { report, files } = await this.replay();
    expect(report.failure).toBeUndefined();
    expect(report.summary).toMatchObject({ transactions: last, verifiedUntil: last });
    expect(report.snapshots.filter(({ result }) => result !== 'identical')).toEqual([]);
    for (const [name, bytes] of await this.snapshotFiles()) {
      expect(files.get(name), name).toStrictEqual(bytes);
    }
    return report;
  }
}

interface NodeReplay {
  readonly report: ReplayReport;
  /** What the replay published. */
  readonly files: Files;
}

/** Writes a file, durably, in place of one that may be there. */
export async function plant(
  fileSystem: FileSystem,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  if ((await fileSystem.stat(path)) !== undefined) await fileSystem.remove(path);
  const handle = await fileSystem.open(path, { for: 'create' });
  await handle.write(bytes, 0);
  await handle.sync();
  await handle.close();
  await fileSystem.syncDirectory(join(path, '..'));
}

/** The code of the error that a promise is rejected with, or `accepted`; an untyped error fails the test. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'accepted';
  } catch (error) {
    if (!(error instanceof LedgerSnapshotterError)) throw error;
    return error.code;
  }
}

/** A turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Signs what is unsigned, and goes on so until no snapshot is under way. */
export async function untilIdle(node: LedgerNode): Promise<void> {
  do {
    await node.sign();
    await turn();
  } while (node.snapshots.live.length > 0);
}

/** Takes a snapshot of the state now, and waits for its end. */
export async function takeSnapshot(node: LedgerNode): Promise<void> {
  node.snapshots.force();
  await put(node, 'snapshot', 'forced');
  await node.sign();
  await untilIdle(node);
}

/** Writes `value` under `key` in the table `records`, which is private. */
export async function put(node: LedgerNode, key: string, value: string): Promise<Seqno> {
  const { txId } = await node.transaction((tx) => tx.put('records', key, value));
  return txId.seqno;
}

/** Writes so many transactions, one after another, with keys of their own. */
export async function putMany(node: LedgerNode, count: number, prefix = 'key'): Promise<Seqno> {
  let last = seqno(0);
  for (let i = 0; i < count; i++) last = await put(node, `${prefix} ${i}`, `value ${i}`);
  return last;
}

/** A value of the table `records` as text. */
export function read(node: LedgerNode, key: string): string | undefined {
  const value = node.get('records', key);
  return value && fromUtf8(value);
}
