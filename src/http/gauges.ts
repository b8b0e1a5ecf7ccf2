import type { EventLoopDelay } from '../io/event-loop-delay.ts';
import type { LiveGeneration } from '../snapshotter/live-generation.ts';
import type { History } from './history.ts';
import type { GaugeReading } from './prometheus-metrics.ts';
import { nodeOf, type ServedHost, snapshotsOf } from './served-host.ts';

/** What is so now, read when somebody asks for `/metrics`. */
export function gaugesOf(
  host: ServedHost,
  { history, delay, version }: { history: History; delay: EventLoopDelay; version: string },
): readonly GaugeReading[] {
  const { live } = snapshotsOf(host);
  return [
    {
      name: 'snapshot_generations',
      help: 'Generations that live, by state',
      values: states.map((state) => ({
        value: live.filter(({ phase }) => phase === state).length,
        labels: { state },
      })),
    },
    one('snapshot_pending', 'Generations that live', live.length),
    one(
      'snapshot_inflight_bytes',
      'Serialised states of the generations that live',
      live.reduce((sum, { bytes = 0 }) => sum + bytes, 0),
    ),
    ...lastCommitted(host, history),
    ...ledgerGauges(host),
    {
      name: 'event_loop_delay_seconds',
      help: 'How late the event loop was, since the last reading',
      values: [
        { value: delay.median, labels: { quantile: '0.5' } },
        { value: delay.p99, labels: { quantile: '0.99' } },
        { value: delay.max, labels: { quantile: '1' } },
      ],
    },
    { name: 'build_info', help: 'This release', values: [{ value: 1, labels: { version } }] },
  ];
}

const states = [
  'scheduled',
  'serialised',
  'awaiting-evidence',
  'persisting',
  'committed',
  'releasing',
] as const satisfies readonly LiveGeneration['phase'][];

function lastCommitted(
  host: ServedHost,
  { lastCommitted: last }: History,
): readonly GaugeReading[] {
  const seqno = last?.seqno ?? nodeOf(host)?.recovered.snapshot?.seqno;
  return [
    ...(seqno === undefined
      ? []
      : [one('snapshot_last_committed_seqno', 'Seqno of the newest committed snapshot', seqno)]),
    ...(last === undefined
      ? []
      : [
          one(
            'snapshot_last_committed_timestamp_seconds',
            'When this process committed it',
            last.endedAtMs / 1000,
          ),
        ]),
  ];
}

function ledgerGauges(host: ServedHost): readonly GaugeReading[] {
  const status = nodeOf(host)?.status;
  if (status === undefined) return [];
  return [
    one('ledger_last_seqno', 'Last entry of the ledger', status.seqno),
    one('ledger_committed_seqno', 'Up to here the ledger is committed', status.committed),
    one('ledger_last_signature_seqno', 'Last signature of the ledger', status.committed),
    one('engine_view', 'View of the node', status.view),
  ];
}

const one = (name: string, help: string, value: number): GaugeReading => ({
  name,
  help,
  values: [{ value }],
});
