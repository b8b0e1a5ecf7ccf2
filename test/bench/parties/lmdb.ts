import { join } from 'node:path';
import { d1m, ShapedData } from '../data.ts';
import { loadPeer } from '../peer-programs.ts';
import { answerAsks } from './answer-asks.ts';
import { checkHasher, FileHasher, measurePeer, type PeerInput } from './peer-cost.ts';

/** As much of lmdb's interface as is used. */
interface Lmdb {
  open(options: object): Database;
}

interface Database {
  putSync(key: Uint8Array, value: Uint8Array): void;
  transactionSync(work: () => void): void;
  backup(path: string, isCompact: boolean): Promise<void>;
  close(): Promise<void>;
}

const hasher = new FileHasher();
let database: Database | undefined;
let directory = '';

async function prepare(input: PeerInput): Promise<{ readonly isThere: boolean }> {
  directory = input.directory;
  const lmdb = loadPeer('lmdb') as Lmdb | undefined;
  if (lmdb === undefined) return { isThere: false };
  const path = join(directory, 'lmdb.mdb');
  const opened = lmdb.open({ path, keyEncoding: 'binary', encoding: 'binary', noSubdir: true });
  const data = new ShapedData({ ...d1m, entries: input.entries });
  for (let from = 0; from < input.entries; from += 10_000) {
    opened.transactionSync(() => {
      for (let i = from; i < Math.min(input.entries, from + 10_000); i++) {
        opened.putSync(data.keyOf(i), data.valueOf(i));
      }
    });
  }
  database = opened;
  await checkHasher(hasher, join(directory, 'checked.tmp'));
  return { isThere: true };
}

const backup = (isCompact: boolean, isHashed: boolean) => () => {
  const path = join(directory, 'lmdb-backup.mdb');
  return measurePeer([path], async () => {
    if (database === undefined) throw new Error('not prepared');
    await database.backup(path, isCompact);
    if (isHashed) await hasher.hash(path);
  });
};

answerAsks(
  {
    prepare,
    raw: backup(false, false),
    compact: backup(true, false),
    rawHashed: backup(false, true),
  },
  async () => {
    await hasher.close();
    await database?.close();
  },
);
