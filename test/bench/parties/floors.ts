import { createCipheriv, createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  write,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { createSharedMemory } from '../../../src/store/memory/web-assembly.ts';
import { costOf } from '../on-cpu.ts';
import { answerAsks } from './answer-asks.ts';

/**
 * What no snapshot can be faster than, on as many bytes in memory that is shared and page-aligned: the hash, the tag, the
 * durable write, a copy, a read. Nothing of ours takes part.
 */

const piece = 2 ** 20;
/** Of these, 16 MiB with two in flight hashed and wrote the fastest: 4, 16, 64 MiB or all at once; 2 or 4 in flight. */
const writePiece = 16 * 2 ** 20;
const inFlightMax = 2;
/** What O_DIRECT writes must be multiples of. */
const block = 4096;
const smallTimes = 20;

let bytes: Uint8Array = new Uint8Array(0);
let padded: Uint8Array = new Uint8Array(0);
let target: Uint8Array = new Uint8Array(0);
let directory = '';
let isDirect = false;

interface Prepare {
  readonly bytes: number;
  readonly directory: string;
}

/** Fills the memory, and sees whether the file system writes past the page cache. */
function prepare(input: Prepare): { readonly isDirect: boolean } {
  const blocks = Math.ceil(input.bytes / block) * block;
  const pages = Math.ceil(blocks / 65_536);
  const memory = () =>
    new Uint8Array(createSharedMemory({ initial: pages, maximum: pages }).buffer);
  padded = memory().subarray(0, blocks);
  for (let at = 0; at < blocks; at += 4) padded[at] = Math.imul(at, 0x9e3779b1) >>> 24;
  bytes = padded.subarray(0, input.bytes);
  target = memory().subarray(0, input.bytes).fill(1);
  directory = input.directory;
  isDirect = canWriteDirectly();
  return { isDirect };
}

function canWriteDirectly(): boolean {
  const path = join(directory, 'direct.tmp');
  try {
    const file = openSync(path, writeFlags | constants.O_DIRECT, 0o600);
    try {
      writeSync(file, padded, 0, Math.min(block, padded.length), 0);
      return true;
    } finally {
      closeSync(file);
      unlinkSync(path);
    }
  } catch {
    return false;
  }
}

const writeFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

function* pieces(of: Uint8Array, size = piece): Generator<Uint8Array> {
  for (let at = 0; at < of.length; at += size) {
    yield of.subarray(at, Math.min(of.length, at + size));
  }
}

function sha(): void {
  const hash = createHash('sha256');
  for (const part of pieces(bytes)) hash.update(part);
  hash.digest();
}

const key = new Uint8Array(32).fill(3);
const iv = new Uint8Array(12).fill(4);

/** The tag over public bytes: all of them are additional data. */
function tag(): void {
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  for (const part of pieces(bytes)) cipher.setAAD(part);
  cipher.final();
  cipher.getAuthTag();
}

/** The tag over private bytes: they are encrypted for it, and the ciphertext is dropped. */
function encrypt(): void {
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  for (const part of pieces(bytes)) cipher.update(part);
  cipher.final();
  cipher.getAuthTag();
}

/** Writes everything durably while `besides` is done in small steps. */
async function writeDurably(besides: Iterable<unknown>): Promise<void> {
  const path = join(directory, 'floor.tmp');
  const file = openSync(path, writeFlags | (isDirect ? constants.O_DIRECT : 0), 0o600);
  try {
    ftruncateSync(file, padded.length);
    const written = writeAll(file);
    for (const _ of besides) await new Promise((resolve) => setImmediate(resolve));
    await written;
    ftruncateSync(file, bytes.length);
    fsyncSync(file);
  } finally {
    closeSync(file);
    unlinkSync(path);
  }
}

async function writeAll(file: number): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < padded.length) {
      const at = next;
      next = Math.min(padded.length, at + writePiece);
      await writePart(file, at, next);
    }
  };
  await Promise.all(Array.from({ length: inFlightMax }, lane));
}

function writePart(file: number, from: number, to: number): Promise<void> {
  return new Promise((resolve, reject) => {
    write(file, padded, from, to - from, from, (error, written) => {
      if (error !== null) reject(error);
      else if (written !== to - from) reject(new Error(`${written} of ${to - from} bytes written`));
      else resolve();
    });
  });
}

function* hashing(): Generator<void> {
  const hash = createHash('sha256');
  for (const part of pieces(bytes)) {
    hash.update(part);
    yield;
  }
  hash.digest();
}

/** Hash and durable write at once. */
const combined = () => writeDurably(hashing());

/** The least that a CCF snapshot takes: the tag stands before the bytes, and the digest covers it. */
async function format(pass: () => void): Promise<void> {
  pass();
  await combined();
}

/** A small file, made durable with its name: the median of some. */
async function small(): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  const times: number[] = [];
  const all = await costOf(() => {
    for (let i = 0; i < smallTimes; i++) {
      const startMs = performance.now();
      writeSmall();
      times.push(performance.now() - startMs);
    }
  });
  times.sort((a, b) => a - b);
  return { ms: times[smallTimes / 2] ?? 0, cpuMs: all.cpuMs / smallTimes };
}

function writeSmall(): void {
  const [path, final] = [join(directory, 'small.tmp'), join(directory, 'small')];
  sha();
  const file = openSync(path, writeFlags, 0o600);
  writeSync(file, bytes);
  fsyncSync(file);
  closeSync(file);
  renameSync(path, final);
  const folder = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  fsyncSync(folder);
  closeSync(folder);
  unlinkSync(final);
}

/** Reads a file and hashes it: what a restore cannot be faster than. */
function readAndHash({ path }: { readonly path: string }): { readonly bytes: number } {
  const hash = createHash('sha256');
  const buffer = target.subarray(0, piece);
  const file = openSync(path, 'r');
  let total = 0;
  try {
    for (;;) {
      const read = readSync(file, buffer, 0, buffer.length, total);
      if (read === 0) break;
      hash.update(buffer.subarray(0, read));
      total += read;
    }
  } finally {
    closeSync(file);
  }
  hash.digest();
  return { bytes: total };
}

answerAsks({
  prepare,
  sha: () => costOf(sha),
  tag: () => costOf(tag),
  encrypt: () => costOf(encrypt),
  write: () => costOf(() => writeDurably([])),
  combined: () => costOf(combined),
  format: () => costOf(() => format(tag)),
  formatPrivate: () => costOf(() => format(encrypt)),
  copy: () => costOf(() => target.set(bytes)),
  small,
  readAndHash: async (input: { readonly path: string }) => {
    const { ms, cpuMs, result } = await costOf(() => readAndHash(input));
    return { ms, cpuMs, ...result };
  },
});
