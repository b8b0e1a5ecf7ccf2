import type { SharedMemory } from '../../core/host-ports.ts';
import { heldBytes } from '../memory/body-stage.ts';
import { inlineBytesMax } from '../memory/layout.ts';
import { pageBytes } from '../memory/memories.ts';
import { type CompiledModule, compile, instantiate } from '../memory/web-assembly.ts';
import { sipHashCode } from './siphash-code.ts';
import {
  add,
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
  set,
  shiftLeft,
  shiftRight64,
  store,
  subtract,
  subtract64,
  when,
  wrap,
} from './wasm-assembler.ts';

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
    this.#run = instantiate(scanModule(), memory)['scan'] as (...values: number[]) => number;
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

const hashCode = sipHashCode({
  key: [get(at), constant(8), add],
  length: key,
  tail,
  pointers: [word, stop],
  state: [v0, v1, v2, v3],
});

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

let compiled: CompiledModule | undefined;

/** One module for all memories of this thread. */
function scanModule(): CompiledModule {
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
    ...[...hashCode, set(stop)],
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
