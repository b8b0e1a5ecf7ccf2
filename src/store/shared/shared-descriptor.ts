import { FormatError } from '../../core/errors.ts';
import type { SharedDescriptor } from '../../core/host-ports.ts';
import { GatherKernel } from '../kernels/gather-kernel.ts';
import { granulesPerPageLog2, Memories } from '../memory/memories.ts';
import type { TableParts } from './shared-state.ts';

/** Page 0 of each memory, in equal parts: where a reader's kernel puts records together. */
export const stagesPerMemory = 4;

const numbersPerTable = 7;

export function tableNumbers(tables: readonly TableParts[]): Float64Array<ArrayBuffer> {
  const numbers = new Float64Array(tables.length * numbersPerTable);
  let at = 0;
  const push = (value: number): void => {
    numbers[at++] = value;
  };
  for (const { version, live, tombstones } of tables) {
    push(version);
    push(live.root);
    push(live.size);
    push(live.bodyBytes);
    push(tombstones.root);
    push(tombstones.size);
    push(tombstones.bodyBytes);
  }
  return numbers;
}

/** A frozen state as a thread reads it. */
export interface OpenedState {
  readonly memories: Memories;
  readonly tables: readonly TableParts[];
  /** Of each memory, made when it is first used; none where there is no stage. */
  kernelOf(memory: number): GatherKernel | undefined;
}

/**
 * Opens a frozen state on this thread; nothing is copied.
 * @throws FormatError `BAD_LENGTH` when it is no descriptor of a state
 */
export function openShared(descriptor: SharedDescriptor): OpenedState {
  const { memories: list, memoryShift, names, numbers, stage } = descriptor;
  const memories = new Memories(memoryShift - granulesPerPageLog2, list);
  const tables = tablesOfNumbers(names, numbers);
  const kernels: GatherKernel[] = [];
  const kernelOf = (index: number): GatherKernel | undefined => {
    const memory = list[index];
    if (stage === undefined || memory === undefined) return undefined;
    kernels[index] ??= new GatherKernel(memory, stage);
    return kernels[index];
  };
  return { memories, tables, kernelOf };
}

/** What {@link tableNumbers} was given. @throws FormatError `BAD_LENGTH` when the numbers are of others */
export function tablesOfNumbers(
  names: readonly string[],
  numbers: Float64Array,
): readonly TableParts[] {
  if (numbers.length !== names.length * numbersPerTable) {
    throw new FormatError('BAD_LENGTH', `${numbers.length} numbers of ${names.length} tables`);
  }
  return names.map((name, i) => tableOf(name, numbers.subarray(i * numbersPerTable)));
}

function tableOf(name: string, numbers: Float64Array): TableParts {
  const at = (i: number): number => numbers[i] ?? 0;
  return {
    name,
    version: at(0),
    live: { root: at(1), size: at(2), bodyBytes: at(3) },
    tombstones: { root: at(4), size: at(5), bodyBytes: at(6) },
  };
}
