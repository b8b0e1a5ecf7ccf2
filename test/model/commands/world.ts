import type { AnyActorRef, InspectionEvent } from 'xstate';
import type { SnapshotterEmitted } from '../../../machines/events.ts';
import type { SnapshotterContext } from '../../../machines/snapshotter-setup.ts';
import type { Digest, Seqno } from '../../../src/core/words.ts';
import { seqno as toSeqno } from '../../../src/core/words.ts';
import { type MemoryDisk, MemoryFile } from '../../../src/io/memory-disk.ts';
import { MemoryFileSystem } from '../../../src/io/memory-file-system.ts';
import {
  createSnapshotter,
  type Snapshotter,
} from '../../../src/snapshotter/create-snapshotter.ts';
import { countingRandomness, fakeProcesses } from '../../files/fake-processes.ts';
import { GatedExecutor } from './gated-executor.ts';
import { directory, GatedFileSystem } from './gated-file-system.ts';
import { Faults, Gates } from './gates.ts';
import type { Ledger } from './ledger.ts';
import { type Policy, words } from './model.ts';
import { SimulatedClock } from './simulated-clock.ts';
import type { Settings } from './surroundings.ts';

export interface WorldOptions {
  readonly disk: MemoryDisk;
  readonly ledger: Ledger;
  readonly settings: Settings;
  readonly isOpen: boolean;
  readonly isReal: boolean;
  /** Counts the starts on this disk. */
  readonly process: number;
  readonly committed: number;
  readonly lastSnapshot: number;
}

/** A submission that the host has not answered. */
export interface Submission {
  readonly snapshotSeqno: Seqno;
  readonly resolve: (answer: { readonly seqno: Seqno } | 'refused') => void;
  readonly reject: (error: Error) => void;
  readonly signal: AbortSignal;
}

/** One process: a snapshotter on a disk in memory, with every port in the test's hand. */
export class World {
  readonly options: WorldOptions;
  readonly clock = new SimulatedClock();
  readonly faults = new Faults();
  readonly gates: Gates;
  readonly submissions: Submission[] = [];
  readonly #fileSystem: MemoryFileSystem;
  readonly #gated: GatedFileSystem;
  readonly #executor: GatedExecutor;
  readonly #versions = new Map<Digest, number>();
  #snapshotter: Snapshotter | undefined;
  #root: AnyActorRef | undefined;
  #events: string[] = [];
  policy: Policy = 'accept';
  failsToFreeze = false;
  frozen = 0;
  released = 0;

  private constructor(options: WorldOptions) {
    const { disk, isOpen, isReal } = options;
    this.options = options;
    this.gates = new Gates({ isOpen });
    this.#fileSystem = new MemoryFileSystem(disk);
    const ports = { gates: this.gates, faults: this.faults };
    this.#gated = new GatedFileSystem({ disk: this.#fileSystem, ...ports });
    this.#executor = new GatedExecutor({
      ...ports,
      fileSystem: this.#gated,
      isReal,
      versionOfEvidence: (seqno) => options.ledger.entryAt(seqno)?.evidence?.snapshotSeqno ?? 0,
      versionOfDigest: (digest) => this.#versions.get(digest as Digest) ?? 0,
    });
  }

  static async start(options: WorldOptions): Promise<World> {
    const world = new World(options);
    await world.#start();
    return world;
  }

  async #start(): Promise<void> {
    const { settings, ledger, committed, lastSnapshot, process } = this.options;
    this.#snapshotter = await createSnapshotter({
      directory,
      source: { freeze: (seqno) => this.#freeze(seqno) },
      evidence: { submit: (evidence, { signal }) => this.#submit(evidence, signal) },
      secrets: { at: () => ledger.secret },
      identity: ledger.publicKey,
      ...settings,
      resumeAt: { committed: toSeqno(committed), lastSnapshot: toSeqno(lastSnapshot) },
      inspect: (event) => this.#inspect(event),
      environment: {
        fileSystem: this.#gated,
        clock: this.clock,
        randomness: countingRandomness(),
        processes: fakeProcesses({ [process]: 'a' }, process),
        startExecutor: () => this.#executor,
      },
    });
    this.snapshotter.subscribe((event) => this.#events.push(textOf(event)));
  }

  get snapshotter(): Snapshotter {
    if (this.#snapshotter === undefined) throw new Error('the snapshotter has not started');
    return this.#snapshotter;
  }

  get context(): SnapshotterContext {
    if (this.#root === undefined) throw new Error('no actor has started');
    return this.#root.getSnapshot().context;
  }

  get openHandles(): number {
    return this.#fileSystem.openHandles;
  }

  get violations(): readonly string[] {
    return this.#gated.violations;
  }

  /** The files of the snapshots directory, by name. */
  get files(): ReadonlyMap<string, MemoryFile> {
    const found = this.options.disk.root.current.get(directory.slice(1));
    const files = new Map<string, MemoryFile>();
    if (found?.kind !== 'directory') return files;
    for (const [name, node] of found.current) if (node instanceof MemoryFile) files.set(name, node);
    return files;
  }

  takeEvents(): readonly string[] {
    const events = this.#events.sort();
    this.#events = [];
    return events;
  }

  /** Until nothing more happens by itself: what is left waits at a gate, for the host, or for time. */
  async settle(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve));
    while (this.#executor.running > 0);
    this.#executor.turnEnded();
  }

  #freeze(seqno: Seqno) {
    if (this.failsToFreeze) throw new Error('as the test wants it');
    this.frozen++;
    return this.options.ledger.freeze(seqno, () => {
      this.released++;
    });
  }

  async #submit(
    { snapshotSeqno, digest }: { readonly snapshotSeqno: Seqno; readonly digest: Digest },
    signal: AbortSignal,
  ): Promise<{ readonly seqno: Seqno } | 'refused'> {
    this.#versions.set(digest, snapshotSeqno);
    if (this.policy === 'refuse') return 'refused';
    if (this.policy === 'throw') throw new TypeError('the log is broken');
    if (this.policy === 'accept') return { seqno: toSeqno(this.options.ledger.last + 1) };
    return new Promise((resolve, reject) => {
      this.submissions.push({ snapshotSeqno, resolve, reject, signal });
    });
  }

  #inspect(event: InspectionEvent): void {
    if (event.type !== '@xstate.actor' || this.#root !== undefined) return;
    if (event.actorRef.sessionId === event.rootId) this.#root = event.actorRef as AnyActorRef;
  }
}

/** An event in the model's words. */
function textOf(event: SnapshotterEmitted): string {
  switch (event.type) {
    case 'point.ended':
      return ['point', event.seqno, event.end, ...(event.reason ? [event.reason] : [])].join(' ');
    case 'generation.started':
      return `started ${event.generation} ${event.seqno}`;
    case 'event.refused':
      return `refused ${event.event} ${event.seqno}`;
    default: {
      const { generation, seqno, outcome, digest, file, step, refusedEvidence, leftover } = event;
      const { evidenceSeqno: evidence, signatureSeqno: signature } = event;
      const more = { outcome, digest, evidence, signature, file, step, refusedEvidence, leftover };
      return `ended ${generation} ${seqno} ${words(more)}`;
    }
  }
}
