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
  isNotBelow,
  load64,
  loop,
  or64,
  rotateLeft64,
  set,
  shiftLeft64,
  wrap,
  xor64,
} from './wasm-assembler.ts';

/** Where a function keeps what it hashes, and what it hashes with. */
export interface HashLocals {
  /** Address of the key's first byte, on the stack. */
  readonly key: readonly Code[];
  /** Local with the key's bytes; kept. */
  readonly length: number;
  /** Local of 64 bits with the bytes behind the key's last whole 8, the rest zero; used up. */
  readonly tail: number;
  /** Two locals of 32 bits. */
  readonly pointers: readonly [number, number];
  /** Four locals of 64 bits. */
  readonly state: readonly [number, number, number, number];
}

/** Low 32 bits of SipHash-2-4 of a key under CCF's key, left on the stack. `sipHash24Low32` has the constants. */
export function sipHashCode({ key, length, tail, pointers, state }: HashLocals): Code[] {
  const [word, stop] = pointers;
  const [v0, v1, v2, v3] = state;
  const [k0, k1] = [0x7720796f726c694bn, 0x2165726568207361n];
  const round = roundCode(state);
  const absorb = (...message: readonly Code[]): Code[] => [
    ...[get(v3), ...message, xor64, set(v3)],
    ...round,
    ...round,
    ...[get(v0), ...message, xor64, set(v0)],
  ];
  return [
    ...[constant64(k0 ^ 0x736f6d6570736575n), set(v0)],
    ...[constant64(k1 ^ 0x646f72616e646f6dn), set(v1)],
    ...[constant64(k0 ^ 0x6c7967656e657261n), set(v2)],
    ...[constant64(k1 ^ 0x7465646279746573n), set(v3)],
    ...[...key, set(word)],
    ...[get(word), get(length), constant(-8), and, add, set(stop)],
    block(
      loop(
        ...[get(word), get(stop), isNotBelow, branchIf(1)],
        ...absorb(get(word), load64()),
        ...[get(word), constant(8), add, set(word)],
        branch(0),
      ),
    ),
    ...[get(tail), get(length), extend, constant64(56n), shiftLeft64, or64, set(tail)],
    ...absorb(get(tail)),
    ...[get(v2), constant64(0xffn), xor64, set(v2)],
    ...round,
    ...round,
    ...round,
    ...round,
    ...[get(v0), get(v1), xor64, get(v2), xor64, get(v3), xor64, wrap],
  ];
}

/** SipHash's own round. */
function roundCode([v0, v1, v2, v3]: HashLocals['state']): Code[] {
  return [
    ...mix(v0, v1, 13, 32),
    ...mix(v2, v3, 16, 0),
    ...mix(v0, v3, 21, 0),
    ...mix(v2, v1, 17, 32),
  ];
}

const mix = (into: number, from: number, by: number, other: number): Code[] => [
  ...[get(into), get(from), add64, set(into)],
  ...[get(from), constant64(BigInt(by)), rotateLeft64, get(into), xor64, set(from)],
  ...(other === 0 ? [] : [get(into), constant64(BigInt(other)), rotateLeft64, set(into)]),
];
