import { getEventListeners } from 'node:events';
import { readdirSync } from 'node:fs';
import { soakReal } from './real-service.ts';
import { soakSimulated } from './simulated-service.ts';
import type { Soaked, SoakLine, Tenths } from './soaked.ts';

/**
 * A soak as a process of its own, so that nothing else is in its memory: `node --expose-gc soak-run.js <case>
 * <generations>` prints a line of JSON.
 */
const soaks = { simulated: soakSimulated, real: soakReal };

export type SoakName = keyof typeof soaks;

const [name = '', count = ''] = process.argv.slice(2);
const soak = soaks[name as SoakName];
if (soak === undefined || gc === undefined)
  throw new TypeError('usage: node --expose-gc soak-run.js <case> <generations>');

const warnings: string[] = [];
process.on('warning', ({ message }) => warnings.push(message));

const megabyte = 1024 * 1024;

class Memory implements Tenths {
  readonly #samples: number[] = [];

  get taken(): number {
    return this.#samples.length;
  }

  get samples(): readonly number[] {
    return this.#samples;
  }

  async sample(): Promise<void> {
    // What a finalizer lets go of is there for the next collection.
    for (let i = 0; i < 2; i++) {
      gc?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    this.#samples.push(Math.round(((heapUsed + arrayBuffers) / megabyte) * 100) / 100);
  }
}

/** Descriptors and resources that Node itself takes at first use are not leaked: a short soak takes them. */
await soak(10, new Memory());
await turns();
const before = { resources: resources(), descriptors: descriptors() };

const memory = new Memory();
const startMs = performance.now();
const { signal, ...soaked }: Soaked = await soak(Number(count), memory);
const seconds = (performance.now() - startMs) / 1000;
await turns();

const [, first = 0] = memory.samples;
const line: SoakLine = {
  name: 'soak',
  case: name,
  ...soaked,
  seconds: Math.round(seconds * 10) / 10,
  perSecond: Math.round(soaked.generations / seconds),
  memoryMb: memory.samples,
  growthMb: Math.round(((memory.samples.at(-1) ?? 0) - first) * 100) / 100,
  resourcesLeft: without(resources(), before.resources),
  descriptorsLeft: descriptors() - before.descriptors,
  listenersLeft: getEventListeners(signal, 'abort').length,
  warnings,
};
process.stdout.write(`${JSON.stringify(line)}\n`);

function resources(): readonly string[] {
  return process.getActiveResourcesInfo();
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

function without(items: readonly string[], known: readonly string[]): readonly string[] {
  const rest = [...items];
  for (const item of known) if (rest.includes(item)) rest.splice(rest.indexOf(item), 1);
  return rest;
}

/** Threads that were asked to end are gone. */
async function turns(): Promise<void> {
  for (let i = 0; i < 100; i++) await new Promise((resolve) => setImmediate(resolve));
}
