import type { Logger, Metrics } from '../../src/core/host-ports.ts';

/** One count or measure. */
export interface Told {
  readonly name: string;
  readonly value: number;
  readonly labels: Readonly<Record<string, string>> | undefined;
}

/** A metrics sink that remembers what it was told. */
export function listeningSink(): Metrics & { readonly told: Told[] } {
  const told: Told[] = [];
  return {
    told,
    increment: (name, labels) => told.push({ name, value: 1, labels }),
    observe: (name, value, labels) => told.push({ name, value, labels }),
  };
}

/** A logger that remembers its warnings. */
export function warningLogger(): Logger & { readonly warnings: (readonly [object, string])[] } {
  const warnings: (readonly [object, string])[] = [];
  return {
    warnings,
    info: () => {},
    warn: (details, message) => warnings.push([details, message]),
    error: () => {},
  };
}
