import { open, stat } from 'node:fs/promises';
import { expect } from 'vitest';
import { concatBytes } from '../../src/core/bytes.ts';
import { entryHeaderBytes } from '../../src/formats/entries/entry.ts';
import { splitSnapshotFile } from '../../src/formats/snapshot/snapshot-body.ts';
import type { FileHandle, FileSystem } from '../../src/io/file-system.ts';

/** What a sparse snapshot file looks like from its ends. */
export interface SparseSnapshot {
  readonly path: string;
  /** Of the whole file, most of which is a hole. */
  readonly bytes: number;
  /** At its end. @default nothing */
  readonly receipt?: Uint8Array;
  /** What its header declares. @default all but the receipt */
  readonly entryBytes?: number;
  /** The first bytes of the entry behind its header. @default nothing */
  readonly begins?: Uint8Array;
}

/** The header that declares an entry of so many bytes. */
function entryHeader(entryBytes: number): Uint8Array {
  const header = new Uint8Array(entryHeaderBytes);
  const view = new DataView(header.buffer);
  const size = entryBytes - entryHeaderBytes;
  view.setUint8(0, 1);
  view.setUint32(2, size % 2 ** 32, true);
  view.setUint16(6, Math.floor(size / 2 ** 32), true);
  return header;
}

/** Makes a file that says it is large and takes a few blocks of the disk. */
export async function makeSparseSnapshot(options: SparseSnapshot): Promise<void> {
  const { path, bytes, receipt = new Uint8Array(), begins = new Uint8Array() } = options;
  const { entryBytes = bytes - receipt.length } = options;
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.write(concatBytes([entryHeader(entryBytes), begins]), 0, undefined, 0);
    await handle.truncate(bytes);
    if (receipt.length > 0) {
      await handle.write(receipt, 0, receipt.length, bytes - receipt.length);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  const { blocks } = await stat(path);
  expect(blocks * 512).toBeLessThan(Math.min(bytes, 64 * 1024));
}

/** The receipt of a snapshot file. */
export const receiptIn = (file: Uint8Array): Uint8Array => splitSnapshotFile(file).receipt.slice();

/** A file system that counts the bytes that are read, by the last part of their path. */
export class CountedReads {
  readonly #read = new Map<string, number>();
  readonly fileSystem: FileSystem;

  constructor(inner: FileSystem) {
    const count = (path: string, bytes: number) => {
      const name = path.slice(path.lastIndexOf('/') + 1);
      this.#read.set(name, (this.#read.get(name) ?? 0) + bytes);
    };
    this.fileSystem = {
      ...inner,
      open: async (path, options) => counted(await inner.open(path, options), path, count),
      readFile: async (path, options) => {
        const bytes = await inner.readFile(path, options);
        count(path, bytes.length);
        return bytes;
      },
    };
  }

  /** Bytes that were read of a file of this name so far. */
  of(name: string): number {
    return this.#read.get(name) ?? 0;
  }

  forget(): void {
    this.#read.clear();
  }
}

function counted(
  inner: FileHandle,
  path: string,
  count: (path: string, bytes: number) => void,
): FileHandle {
  const { readInto } = inner;
  return {
    size: () => inner.size(),
    read: async (position, length) => {
      const bytes = await inner.read(position, length);
      count(path, bytes.length);
      return bytes;
    },
    ...(readInto && {
      readInto: async (target: Uint8Array, position: number) => {
        const bytes = await readInto.call(inner, target, position);
        count(path, bytes);
        return bytes;
      },
    }),
    write: (bytes, position) => inner.write(bytes, position),
    truncate: (size) => inner.truncate(size),
    sync: () => inner.sync(),
    close: () => inner.close(),
  };
}
