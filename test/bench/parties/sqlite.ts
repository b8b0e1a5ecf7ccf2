import { join } from 'node:path';
import { d1m, ShapedData } from '../data.ts';
import { loadPeer } from '../peer-programs.ts';
import { answerAsks } from './answer-asks.ts';
import { measurePeer, type PeerInput, writeDurably } from './peer-cost.ts';

/** As much of better-sqlite3's interface as is used. */
type Sqlite = new (path: string) => Database;

interface Database {
  exec(sql: string): void;
  pragma(text: string): unknown;
  prepare(sql: string): { run(...values: readonly unknown[]): void };
  transaction(work: () => void): () => void;
  backup(path: string): Promise<unknown>;
  serialize(): Uint8Array;
  close(): void;
}

let database: Database | undefined;
let directory = '';

function prepare(input: PeerInput): { readonly isThere: boolean } {
  directory = input.directory;
  const Sqlite = loadPeer('better-sqlite3') as Sqlite | undefined;
  if (Sqlite === undefined) return { isThere: false };
  const opened = new Sqlite(join(directory, 'sqlite.db'));
  opened.pragma('journal_mode = WAL');
  opened.exec('CREATE TABLE kv (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID');
  const data = new ShapedData({ ...d1m, entries: input.entries });
  const insert = opened.prepare('INSERT INTO kv VALUES (?, ?)');
  opened.transaction(() => {
    for (let i = 0; i < input.entries; i++) insert.run(data.keyOf(i), data.valueOf(i));
  })();
  opened.pragma('wal_checkpoint(TRUNCATE)');
  database = opened;
  return { isThere: true };
}

function current(): Database {
  if (database === undefined) throw new Error('not prepared');
  return database;
}

const copy = (): string => join(directory, 'sqlite-copy.db');

answerAsks(
  {
    prepare,
    backup: () => measurePeer([copy()], () => current().backup(copy())),
    vacuum: () => measurePeer([copy()], () => current().exec(`VACUUM INTO '${copy()}'`)),
    serialize: () => measurePeer([copy()], () => writeDurably(copy(), current().serialize())),
  },
  () => database?.close(),
);
