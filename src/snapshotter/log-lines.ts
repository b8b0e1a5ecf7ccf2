import type { GenerationOutput, SnapshotterEmitted } from '../../machines/events.ts';
import type { Logger } from '../core/host-ports.ts';
import type { Outcome } from '../core/words.ts';

/** Writes a line for every generation that ends, every point that is skipped, and every refused event. */
export function logEmitted(logger: Logger | undefined, emitted: SnapshotterEmitted): void {
  switch (emitted.type) {
    case 'generation.ended':
      logEnd(logger, emitted);
      return;
    case 'point.ended': {
      const { seqno, end, reason } = emitted;
      if (end === 'skipped') logger?.info({ seqno, reason }, 'a snapshot point was skipped');
      return;
    }
    case 'event.refused': {
      const { event, seqno } = emitted;
      logger?.info({ event, seqno }, 'an event was refused');
      return;
    }
    case 'generation.started':
  }
}

function logEnd(logger: Logger | undefined, ended: GenerationOutput): void {
  const { generation, seqno, outcome, file, step, reason } = ended;
  const details = { generation, seqno, outcome, file, step, reason };
  const [level, message] = lineOf(outcome);
  logger?.[level](details, message);
}

function lineOf(outcome: Outcome): readonly ['info' | 'warn', string] {
  switch (outcome) {
    case 'committed':
    case 'duplicate':
      return ['info', 'a snapshot is there'];
    case 'committed-not-durable':
      return ['warn', 'a snapshot is there, but a power cut may take it'];
    // Somebody wanted it so: an operator, a shutdown, an election.
    case 'cancelled':
    case 'rolled-back':
      return ['info', 'a snapshot was given up'];
    default:
      return ['warn', 'a snapshot came to nothing'];
  }
}
