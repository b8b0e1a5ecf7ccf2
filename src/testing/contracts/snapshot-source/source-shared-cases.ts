import type { SharedDescriptor } from '../../../core/host-ports.ts';
import { IndexReader } from '../../../store/index/index-reader.ts';
import { KeyScratch } from '../../../store/kernels/key-scratch.ts';
import { openShared } from '../../../store/shared/shared-descriptor.ts';
import { SharedState } from '../../../store/shared/shared-state.ts';
import type { SourceCase } from './source-driver.ts';
import { beside } from './source-run.ts';
import { checkTables } from './state-oracle.ts';

/** A shared state as a worker sees it, who has nothing but the descriptor. */
function opened(descriptor: SharedDescriptor): SharedState {
  const { memories, tables } = openShared(structuredClone(descriptor));
  const source = {
    size: tables.length,
    get: (name: string) => tables.find((table) => table.name === name),
    values: () => tables,
    eras: [],
    isKept: () => true,
  };
  return new SharedState(source, { reader: new IndexReader(memories), key: new KeyScratch() });
}

/** Of sources whose states a worker opens by itself; the others have nothing to be wrong about. */
export const sharedCases: readonly SourceCase[] = [
  beside('F10', 'what is shared late is the state of the freeze, and stays so', async (run) => {
    const { driver } = run;
    for (let count = 0; count < 5; count++) await run.apply();
    const expected = run.state;
    const frozen = driver.source.freeze(driver.last());
    for (let count = 0; count < 3; count++) await run.apply();
    const shared = frozen.share?.();
    for (let count = 0; count < 3; count++) await run.apply();
    if (shared !== undefined) {
      const what = 'a shared state';
      checkTables(opened(shared).values(), expected, { names: driver.tables, what });
    }
    frozen.release();
  }),
];
