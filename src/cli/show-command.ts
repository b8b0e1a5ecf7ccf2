import type { Command } from 'commander';
import { type ReadSnapshot, readSnapshot } from '../engine/show.ts';
import type { SnapshotMap, SnapshotRecord } from '../formats/snapshot-body.ts';
import { formatBytes, jsonBytes } from './byte-text.ts';
import type { CommandContext } from './context.ts';
import { UsageError } from './errors.ts';
import type { ExitStatus } from './exit-status.ts';
import { count, formatFacts, formatTable, groupDigits } from './table.ts';

interface ShowFlags {
  readonly table?: string;
  readonly json?: boolean;
}

export function addShowCommand(program: Command, context: CommandContext): void {
  program
    .command('show')
    .description('show what a snapshot file holds')
    .argument('<file>', 'snapshot file')
    .option('--table <name>', 'the rows of one public table')
    .option(
      '--json',
      'one JSON object a line: first the file, then each table; with --table its rows',
    )
    .addHelpText('after', help)
    .action((file: string, flags: ShowFlags) => context.run(() => show(file, flags, context)));
}

const help = `
Keys and values are printed as text where they are readable text, else in hex. What is private is encrypted
and only its size is known. To find out whether to trust a file, verify it.

Exit status: 0 shown, 1 the receipt does not fit the file, which is shown all the same, or the file is no whole snapshot,
2 it has no such table, 3 it cannot be read.

Examples:
  ledger-snapshotter show data/snapshots/snapshot_2000_*.committed
  ledger-snapshotter show data/snapshots/snapshot_2000_*.committed --table public:ccf.gov.service.info`;

async function show(
  file: string,
  { table, json = false }: ShowFlags,
  { environment, terminal }: CommandContext,
): Promise<ExitStatus> {
  const snapshot = await readSnapshot(file, environment);
  const rowsOf = table === undefined ? undefined : findTable(snapshot, table);
  if (json) {
    const objects = rowsOf === undefined ? factObjects(snapshot) : rowsOf.records.map(rowObject);
    for (const object of objects) terminal.json(object);
  } else {
    const lines = rowsOf === undefined ? factLines(snapshot) : tableLines(rowsOf);
    for (const line of lines) terminal.result(line);
  }
  return snapshot.problem === undefined ? 0 : 1;
}

/** @throws UsageError when the snapshot has no such public table */
function findTable({ file, content }: ReadSnapshot, name: string): SnapshotMap {
  const found = content.publicMaps.find((map) => map.name === name);
  if (found !== undefined) return found;
  const isPrivate = !name.startsWith('public:');
  const next = `list its tables with: show ${file}`;
  if (isPrivate) throw new UsageError(`${name} is not public: private tables are encrypted`, next);
  throw new UsageError(`${file} has no table ${name}`, next);
}

/** The live and the removed keys of a table; only CCF 1.x and 2.x keep the removed ones. */
function tally({ name, version, records }: SnapshotMap) {
  const removed = records.filter(isRemoved).length;
  const bytes = records.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  return { name, version, keys: records.length - removed, removed, bytes };
}

const isRemoved = ({ version }: SnapshotRecord): boolean => version < 0;

function* factObjects(snapshot: ReadSnapshot): Generator<object> {
  const { file, bytes, seqno, evidenceSeqno, digest, content, verified, problem } = snapshot;
  yield {
    file,
    seqno,
    evidenceSeqno,
    digest,
    bytes,
    receipt: receiptOf(snapshot),
    verified: verified !== undefined,
    signer: verified?.signerKeyId,
    service: verified?.serviceKeyId,
    code: problem?.code,
    message: problem?.message,
    viewHistory: content.viewHistory,
    privateBytes: snapshot.privateBytes,
    tables: content.publicMaps.length,
  };
  for (const map of content.publicMaps) {
    const { name: table, ...counts } = tally(map);
    yield { table, ...counts };
  }
}

const receiptOf = ({ verified, problem }: ReadSnapshot): string =>
  verified?.receiptForm ?? (problem === undefined ? 'none' : 'unverified');

function rowObject(record: SnapshotRecord): object {
  const { key, value, version } = record;
  if (isRemoved(record)) return { ...jsonBytes('key', key), version: -version, removed: true };
  return { ...jsonBytes('key', key), version, ...jsonBytes('value', value) };
}

function factLines(snapshot: ReadSnapshot): readonly string[] {
  const { file, bytes, seqno, evidenceSeqno, digest, content, verified } = snapshot;
  const evidence =
    verified === undefined
      ? `${evidenceSeqno ?? 'unknown'}${evidenceSeqno === undefined ? '' : ', as the name says'}`
      : `${evidenceSeqno} in view ${verified.evidence.view}`;
  return [
    ...formatFacts([
      ['file', `${file}, ${count(bytes, 'byte')}`],
      ['seqno', String(seqno)],
      ['evidence', evidence],
      ['digest', digest],
      ['receipt', receiptLine(snapshot)],
      ...(verified === undefined ? [] : signerFacts(verified)),
      ['views', viewsLine(content.viewHistory)],
      ['private data', `${count(snapshot.privateBytes, 'byte')}, encrypted`],
    ]),
    '',
    ...formatTable(tableColumns, content.publicMaps.map(tallyRow)),
  ];
}

function receiptLine({ verified, problem }: ReadSnapshot): string {
  if (problem !== undefined) return `DOES NOT VERIFY: ${problem.message} [${problem.code}]`;
  if (verified === undefined) return 'none: not committed yet, or written by CCF 1.x';
  const form = verified.receiptForm === 'cose' ? 'COSE' : 'JSON';
  return `${form}, fits the file; verify says whether to trust its signer`;
}

function signerFacts({
  receiptForm,
  signerKeyId,
  serviceKeyId,
}: NonNullable<ReadSnapshot['verified']>): [string, string][] {
  const service: [string, string] = ['service', serviceKeyId];
  return receiptForm === 'cose'
    ? [['signer', 'the service'], service]
    : [['signer', `node ${signerKeyId}`], service];
}

/** A view that began where the next one did never was: its primary failed before it wrote anything. */
function viewsLine(history: readonly number[]): string {
  const views = history.flatMap((first, i) =>
    history[i + 1] === first ? [] : [`${i + 1} from ${first}`],
  );
  return views.length === 0 ? 'none' : views.join(', ');
}

const tableColumns = [
  { title: 'TABLE' },
  { title: 'VERSION', align: 'right' },
  { title: 'KEYS', align: 'right' },
  { title: 'REMOVED', align: 'right' },
  { title: 'BYTES', align: 'right' },
] as const;

function tallyRow(map: SnapshotMap): readonly string[] {
  const { name, version, keys, removed, bytes } = tally(map);
  return [name, String(version), groupDigits(keys), groupDigits(removed), groupDigits(bytes)];
}

function* tableLines(map: SnapshotMap): Generator<string> {
  const { name, version, keys, removed } = tally(map);
  const gone = removed === 0 ? '' : `, ${count(removed, 'removed key')}`;
  yield `${name}, changed at seqno ${version}: ${count(keys, 'key')}${gone}`;
  for (const record of map.records) {
    yield '';
    yield `key    ${formatBytes(record.key)}`;
    if (isRemoved(record)) {
      yield `       removed at seqno ${-record.version}`;
      continue;
    }
    yield `value  ${formatBytes(record.value)}`;
    yield `       written at seqno ${record.version}`;
  }
}
