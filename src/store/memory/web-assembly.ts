import type { SharedMemory } from '../../core/host-ports.ts';

/** How many pages of 64 KiB a memory begins with, and may ever have. */
export interface MemorySize {
  readonly initial: number;
  readonly maximum: number;
}

interface WebAssemblyApi {
  readonly Memory: new (size: MemorySize & { readonly shared: true }) => SharedMemory;
  readonly Module: new (bytes: Uint8Array) => CompiledModule;
  readonly Instance: new (
    module: CompiledModule,
    imports: object,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
}

// Node's types leave WebAssembly to the DOM's, which declare what Node does not have.
const api = (): WebAssemblyApi =>
  (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;

/** @throws RangeError when the system has no memory left */
export function createSharedMemory(size: MemorySize): SharedMemory {
  const { Memory } = api();
  return new Memory({ ...size, shared: true });
}

declare const compiled: unique symbol;

/** A module that was compiled; it may be instantiated often. */
export interface CompiledModule {
  readonly [compiled]: true;
}

/** Compiles a module, which takes longer than to run a small one. */
export function compile(bytes: Uint8Array): CompiledModule {
  const { Module } = api();
  return new Module(bytes);
}

/** The exports of a module that imports nothing but the memory, as `env.memory`. */
export function instantiate(
  module: CompiledModule,
  memory: SharedMemory,
): Readonly<Record<string, unknown>> {
  const { Instance } = api();
  return new Instance(module, { env: { memory } }).exports;
}
