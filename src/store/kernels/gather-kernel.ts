import type { SharedMemory } from '../../core/host-ports.ts';
import { word } from '../memory/layout.ts';
import { pageBytes } from '../memory/memories.ts';
import { type CompiledModule, compile, instantiate } from '../memory/web-assembly.ts';
import {
  add,
  and,
  block,
  branch,
  branchIf,
  type Code,
  constant,
  get,
  isAbove,
  isNotBelow,
  load,
  load16,
  load64,
  load128,
  loop,
  moduleOf,
  set,
  shiftLeft,
  store,
  store64,
  store128,
  when,
} from './wasm-assembler.ts';

// A stage: the kernel's answer, slots that lie in another memory, then the records that it has put together.
const stageBytes = pageBytes / 4;
const slotsAt = 64;
const slotsMax = 1024;
const recordsAt = slotsAt + 2 * slotsMax;

/** What a {@link GatherKernel} copies: offsets of 16 bits, in units of 8 bytes from the heap's beginning. */
export interface KernelInput {
  readonly halves: Uint16Array;
  /** The first and behind the last of the slots, in `halves`. */
  readonly from: number;
  readonly to: number;
  /** Byte of the kernel's memory where the heap begins. */
  readonly heap: number;
}

/** Copies records in the order of their slots, in a memory's own code: 20 times as fast as views. */
export class GatherKernel {
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #bytes: Uint8Array;
  readonly #stage: number;
  readonly #run: (...values: number[]) => number;
  /** Slots that were done with the last time. */
  done = 0;

  constructor(memory: SharedMemory, stage: number) {
    this.#words = new Int32Array(memory.buffer, 0, pageBytes / 4);
    this.#halves = new Uint16Array(memory.buffer, 0, pageBytes / 2);
    this.#bytes = new Uint8Array(memory.buffer, 0, pageBytes);
    this.#stage = stage * stageBytes;
    // Checked by its tests: the module exports this one function.
    this.#run = instantiate(kernelModule(), memory)['gather'] as (...values: number[]) => number;
  }

  /**
   * Puts records together until the stage is full, the slots are done, or one is a stub.
   * @param isSame whether the slots lie in the kernel's memory, too
   * @returns a view of the stage, good until the next call
   */
  gather({ halves, from, to, heap }: KernelInput, isSame: boolean): Uint8Array {
    const stage = this.#stage;
    let slots = from * 2;
    if (!isSame) {
      slots = stage + slotsAt;
      for (let i = from; i < to; i++) this.#halves[(slots >>> 1) + i - from] = halves[i] ?? 0;
    }
    const begin = stage + recordsAt;
    const last = slots + (to - from) * 2;
    const end = this.#run(stage, slots, last, heap, begin, stage + stageBytes);
    this.done = ((word(this.#words, stage >>> 2) >>> 0) - (slots >>> 0)) / 2;
    return this.#bytes.subarray(begin, end);
  }
}

let compiled: CompiledModule | undefined;

/** One module for all memories of this thread. */
function kernelModule(): CompiledModule {
  compiled ??= compile(kernelBytes());
  return compiled;
}

/** The module: bytes made here, so that none need be kept. */
export function kernelBytes(): Uint8Array {
  const [stage, slots, last, heap, to, end, from, size, stop] = [
    0, 1, 2, 3, 4, 5, 6, 7, 8,
  ] as const;
  const increase = (local: number, by: number): Code[] => [
    get(local),
    constant(by),
    add,
    set(local),
  ];
  const padded: Code[] = [constant(7), add, constant(-8), and];
  const copyLoop = (bytes: number): Code => {
    const lanes = Array.from({ length: bytes / 16 }, (_, i) => 16 * i);
    return loop(
      ...[get(to), get(stop), isNotBelow, branchIf(1)],
      ...lanes.flatMap((lane) => [get(to), get(from), load128(lane), store128(lane)]),
      ...increase(from, bytes),
      ...increase(to, bytes),
      branch(0),
    );
  };
  const records = loop(
    ...[get(slots), get(last), isNotBelow, branchIf(1)],
    ...[get(heap), get(slots), load16(), constant(3), shiftLeft, add, set(from)],
    // The upper half of the key's length: only a stub has one.
    ...[get(from), load(4), branchIf(1)],
    ...[get(from), load(), ...padded, set(size)],
    ...[
      get(from),
      get(size),
      add,
      load(8),
      ...padded,
      get(size),
      add,
      constant(16),
      add,
      set(size),
    ],
    ...[get(to), get(size), add, get(end), isAbove, branchIf(1)],
    ...increase(slots, 2),
    ...[get(to), get(size), constant(-64), and, add, set(stop)],
    block(copyLoop(64)),
    ...[get(to), get(size), constant(48), and, add, set(stop)],
    block(copyLoop(16)),
    ...[get(size), constant(8), and],
    when(...[get(to), get(from), load64(), store64()], ...increase(to, 8)),
    branch(0),
  );
  const body = [block(records), get(stage), get(slots), store(), get(to)];
  return moduleOf({ name: 'gather', parameters: 6, locals: 3, body });
}
