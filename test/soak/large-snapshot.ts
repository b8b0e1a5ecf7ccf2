import { createDecipheriv, createHash } from 'node:crypto';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { toUtf8 } from '../../src/core/bytes.ts';
import { seqno } from '../../src/core/words.ts';
import { envelopeHeadBytes } from '../../src/formats/entries/entry.ts';
import { makeTemporaryDirectory } from '../../src/io/temporary-directory.ts';
import type { SnapshotJobs } from '../../src/jobs/snapshot-jobs.ts';
import { workerEntry } from '../../src/jobs/worker-entry.ts';
import { SerialiseProgress } from '../../src/serialising/progress.ts';
import { summariseSnapshot } from '../../src/snapshots/summary.ts';
import { SharedStore } from '../../src/store/shared/shared-store.ts';
import { WorkerPool } from '../../src/tasks/worker-pool.ts';

/** What was found of a snapshot that is larger than what a process holds in one piece. */
export interface LargeSnapshot {
  readonly bytes: number;
  readonly publicBytes: number;
  readonly privateBytes: number;
  readonly isWholeFile: boolean;
  /** Of the file, read again piece by piece. */
  readonly isDigestRight: boolean;
  /** Whether whoever looks through the file finds its digest, and of its public table each record. */
  readonly isSummaryRight: boolean;
  /** How far looking through the file has raised the most memory that the process ever had, in bytes. */
  readonly summaryBytes: number;
}

const secret = new Uint8Array(32).fill(7);
const valueBytes = 4096;
const perTransaction = 500;

/** A state of so many records of 4 KiB, half of them private. */
function storeOf(records: number): SharedStore {
  const store = new SharedStore(seqno(0), []);
  const noise = new Uint8Array(2 ** 20).map((_, i) => (i * 2_654_435_761) >>> 13);
  for (let first = 0; first < records; first += perTransaction) {
    const writes = Array.from({ length: perTransaction }, (_, i) => {
      const at = ((first + i) * 37) % (noise.length - valueBytes);
      return { key: toUtf8(`key ${first + i}`), value: noise.subarray(at, at + valueBytes) };
    });
    const name = first % (2 * perTransaction) === 0 ? 'public:records' : 'secrets';
    const next = seqno(store.seqno + 1);
    store.apply(next, [{ name, writes, removes: [] }]);
    store.compact(next);
  }
  return store;
}

/** Shows a file's bytes from one offset to another, piece by piece. */
async function show(
  file: FileHandle,
  [from, to]: readonly [number, number],
  see: (piece: Uint8Array) => void,
): Promise<void> {
  const piece = new Uint8Array(2 ** 22);
  for (let at = from; at < to; ) {
    const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, to - at), at);
    if (bytesRead === 0) throw new Error(`the file ends at ${at}, before ${to}`);
    see(piece.subarray(0, bytesRead));
    at += bytesRead;
  }
}

/** Serialises such a state in a thread, and reads the file as anyone would: digest, and tag under the secret. */
export async function largeSnapshot(records: number): Promise<LargeSnapshot> {
  const directory = await makeTemporaryDirectory('large-snapshot-');
  const pool = new WorkerPool<SnapshotJobs>(workerEntry(), { workers: 1 });
  try {
    const spool = join(directory.path, 'spool');
    await (await open(spool, 'wx')).close();
    const store = storeOf(records);
    const shared = store.freeze().share();
    const state = { seqno: store.seqno, leaf: new Uint8Array(32), viewHistory: [1], shared };
    const progress = SerialiseProgress.start().counts;
    const { bytes, digest } = await pool.run('serialiseShared', { state, secret, spool, progress });
    const { size } = await stat(spool);
    const checked = await check(spool, bytes, digest);
    return { bytes, ...checked, ...(await summary(spool, digest)), isWholeFile: size === bytes };
  } finally {
    await pool.close();
    await directory.remove();
  }
}

/** @throws Error when the tag does not hold */
async function check(spool: string, bytes: number, digest: string) {
  await using file = await open(spool);
  const hash = createHash('sha256');
  const head = Buffer.alloc(envelopeHeadBytes);
  await file.read(head, 0, head.length, 0);
  hash.update(head);
  const publicBytes = Number(head.readBigUInt64LE(36));
  const decipher = createDecipheriv('aes-256-gcm', secret, head.subarray(24, 36), {
    authTagLength: 16,
  });
  decipher.setAuthTag(head.subarray(8, 24));
  const border = envelopeHeadBytes + publicBytes;
  await show(file, [envelopeHeadBytes, border], (piece) => {
    hash.update(piece);
    decipher.setAAD(piece);
  });
  await show(file, [border, bytes], (piece) => {
    hash.update(piece);
    decipher.update(piece);
  });
  decipher.final();
  const isDigestRight = hash.digest('hex') === digest;
  return { publicBytes, privateBytes: bytes - border, isDigestRight };
}

/** Looks through the file as `show` does. */
async function summary(spool: string, digest: string) {
  const before = process.resourceUsage().maxRSS;
  const found = await summariseSnapshot(spool);
  const [table] = found.tables;
  let count = 0;
  let size = 0;
  for await (const { key, value } of found.records(table?.name ?? '')) {
    count++;
    size += key.length + value.length;
  }
  const summaryBytes = (process.resourceUsage().maxRSS - before) * 1024;
  const isWhole = count > 0 && count === table?.keys && size === table.bytes;
  return { isSummaryRight: isWhole && found.digest === digest, summaryBytes };
}
