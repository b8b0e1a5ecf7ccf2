import { assert } from '../../core/errors.ts';
import type { SharedDescriptor } from '../../core/host-ports.ts';
import type { HeldState, TableState } from '../ledger-store.ts';
import type { Epochs, HeldEpoch } from '../memory/epochs.ts';
import type { Eras } from '../stamps.ts';
import { stagesPerMemory, tableNumbers } from './shared-descriptor.ts';
import { SharedState, type StateReader, type TableParts } from './shared-state.ts';

/** Who may use which stage: one reader each at a time. */
export class StageKeeper {
  readonly #taken = new Set<number>();

  take(): number | undefined {
    for (let stage = 0; stage < stagesPerMemory; stage++) {
      if (this.#taken.has(stage)) continue;
      this.#taken.add(stage);
      return stage;
    }
    return undefined;
  }

  give(stage: number): void {
    this.#taken.delete(stage);
  }
}

/** What a {@link SharedFrozen} is made of. */
export interface SharedFrozenParts {
  readonly tables: readonly TableParts[];
  readonly eras: Eras;
  readonly epochs: Epochs;
  readonly reader: StateReader;
  readonly stages: StageKeeper;
}

/** A shared store's state at one moment, for this thread and others, until it is released. */
export class SharedFrozen implements HeldState {
  readonly #parts: SharedFrozenParts;
  readonly #state: SharedState;
  readonly #held: HeldEpoch;
  readonly #stages: number[] = [];
  #byName: Map<string, TableParts> | undefined;
  #isReleased = false;

  constructor(parts: SharedFrozenParts) {
    this.#parts = parts;
    this.#held = parts.epochs.hold();
    this.#state = new SharedState(
      {
        size: parts.tables.length,
        get: (name) => this.#named().get(name),
        values: () => parts.tables,
        eras: parts.eras,
        isKept: () => !this.#isReleased,
      },
      parts.reader,
    );
  }

  /** Made at the first look-up: a snapshot needs none. */
  #named(): Map<string, TableParts> {
    this.#byName ??= new Map(this.#parts.tables.map((table) => [table.name, table]));
    return this.#byName;
  }

  get size(): number {
    return this.#state.size;
  }

  get(name: string): TableState | undefined {
    return this.#state.get(name);
  }

  values(): Iterable<TableState> {
    return this.#state.values();
  }

  /** In order of their birth. */
  get tables(): Iterable<TableState> {
    return this.#state.values();
  }

  /**
   * What another thread opens with `openShared`: it may be posted, and costs two copies of pointers a table. Each
   * is for one reader at a time. It is void after {@link release}, which whoever reads it must be done with.
   */
  share(): SharedDescriptor {
    assert(!this.#isReleased, 'a frozen state is shared before it is released');
    const { tables, reader, stages } = this.#parts;
    const { memories } = reader.reader;
    const stage = stages.take();
    if (stage !== undefined) this.#stages.push(stage);
    return {
      memories: [...memories.list],
      memoryShift: memories.shift,
      names: tables.map(({ name }) => name),
      numbers: tableNumbers(tables),
      stage,
    };
  }

  release(): void {
    assert(!this.#isReleased, 'a frozen state is released once');
    this.#isReleased = true;
    for (const stage of this.#stages) this.#parts.stages.give(stage);
    this.#parts.epochs.release(this.#held);
  }
}
