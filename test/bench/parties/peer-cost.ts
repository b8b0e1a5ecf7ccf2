import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { LoopWatch } from '../loop-watch.ts';
import { costOf, forgetPeak, memoryOf } from '../on-cpu.ts';
import type { Measure } from '../rounds.ts';

/** What a peer is given to hold. */
export interface PeerInput {
  readonly entries: number;
  readonly directory: string;
}

/** Longest gap of the caller's loop, and most memory of its process above what there was. */
export interface PeerMeasure extends Measure {
  readonly stallMs: number;
  readonly extraRssMb: number;
}

/** Measures a snapshot that another makes in this process, and removes what it leaves at the paths. */
export async function measurePeer(
  paths: readonly string[],
  snapshot: () => unknown,
): Promise<PeerMeasure> {
  for (const path of paths) rmSync(path, { recursive: true, force: true });
  const watch = new LoopWatch();
  forgetPeak();
  const { rssBytes } = memoryOf();
  watch.start();
  const { ms, cpuMs } = await costOf(snapshot);
  const { maxMs } = watch.stop();
  const { peakBytes } = memoryOf();
  for (const path of paths) rmSync(path, { recursive: true, force: true });
  return { ms, cpuMs, stallMs: maxMs, extraRssMb: (peakBytes - rssBytes) / 1e6 };
}

/** Most bytes of one write. */
const writeBytesMax = 2 ** 30;

/** What a careful caller does with bytes: writes and syncs them. */
export function writeDurably(path: string, bytes: Uint8Array): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    let at = 0;
    while (at < bytes.length)
      at += writeSync(file, bytes, at, Math.min(writeBytesMax, bytes.length - at));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** Reads and hashes a file, piece by piece. Runs in a thread as its own source, so it uses nothing from without. */
const hashingSource = `
  const { createHash } = require('node:crypto');
  const { openSync, readSync } = require('node:fs');
  const { parentPort } = require('node:worker_threads');
  const buffer = Buffer.alloc(1024 * 1024);
  parentPort.on('message', (path) => {
    const hash = createHash('sha256');
    const file = openSync(path, 'r');
    for (let read = 1; read > 0; ) {
      read = readSync(file, buffer);
      hash.update(buffer.subarray(0, read));
    }
    require('node:fs').closeSync(file);
    parentPort.postMessage(hash.digest('hex'));
  });
`;

/** A thread that hashes files, started before it is timed. */
export class FileHasher {
  readonly #worker = new Worker(hashingSource, { eval: true });

  hash(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#worker.once('message', resolve);
      this.#worker.once('error', reject);
      this.#worker.postMessage(path);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Checks that the thread computes what it should. @throws Error when not */
export async function checkHasher(hasher: FileHasher, path: string): Promise<void> {
  writeDurably(path, new Uint8Array(100));
  const expected = createHash('sha256').update(new Uint8Array(100)).digest('hex');
  const found = await hasher.hash(path);
  rmSync(path);
  if (found !== expected) throw new Error(`the thread found ${found}, not ${expected}`);
}
