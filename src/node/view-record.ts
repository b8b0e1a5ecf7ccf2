import type { ViewRecord } from '../consensus/consensus.ts';
import { toUtf8 } from '../core/bytes.ts';
import { parseDecimal } from '../core/decimal.ts';
import { FormatError, StorageError } from '../core/errors.ts';
import { view as toView, type View } from '../core/words.ts';
import { writeDurably } from '../files/durable-file.ts';
import type { NodePaths } from '../files/node-paths.ts';
import { readSmall } from '../files/small-file.ts';
import type { FileSystem } from '../io/file-system.ts';

/** The view that a node has used last, in a file of its own, which is there before the ledger is. */
export function viewRecord(fileSystem: FileSystem, { view: path }: NodePaths): ViewRecord {
  return {
    read: async () => {
      const text = await readSmall(fileSystem, path);
      if (text === undefined) throw lostView(path);
      return parseView(text, path);
    },
    write: (view) => writeDurably(fileSystem, path, toUtf8(`${view}\n`)),
  };
}

/** The ledger knows the views that have entries in it, not those of entries that a crash or a rollback took. */
function lostView(file: string): StorageError {
  const message = `${file} is missing: without it a view could be used twice, and what is encrypted in it be read`;
  return new StorageError('NOT_FOUND', message, { file });
}

function parseView(text: string, file: string): View {
  const value = parseDecimal(text.trimEnd());
  // The last view of all is none that a node has used: no other could follow it.
  if (value !== undefined && value < 0x7fff_ffff) return toView(value);
  throw new FormatError('BAD_TEXT', `${file} does not hold a view that another one follows`, {
    file,
  });
}
