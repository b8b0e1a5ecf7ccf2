import type { WriterStep } from '../../../src/core/words.ts';
import type { FaultKind, Port } from './gates.ts';
import type { ModelGeneration } from './model-generation.ts';
import type { Surroundings } from './surroundings.ts';

/** What became of a generation's file. */
export type FileEnd = 'durable' | 'not-durable' | 'duplicate' | 'conflict' | 'failed' | 'discarded';

/**
 * A generation's file: one spool after another until one is whole, synced and named. Of every other nothing is
 * left but what could not be removed.
 */
export class ModelFile {
  readonly #of: ModelGeneration;
  readonly #around: Surroundings;
  #at: 'filling' | 'filled' | WriterStep | 'discarding' = 'opening';
  #attempt = 0;
  #isWanted = true;
  #isReceiptReady = false;
  #failed: WriterStep | undefined;
  #end: FileEnd = 'discarded';
  hasHandle = false;
  hasSpool = false;
  isEnded = false;
  leftover = false;
  name: string | undefined;

  constructor(of: ModelGeneration, around: Surroundings) {
    this.#of = of;
    this.#around = around;
  }

  get end(): FileEnd {
    return this.#end;
  }

  get spoolName(): string {
    return `spool_${this.#of.snapshotSeqno}_${this.#attempt}.tmp`;
  }

  /** The step that failed for good. */
  get failedStep(): WriterStep | undefined {
    return this.#failed;
  }

  open(): void {
    this.#goOn('opening', 'open');
  }

  filled(): void {
    if (this.#isReceiptReady) this.#goOn('appending', 'append');
    else this.#at = 'filled';
  }

  receiptReady(): void {
    this.#isReceiptReady = true;
    if (this.#at === 'filled') this.#goOn('appending', 'append');
  }

  /** The generation wants no file any more; one that is being named is past recall. */
  giveUp(): void {
    this.#isWanted = false;
    const isIdle = this.#at === 'filling' || this.#at === 'filled';
    if (isIdle || (this.#at === 'opening' && this.#around.withdraw(this.#of))) this.#discard();
  }

  answer(port: Port): void {
    if (port === 'publish') this.#publish();
    else if (port === 'dirsync') this.#syncDirectory();
    else this.#stepped(port, !this.#fails(port as FaultKind));
  }

  #stepped(port: Port, isDone: boolean): void {
    if (this.#at === 'discarding') {
      this.#discarded(port, isDone);
      return;
    }
    if (port === 'open') {
      this.hasHandle = isDone;
      this.hasSpool = isDone;
    }
    if (port === 'close') this.hasHandle = false;
    if (!this.#isWanted) this.#discard();
    else if (!isDone) this.#fail(this.#at as WriterStep);
    else this.#next(port);
  }

  #next(port: Port): void {
    if (port === 'open') {
      this.#at = 'filling';
      this.#of.spoolOpened();
    } else if (port === 'append') {
      this.#goOn('syncing', 'sync');
    } else if (port === 'sync') {
      this.#goOn('closing', 'close');
    } else {
      this.#at = 'publishing';
      this.#around.queueForLock(this.#of);
    }
  }

  #publish(): void {
    const name = `snapshot_${this.#of.snapshotSeqno}_${this.#of.evidence}.committed`;
    const isConflict = this.#fails('conflict');
    const isDuplicate = !isConflict && this.#fails('duplicate');
    this.#around.leaveLock();
    if (isConflict || isDuplicate) {
      this.#around.files.set(name, 'planted');
      this.#end = isConflict ? 'conflict' : 'duplicate';
      this.#discard();
    } else if (this.#fails('rename')) {
      this.#fail('publishing');
    } else {
      this.hasSpool = false;
      this.#around.files.set(name, 'renamed');
      this.name = name;
      this.#goOn('syncingDirectory', 'dirsync');
    }
  }

  #syncDirectory(): void {
    const isDurable = !this.#fails('dirsync');
    if (this.name !== undefined && isDurable) this.#around.files.set(this.name, 'durable');
    if (!isDurable) this.#failed = 'syncingDirectory';
    this.#ended(isDurable ? 'durable' : 'not-durable');
  }

  #fail(step: WriterStep): void {
    this.#failed = step;
    this.#end = 'failed';
    this.#discard();
  }

  #discard(): void {
    if (this.hasHandle) this.#goOn('discarding', 'close');
    else if (this.hasSpool) this.#goOn('discarding', 'remove');
    else this.#writeAgainOrEnd();
  }

  #discarded(port: Port, isDone: boolean): void {
    if (port === 'close') {
      this.hasHandle = false;
      this.#discard();
      return;
    }
    this.hasSpool = false;
    if (!isDone) {
      this.leftover = true;
      this.#around.files.set(this.spoolName, 'planted');
    }
    this.#writeAgainOrEnd();
  }

  #writeAgainOrEnd(): void {
    if (this.#end === 'failed' && this.#isWanted && this.#mayRunAgain) {
      this.#attempt++;
      this.#failed = undefined;
      this.#end = 'discarded';
      this.open();
    } else {
      this.#ended(this.#end);
    }
  }

  get #mayRunAgain(): boolean {
    return this.#attempt + 1 < this.#around.settings.attemptsMax;
  }

  #ended(end: FileEnd): void {
    this.#at = 'discarding';
    this.#end = end;
    this.isEnded = true;
    this.#of.fileEnded();
  }

  #goOn(at: WriterStep | 'discarding', port: Port): void {
    this.#at = at;
    this.#around.ask(port, this.#of);
  }

  #fails(kind: FaultKind): boolean {
    return this.#around.faults.take(kind, this.#of.snapshotSeqno);
  }
}
