import type { SnapshotterEmitted } from '../../../machines/events.ts';
import type { LedgerNode } from '../../node/ledger-node.ts';
import { formatTable, groupDigits } from '../output/table.ts';
import type { Terminal } from '../output/terminal.ts';

const columns = [
  { title: '  SNAPSHOT', align: 'right' },
  { title: 'PHASE' },
  { title: 'BYTES', align: 'right' },
  { title: 'AGE', align: 'right' },
] as const;

/** The generations that live now, as lines of a table; none when there are none. */
export function liveTable({ snapshots }: LedgerNode, nowMs: number): readonly string[] {
  const rows = snapshots.live.map(({ seqno, phase, bytes, startedAtMs }) => [
    String(seqno),
    phase,
    bytes === undefined ? '-' : groupDigits(bytes),
    `${((nowMs - startedAtMs) / 1000).toFixed(1)} s`,
  ]);
  return rows.length === 0 ? [] : formatTable(columns, rows);
}

/** What became of a run's generations. */
export interface FollowedGenerations {
  /** Generations that ended without a file, other than by the node's end. */
  readonly unfinished: number;
}

/** Tells of every generation that ends. */
export function followGenerations(
  { snapshots }: LedgerNode,
  terminal: Terminal,
): FollowedGenerations {
  const followed = { unfinished: 0 };
  snapshots.subscribe((event) => {
    const line = lineOf(event);
    if (line !== undefined) terminal.note(line);
    if (event.type === 'generation.ended' && !isThere(event) && event.outcome !== 'cancelled') {
      followed.unfinished++;
    }
  });
  return followed;
}

type Ended = Extract<SnapshotterEmitted, { type: 'generation.ended' }>;

const isThere = ({ outcome }: Ended): boolean => outcome === 'committed' || outcome === 'duplicate';

function lineOf(event: SnapshotterEmitted): string | undefined {
  if (event.type === 'point.ended' && event.end === 'skipped') {
    return `snapshot of ${event.seqno}: skipped (${event.reason})`;
  }
  if (event.type === 'point.ended' && event.end === 'cancelled') {
    return `snapshot of ${event.seqno}: not begun, the node was closed before it could be`;
  }
  if (event.type !== 'generation.ended') return undefined;
  const { seqno, outcome, file, reason } = event;
  const detail = file ?? reason;
  const isSaid = detail === undefined || detail === outcome;
  return `snapshot of ${seqno}: ${outcome}${isSaid ? '' : `, ${detail}`}`;
}
