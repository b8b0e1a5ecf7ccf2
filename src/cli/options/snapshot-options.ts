import { type Command, Option } from 'commander';
import { parseCount } from './count-option.ts';

/** What a snapshot must be, beside valid: options that several commands have. */
export interface SnapshotFlags {
  readonly minSeqno?: number;
  readonly maxSnapshotBytes?: number;
  readonly strict?: boolean;
}

/** Adds the options of {@link SnapshotFlags} to a command. */
export function addSnapshotOptions(command: Command): Command {
  const any = Number.MAX_SAFE_INTEGER;
  return command
    .addOption(
      new Option(
        '--min-seqno <n>',
        'refuse what is older, as a rollback: the last seqno that you know of',
      ).argParser(parseCount(0, any)),
    )
    .addOption(
      new Option(
        '--max-snapshot-bytes <n>',
        'largest snapshot file that is read (default: 256 GiB)',
      ).argParser(parseCount(1, any)),
    )
    .option('--strict', 'refuse snapshots with hard links, and those that others may write');
}

/** The library's options for them. */
export function snapshotOptions({ minSeqno, maxSnapshotBytes, strict }: SnapshotFlags) {
  return {
    ...(minSeqno !== undefined && { minSeqno }),
    ...(maxSnapshotBytes !== undefined && { snapshotBytesMax: maxSnapshotBytes }),
    ...(strict !== undefined && { strict }),
  };
}
