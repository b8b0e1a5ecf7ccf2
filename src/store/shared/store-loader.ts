import { assert } from '../../core/errors.ts';
import type { Seqno } from '../../core/words.ts';
import type { MapHeader, MapSink } from '../../formats/snapshot/domain-stream.ts';
import type { StoreContext } from '../index/buckets.ts';
import { ScanKernel } from '../kernels/scan-kernel.ts';
import { BodyStage } from '../memory/body-stage.ts';
import type { BuiltStore } from '../memory/built-store.ts';
import { BodyLoader } from './body-loader.ts';
import { tableNumbers, tablesOfNumbers } from './shared-descriptor.ts';
import type { TableParts } from './shared-state.ts';
import type { SharedStoreOptions } from './shared-store.ts';
import { openStoreContext } from './store-context.ts';

/**
 * Builds a shared store's state from the maps of a snapshot as their bytes come, in time near that of copying them. The
 * records are the file's own bytes: they are looked at where they lie, and moved in runs.
 *
 * What was built is nobody's until {@link finish}: whoever finds that the bytes prove nothing just drops it.
 */
export class StoreLoader implements MapSink {
  readonly #context: StoreContext;
  readonly #keepsTombstones: boolean;
  readonly #stage: BodyStage;
  readonly #kernel: ScanKernel | undefined;
  readonly #tables: TableParts[] = [];
  #body: BodyLoader | undefined;

  /**
   * @param built what to go on from: its maps stay
   * @throws RangeError when that has memories of another bound
   * @throws StorageError `OUT_OF_MEMORY`
   */
  constructor(options: SharedStoreOptions = {}, built?: BuiltStore) {
    this.#context = openStoreContext(options, built?.arena);
    this.#keepsTombstones = options.keepsTombstones ?? false;
    this.#stage = new BodyStage(options.createMemory);
    this.#kernel = options.hash === undefined ? new ScanKernel(this.#stage.memory) : undefined;
    if (built !== undefined) this.#tables.push(...tablesOfNumbers(built.names, built.numbers));
  }

  /** A map follows, whose body {@link take} is given next. Its name is no other's. */
  begin(map: MapHeader): void {
    assert(this.#body === undefined, 'a map begins where the one before it has ended');
    this.#body = new BodyLoader(map, {
      context: this.#context,
      stage: this.#stage,
      kernel: this.#kernel,
      keepsTombstones: this.#keepsTombstones,
    });
  }

  /** The next bytes of the map's body. @throws FormatError, StorageError as {@link BodyLoader.take} */
  take(bytes: Uint8Array): void {
    this.#body?.take(bytes);
  }

  /** The map's body is whole. @throws StorageError `OUT_OF_MEMORY` */
  end(): void {
    assert(this.#body !== undefined, 'a map ends that has begun');
    this.#tables.push(this.#body.finish());
    this.#body = undefined;
  }

  /** All that was built, which is the caller's from now on: the loader must not be used any more. */
  finish(seqno: Seqno): BuiltStore {
    return {
      seqno,
      arena: this.#context.arena.state,
      names: this.#tables.map(({ name }) => name),
      numbers: tableNumbers(this.#tables),
    };
  }
}
