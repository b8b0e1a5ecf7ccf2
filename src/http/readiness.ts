import type { History } from './history.ts';
import { nodeOf, type ServedHost, snapshotsOf } from './served-host.ts';

/** One thing that must be so before a host is ready; `problem` says why it is not. */
export interface ReadinessCheck {
  readonly name: string;
  readonly problem?: string;
}

export interface ReadinessOptions {
  readonly history: History;
  readonly nowMs: number;
  /** When the handler was made: the age of a snapshot is counted from then while there is none. */
  readonly startedMs: number;
  readonly snapshotAgeMsMax: number | undefined;
}

/** What makes a host ready: it is open, its ledger can be written, and, if asked for, its last snapshot is young. */
export function readinessOf(
  host: ServedHost,
  { history, nowMs, startedMs, snapshotAgeMsMax }: ReadinessOptions,
): readonly ReadinessCheck[] {
  const node = nodeOf(host);
  const ageMs = nowMs - (history.lastCommitted?.endedAtMs ?? startedMs);
  return [
    check('snapshotter', snapshotsOf(host).isOpen ? undefined : 'it is closed'),
    ...(node ? [check('engine', node.status.failure?.message)] : []),
    ...(snapshotAgeMsMax === undefined
      ? []
      : [
          check(
            'snapshot_age',
            ageMs > snapshotAgeMsMax
              ? `${Math.round(ageMs / 1000)} s > ${Math.round(snapshotAgeMsMax / 1000)} s`
              : undefined,
          ),
        ]),
  ];
}

const check = (name: string, problem: string | undefined): ReadinessCheck => ({
  name,
  ...(problem !== undefined && { problem }),
});

/** `[+]name ok` or `[-]name failed: why`, a line each, and last the sum of it. */
export function readinessText(checks: readonly ReadinessCheck[]): string {
  const lines = checks.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`,
  );
  const isReady = checks.every(({ problem }) => problem === undefined);
  return `${[...lines, isReady ? 'ready' : 'not ready'].join('\n')}\n`;
}
