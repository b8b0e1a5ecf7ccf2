import type { FrozenTable } from '../../../src/core/host-ports.ts';
import type { Seqno } from '../../../src/core/words.ts';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import type { SourceDriver } from '../../../src/testing/contracts/snapshot-source/source-driver.ts';
import type { TableChange } from '../../../src/testing/contracts/snapshot-source/state-oracle.ts';

/** A store without a log. */
interface PlainStore {
  readonly tables: readonly string[];
  last(): Seqno;
  apply(changes: readonly TableChange[]): void;
  freeze(): Iterable<FrozenTable>;
}

/** Makes a source of a store alone: its leaves are made up, and it knows one view. */
export function plainSource({ tables, last, apply, freeze }: PlainStore): SourceDriver {
  return {
    tables,
    last,
    apply: (changes) => {
      apply(changes);
      return last();
    },
    source: {
      freeze: (seqno) => ({
        tables: freeze(),
        leaf: sha256(Buffer.from(String(seqno))),
        viewHistory: [1],
        release: () => {},
      }),
    },
  };
}
