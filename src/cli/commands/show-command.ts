import type { Command } from 'commander';
import type { SnapshotRecord } from '../../formats/entries/snapshot-map.ts';
import { type SnapshotSummary, summariseSnapshot } from '../../snapshots/summary.ts';
import type { TableSummary } from '../../snapshots/table-sizes.ts';
import type { CommandContext } from '../context.ts';
import { UsageError } from '../errors.ts';
import type { ExitStatus } from '../exit-status.ts';
import { formatBytes, jsonBytes } from '../output/byte-text.ts';
import { count, formatFacts, formatTable, groupDigits } from '../output/table.ts';
import { otherKindOf } from './other-kind.ts';

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
2 it has no such table or is another kind of file, 3 it cannot be read.

Examples:
  ledger-snapshotter show data/snapshots/snapshot_2000_*.committed
  ledger-snapshotter show data/snapshots/snapshot_2000_*.committed --table public:ccf.gov.service.info`;

async function show(file: string, flags: ShowFlags, context: CommandContext): Promise<ExitStatus> {
  const snapshot = await summaryOf(file, context);
  if (flags.table === undefined) showFacts(snapshot, flags, context);
  else await showRows(snapshot, findTable(snapshot, flags.table), { flags, context });
  return snapshot.problem === undefined ? 0 : 1;
}

/** @throws UsageError when the file is of another kind, which it names; otherwise as `summariseSnapshot` */
async function summaryOf(
  file: string,
  { environment, signal }: CommandContext,
): Promise<SnapshotSummary> {
  try {
    return await summariseSnapshot(file, { environment, signal });
  } catch (error) {
    const kind = await otherKindOf(file, error, environment.fileSystem);
    throw kind === undefined ? error : new UsageError(kind.message, kind.next);
  }
}

function showFacts(
  snapshot: SnapshotSummary,
  { json = false }: ShowFlags,
  { terminal }: CommandContext,
): void {
  if (json) for (const object of factObjects(snapshot)) terminal.json(object);
  else for (const line of factLines(snapshot)) terminal.result(line);
}

/** A row at a time, as fast as it is taken: a table may be larger than memory. */
async function showRows(
  snapshot: SnapshotSummary,
  table: TableSummary,
  { flags, context }: { readonly flags: ShowFlags; readonly context: CommandContext },
): Promise<void> {
  const { terminal, signal } = context;
  if (!flags.json) terminal.result(tableLine(table));
  for await (const record of snapshot.records(table.name)) {
    if (flags.json) terminal.json(rowObject(record));
    else for (const line of rowLines(record)) terminal.result(line);
    await terminal.drained(signal);
  }
}

/** @throws UsageError when the snapshot has no such public table */
function findTable({ file, tables }: SnapshotSummary, name: string): TableSummary {
  const found = tables.find((table) => table.name === name);
  if (found !== undefined) return found;
  const isPrivate = !name.startsWith('public:');
  const next = `list its tables with: show ${file}`;
  if (isPrivate) throw new UsageError(`${name} is not public: private tables are encrypted`, next);
  throw new UsageError(`${file} has no table ${name}`, next);
}

const isRemoved = ({ version }: SnapshotRecord): boolean => version < 0;

function* factObjects(snapshot: SnapshotSummary): Generator<object> {
  const { file, bytes, seqno, evidenceSeqno, digest, verified, problem } = snapshot;
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
    viewHistory: snapshot.viewHistory,
    privateBytes: snapshot.privateBytes,
    tables: snapshot.tables.length,
  };
  for (const { name: table, ...counts } of snapshot.tables) yield { table, ...counts };
}

const receiptOf = ({ verified, problem }: SnapshotSummary): string =>
  verified?.receiptForm ?? (problem === undefined ? 'none' : 'unverified');

function rowObject(record: SnapshotRecord): object {
  const { key, value, version } = record;
  if (isRemoved(record)) return { ...jsonBytes('key', key), version: -version, removed: true };
  return { ...jsonBytes('key', key), version, ...jsonBytes('value', value) };
}

function factLines(snapshot: SnapshotSummary): readonly string[] {
  const { file, bytes, seqno, evidenceSeqno, digest, verified } = snapshot;
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
      ['views', viewsLine(snapshot.viewHistory)],
      ['private data', `${count(snapshot.privateBytes, 'byte')}, encrypted`],
    ]),
    '',
    ...formatTable(tableColumns, snapshot.tables.map(tableRow)),
  ];
}

function receiptLine({ verified, problem }: SnapshotSummary): string {
  if (problem !== undefined) return `DOES NOT VERIFY: ${problem.message} [${problem.code}]`;
  if (verified === undefined) return 'none: not committed yet, or written by CCF 1.x';
  const form = verified.receiptForm === 'cose' ? 'COSE' : 'JSON';
  return `${form}, fits the file; verify says whether to trust its signer`;
}

function signerFacts({
  receiptForm,
  signerKeyId,
  serviceKeyId,
}: NonNullable<SnapshotSummary['verified']>): [string, string][] {
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

function tableRow({ name, version, keys, removed, bytes }: TableSummary): readonly string[] {
  return [name, String(version), groupDigits(keys), groupDigits(removed), groupDigits(bytes)];
}

function tableLine({ name, version, keys, removed }: TableSummary): string {
  const gone = removed === 0 ? '' : `, ${count(removed, 'removed key')}`;
  return `${name}, changed at seqno ${version}: ${count(keys, 'key')}${gone}`;
}

function* rowLines(record: SnapshotRecord): Generator<string> {
  yield '';
  yield `key    ${formatBytes(record.key)}`;
  if (isRemoved(record)) {
    yield `       removed at seqno ${-record.version}`;
    return;
  }
  yield `value  ${formatBytes(record.value)}`;
  yield `       written at seqno ${record.version}`;
}
