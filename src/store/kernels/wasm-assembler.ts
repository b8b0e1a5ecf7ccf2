/**
 * Just enough of WebAssembly's binary format for one function over a shared memory.
 * @see WebAssembly core specification, chapter 5
 */

/** Bytes of instructions, to be put one behind the other. */
export type Code = readonly number[];

const i32 = 0x7f;
const i64 = 0x7e;

/** An unsigned number in LEB128. */
function unsigned(value: number): Code {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

function signed(value: number): Code {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7) {
    const low = rest & 0x7f;
    const isLast = (rest >> 7 === 0 && low < 0x40) || (rest >> 7 === -1 && low >= 0x40);
    if (isLast) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

function signedLong(value: bigint): Code {
  const bytes: number[] = [];
  for (let rest = BigInt.asIntN(64, value); ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    const isLast = (rest >> 7n === 0n && low < 0x40) || (rest >> 7n === -1n && low >= 0x40);
    if (isLast) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

const text = (name: string): Code => [name.length, ...Buffer.from(name, 'latin1')];

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number): Code => [0x21, ...unsigned(local)];
export const constant = (value: number): Code => [0x41, ...signed(value)];
export const constant64 = (value: bigint): Code => [0x42, ...signedLong(value)];

export const add: Code = [0x6a];
export const subtract: Code = [0x6b];
export const and: Code = [0x71];
export const shiftLeft: Code = [0x74];
export const isAbove: Code = [0x4b];
export const isNotBelow: Code = [0x4f];
export const isNotAbove: Code = [0x4d];

export const add64: Code = [0x7c];
export const subtract64: Code = [0x7d];
export const or64: Code = [0x84];
export const xor64: Code = [0x85];
export const shiftLeft64: Code = [0x86];
export const shiftRight64: Code = [0x88];
export const rotateLeft64: Code = [0x89];
export const isAbove64: Code = [0x56];
/** The lower half; and a 32-bit number, unsigned, as one of 64. */
export const wrap: Code = [0xa7];
export const extend: Code = [0xad];

const memoryOperand = (alignLog2: number, offset: number): Code => [alignLog2, ...unsigned(offset)];

export const load = (offset = 0): Code => [0x28, ...memoryOperand(2, offset)];
export const load16 = (offset = 0): Code => [0x2f, ...memoryOperand(1, offset)];
export const load64 = (offset = 0): Code => [0x29, ...memoryOperand(3, offset)];
export const load128 = (offset = 0): Code => [0xfd, 0x00, ...memoryOperand(3, offset)];
export const store = (offset = 0): Code => [0x36, ...memoryOperand(2, offset)];
export const store64 = (offset = 0): Code => [0x37, ...memoryOperand(3, offset)];
export const store128 = (offset = 0): Code => [0xfd, 0x0b, ...memoryOperand(3, offset)];

const noResult = 0x40;
const end = 0x0b;

export const block = (...body: readonly Code[]): Code => [0x02, noResult, ...body.flat(), end];
export const loop = (...body: readonly Code[]): Code => [0x03, noResult, ...body.flat(), end];
export const when = (...body: readonly Code[]): Code => [0x04, noResult, ...body.flat(), end];
/** Goes to the end of a block, or the beginning of a loop, so many levels out. */
export const branch = (levels: number): Code => [0x0c, levels];
export const branchIf = (levels: number): Code => [0x0d, levels];

/** A function of 32-bit parameters and locals, with one result. */
export interface FunctionCode {
  readonly name: string;
  readonly parameters: number;
  readonly locals: number;
  /** Locals of 64 bits, behind the others. @default 0 */
  readonly longs?: number;
  readonly body: readonly Code[];
}

const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content];

/** A module that imports `env.memory`, shared and of any size, and exports the function. */
export function moduleOf({ name, parameters, locals, longs = 0, body }: FunctionCode): Uint8Array {
  const type = [1, 0x60, parameters, ...new Array<number>(parameters).fill(i32), 1, i32];
  const isSharedWithMaximum = 3;
  const memory = [2, isSharedWithMaximum, ...unsigned(1), ...unsigned(65536)];
  const variables = [2, ...unsigned(locals), i32, ...unsigned(longs), i64];
  const code = [...variables, ...body.flat(), end];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, type),
    ...section(2, [1, ...text('env'), ...text('memory'), ...memory]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text(name), 0, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ]);
}
