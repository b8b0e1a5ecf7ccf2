import type { SharedMemory } from '../core/host-ports.ts';
import { heldBytes } from './body-stage.ts';
import { inlineBytesMax } from './layout.ts';
import { pageBytes } from './memories.ts';
import {
  add,
  add64,
  and,
  block,
  branch,
  branchIf,
  type Code,
  constant,
  constant64,
  extend,
  get,
  isAbove,
  isAbove64,
  isNotAbove,
  isNotBelow,
  load64,
  loop,
  moduleOf,
  or64,
  rotateLeft64,
  set,
  shiftLeft,
  shiftLeft64,
  shiftRight64,
  store,
  subtract,
  subtract64,
  when,
  wrap,
  xor64,
} from './wasm-assembler.ts';
import { compile, instantiate } from './web-assembly.ts';

/** In a stage's first page, behind what is held there: of each record its hash, and the byte behind it. */
const resultsAt = 2 * heldBytes;
const resultBytes = 8;

/**
 * Looks at the records of a stage in its memory's own code: lengths, padding, version, and the key's hash, which must
 * ascend. It stops before whatever is not plain, be it wrong, large, tied, a tombstone or not all there.
 */
export class ScanKernel {
  readonly #results: Uint32Array;
  readonly #run: (...values: number[]) => number;

  constructor(memory: SharedMemory) {
    this.#results = new Uint32Array(memory.buffer, resultsAt, (pageBytes - resultsAt) / 4);
    // Checked by its tests: the module exports this one function.
    this.#run = instantiate(kernelModule(), memory)['scan'] as (...values: number[]) => number;
  }

  /**
   * Looks at the records from one byte to another, as far as there is room to tell of them.
   * @param hash the last key's; the first key of a map is not for the kernel
   * @returns how many there are; {@link hashAt} and {@link endAt} tell of each
   */
  scan(at: number, end: number, hash: number): number {
    return (this.#run(at, end, hash, resultsAt, pageBytes) - resultsAt) / resultBytes;
  }

  hashAt(record: number): number {
    return this.#results[2 * record] ?? 0;
  }

  /** The byte behind a record. */
  endAt(record: number): number {
    return this.#results[2 * record + 1] ?? 0;
  }
}

const [at, end, last, to, toEnd] = [0, 1, 2, 3, 4] as const;
const [key, value, next, length, word, stop] = [5, 6, 7, 8, 9, 10] as const;
const [v0, v1, v2, v3, tail] = [11, 12, 13, 14, 15] as const;

const exitIf = (...condition: readonly Code[]): Code[] => [...condition, branchIf(1)];
const padded: Code[] = [constant(7), add, constant(-8), and];
/** Whether the number of 64 bits before it is not 0. */
const isSome: Code[] = [constant64(0n), isAbove64];

const mix = (into: number, from: number, by: number, other: number): Code[] => [
  ...[get(into), get(from), add64, set(into)],
  ...[get(from), constant64(BigInt(by)), rotateLeft64, get(into), xor64, set(from)],
  ...(other === 0 ? [] : [get(into), constant64(BigInt(other)), rotateLeft64, set(into)]),
];

/** SipHash's own round. */
const round: Code[] = [
  ...mix(v0, v1, 13, 32),
  ...mix(v2, v3, 16, 0),
  ...mix(v0, v3, 21, 0),
  ...mix(v2, v1, 17, 32),
];

const absorb = (...message: readonly Code[]): Code[] => [
  ...[get(v3), ...message, xor64, set(v3)],
  ...round,
  ...round,
  ...[get(v0), ...message, xor64, set(v0)],
];

/** Low 32 bits of SipHash-2-4 of the key under CCF's key, on the stack. `sipHash24Low32` has the constants. */
function hashCode(): Code[] {
  const [k0, k1] = [0x7720796f726c694bn, 0x2165726568207361n];
  return [
    ...[constant64(k0 ^ 0x736f6d6570736575n), set(v0)],
    ...[constant64(k1 ^ 0x646f72616e646f6dn), set(v1)],
    ...[constant64(k0 ^ 0x6c7967656e657261n), set(v2)],
    ...[constant64(k1 ^ 0x7465646279746573n), set(v3)],
    ...[get(at), constant(8), add, set(word)],
    ...[get(word), get(key), constant(-8), and, add, set(stop)],
    block(
      loop(
        ...[get(word), get(stop), isNotBelow, branchIf(1)],
        ...absorb(get(word), load64()),
        ...[get(word), constant(8), add, set(word)],
        branch(0),
      ),
    ),
    ...[get(tail), get(key), extend, constant64(56n), shiftLeft64, or64, set(tail)],
    ...absorb(get(tail)),
    ...[get(v2), constant64(0xffn), xor64, set(v2)],
    ...round,
    ...round,
    ...round,
    ...round,
    ...[get(v0), get(v1), xor64, get(v2), xor64, get(v3), xor64, wrap],
  ];
}

/** The last, incomplete word of so many bytes that end at a multiple of 8; stops where its padding is not zero. */
const takeTail = (bytes: number, behind: number): Code[] => [
  ...[constant64(0n), set(tail)],
  ...[get(bytes), constant(7), and],
  when(get(behind), constant(8), subtract, load64(), set(tail)),
  ...exitIf(
    ...[get(tail), get(bytes), constant(7), and, constant(3), shiftLeft, extend, shiftRight64],
    ...isSome,
  ),
];

let compiled: object | undefined;

/** One module for all stages of this thread. */
function kernelModule(): object {
  compiled ??= compile(scanBytes());
  return compiled;
}

/** The module: bytes made here, so that none need be kept. */
function scanBytes(): Uint8Array {
  const records = loop(
    ...exitIf(get(to), get(toEnd), isNotBelow),
    ...exitIf(get(at), constant(24), add, get(end), isAbove),
    ...exitIf(get(at), load64(), constant64(BigInt(inlineBytesMax)), isAbove64),
    ...[get(at), load64(), wrap, set(key)],
    ...[get(at), constant(8), add, get(key), ...padded, add, set(value)],
    ...exitIf(get(value), constant(16), add, get(end), isAbove),
    // Below 8 it is far above.
    ...exitIf(
      ...[get(value), load64(), constant64(8n), subtract64],
      ...[constant64(BigInt(inlineBytesMax)), isAbove64],
    ),
    ...[get(value), load64(), wrap, constant(8), subtract, set(length)],
    // A tombstone's is negative, and so far above, too.
    ...exitIf(get(value), load64(8), constant64(2n ** 53n - 1n), isAbove64),
    ...[get(value), constant(16), add, get(length), ...padded, add, set(next)],
    ...exitIf(get(next), get(end), isAbove),
    ...exitIf(get(next), get(at), subtract, constant(inlineBytesMax), isAbove),
    ...takeTail(length, next),
    ...takeTail(key, value),
    ...[...hashCode(), set(stop)],
    ...exitIf(get(stop), get(last), isNotAbove),
    ...[get(stop), set(last)],
    ...[get(to), get(last), store()],
    ...[get(to), get(next), store(4)],
    ...[get(to), constant(resultBytes), add, set(to)],
    ...[get(next), set(at)],
    branch(0),
  );
  const body = [block(records), get(to)];
  return moduleOf({ name: 'scan', parameters: 5, locals: 6, longs: 5, body });
}
