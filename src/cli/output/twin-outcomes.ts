import { basename, dirname } from 'node:path';
import { LedgerSnapshotterError } from '../../core/errors.ts';
import { parseSnapshotName } from '../../formats/encoding/file-name.ts';
import { forkError } from '../../verification/seqno-forks.ts';
import type { SnapshotVerification } from '../../verification/verify.ts';

/** What a file proved, or why it was refused. */
export type VerifyOutcome = VerifiedOutcome | LedgerSnapshotterError;

/** Without its content: outcomes are kept, and contents may be large. */
export type VerifiedOutcome = Omit<SnapshotVerification, 'content'>;

/**
 * Holds outcomes back, in the order of the files, until those of the same directory and seqno are there, too: where
 * two of these verify and differ, both are refused.
 */
export class TwinOutcomes {
  readonly #waiting: string[];
  /** The files of each directory and seqno. */
  readonly #twins = new Map<string, string[]>();
  readonly #outcomes = new Map<string, VerifyOutcome>();

  /** @param files all that will be added, in this order */
  constructor(files: readonly string[]) {
    this.#waiting = [...files];
    for (const file of new Set(files)) {
      const place = placeOf(file);
      this.#twins.set(place, [...(this.#twins.get(place) ?? []), file]);
    }
  }

  add(file: string, outcome: VerifyOutcome): void {
    this.#outcomes.set(file, outcome);
  }

  /** The next ones that are certain, in the order of the files. */
  take(): readonly (readonly [file: string, outcome: VerifyOutcome])[] {
    const taken: [string, VerifyOutcome][] = [];
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const outcome = this.#outcomes.get(next);
      const twins = this.#twinsOf(next);
      if (outcome === undefined || twins.some((twin) => !this.#outcomes.has(twin))) break;
      this.#waiting.shift();
      taken.push([next, this.#forkOf(next, outcome, twins) ?? outcome]);
    }
    return taken;
  }

  #twinsOf(file: string): readonly string[] {
    return (this.#twins.get(placeOf(file)) ?? []).filter((other) => other !== file);
  }

  #forkOf(
    file: string,
    outcome: VerifyOutcome,
    twins: readonly string[],
  ): LedgerSnapshotterError | undefined {
    if (outcome instanceof LedgerSnapshotterError) return undefined;
    for (const twin of twins) {
      const other = this.#outcomes.get(twin);
      if (other === undefined || other instanceof LedgerSnapshotterError) continue;
      // Of two services each may have a snapshot of that seqno.
      const isOfOne =
        other.serviceKeyId === outcome.serviceKeyId || (other.trusted && outcome.trusted);
      if (!isOfOne || other.digest === outcome.digest) continue;
      return forkError({ seqno: outcome.seqno, files: [file, twin] });
    }
    return undefined;
  }
}

/** Directory and seqno, as the name has it; what has no such name is alone. */
function placeOf(file: string): string {
  const { seqno } = parseSnapshotName(basename(file)) ?? {};
  return seqno === undefined ? file : `${dirname(file)}/${seqno}`;
}
