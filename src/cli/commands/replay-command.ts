import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDecimal } from '../../core/decimal.ts';
import { type Seqno, seqno as toSeqno } from '../../core/words.ts';
import type { ChunkIgnored } from '../../files/ledger-names.ts';
import { removeIfThere } from '../../files/remove-if-there.ts';
import { makeTemporaryDirectory } from '../../io/temporary-directory.ts';
import type { CrossCheck } from '../../jobs/second-opinion.ts';
import type { ReplayLevel } from '../../replay/level.ts';
import type { ReplayOptions } from '../../replay/options.ts';
import { replayLedger } from '../../replay/replay.ts';
import type { ReplayedSnapshot, ReplayReport } from '../../replay/report.ts';
import { type CommandContext, type CommonFlags, startProgress, tellError } from '../context.ts';
import { giveEmptyOut } from '../errors.ts';
import { type ExitStatus, worstOf } from '../exit-status.ts';
import { crossCheckOption } from '../options/cross-check-option.ts';
import { readKeys, readPins, serviceCertOption } from '../options/key-files.ts';
import { readOnlyLedgerOption } from '../options/repeatable-option.ts';
import {
  checkLevelOptions,
  levelOption,
  statusOfLevel,
  tellLevel,
  tellOverlaps,
} from '../output/replay-level-output.ts';
import {
  formatReplay,
  isClosed,
  jsonOfSnapshot,
  jsonOfSummary,
  passedOverText,
  troubleOf,
  warningsOf,
} from '../output/replay-output.ts';
import { count } from '../output/table.ts';
import type { Terminal } from '../output/terminal.ts';

interface ReplayFlags extends CommonFlags {
  readonly readOnlyLedger: readonly string[];
  readonly level: ReplayLevel;
  readonly from?: string;
  readonly out?: string;
  readonly snapshots?: string;
  readonly memberKeys?: string;
  readonly serviceCert: readonly string[];
  readonly receipt?: 'json' | 'cose';
  readonly at?: Seqno;
  readonly crossCheck?: CrossCheck;
  readonly json?: boolean;
}

export function addReplayCommand(program: Command, context: CommandContext): void {
  program
    .command('replay')
    .description('verify a whole ledger and regenerate every snapshot that it vouches for')
    .argument('<ledger>', 'directory of the ledger, with files ledger_<first>-<last>.committed')
    .addOption(readOnlyLedgerOption())
    .addOption(levelOption())
    .option('--from <snapshot>', 'start from this snapshot file, when older chunks are gone')
    .option('--out <dir>', 'keep the snapshots there; a file that exists is never replaced')
    .option('--snapshots <dir>', 'existing snapshots to compare with')
    .option('--member-keys <dir>', "members' RSA private keys (.pem), which open what is private")
    .addOption(serviceCertOption())
    .addOption(
      new Option('--receipt <form>', 'form of receipt, instead of COSE where there is one').choices(
        ['json', 'cose'],
      ),
    )
    .addOption(crossCheckOption('when-available'))
    .option('--at <seqno>', 'regenerate only the snapshot of this seqno', parseSeqno)
    .option('--json', 'one JSON object a line: each snapshot, and last the summary')
    .addHelpText('after', help)
    .action((ledger: string, _flags: unknown, command: Command) =>
      context.run(async () => {
        const flags = command.optsWithGlobals<ReplayFlags>();
        checkLevelOptions(command, flags.level);
        return replay(ledger, flags, context);
      }),
    );
}

const help = `
Every entry, root and signature is verified, and every snapshot comes out again and is compared with the digest
that the ledger recorded. Without --out the files are thrown away at the end. Without --member-keys private data
stays closed: then only files given with --snapshots can be compared, in their public half.

--level chunks checks the files, their entries and the order of these; tree also every Merkle root, and every signature
whose key is known; full all of it. Below full nothing private is opened, no snapshot made, and of a ledger with gaps each
run is checked by itself. Where several files hold the same seqnos they are compared byte for byte.

Each evidence has a line of its own. Of several of one seqno those that are true are identical, and the others different;
the first that is true has the file. The snapshot given with --from is compared with its evidence as well, and evidence
of older ones cannot be. Files in the ledger's directory that are no part of it, and a torn tail that a crash left behind
the last entry, are passed over and told: on stderr, and in the summary as "passedOver" and "torn". Damage is not.
Existing files that nothing in the ledger vouches for are told likewise, as "notCompared".

Every identity of the service is listed, and whether the next one endorses it. With --service-cert the last signature
must be of a service that you named, or of one that it endorses; without it anyone may have written the ledger.

Exit status: 0 all true, 1 the ledger or a snapshot is not, or its service is none that you named, 3 something could
not be compared, read or written; at --level tree also where a key is not known.

Examples:
  ledger-snapshotter replay data/ledger --member-keys data/keys --service-cert data/service_cert.pem
  ledger-snapshotter replay data/ledger --member-keys data/keys --out snapshots
  ledger-snapshotter replay data/ledger --member-keys data/keys --at 2000 --receipt json --out json
  ledger-snapshotter replay data/ledger --snapshots data/snapshots --json
  ledger-snapshotter replay copies --level tree --service-cert data/service_cert.pem`;

function parseSeqno(text: string): Seqno {
  const value = parseDecimal(text);
  if (value === undefined) throw new InvalidArgumentError('It must be a seqno: 1 or above.');
  return toSeqno(value);
}

async function replay(
  ledger: string,
  flags: ReplayFlags,
  context: CommandContext,
): Promise<ExitStatus> {
  const services = await readPins(flags.serviceCert, context);
  const memberKeys = await readKeys(flags.memberKeys, context);
  if (flags.out !== undefined || flags.level !== 'full') {
    return run({ ledger, out: flags.out ?? '', services, memberKeys }, flags, context);
  }
  const temporary = await makeTemporaryDirectory('ledger-snapshotter-');
  try {
    return await run({ ledger, out: temporary.path, services, memberKeys }, flags, context);
  } finally {
    await temporary.remove();
  }
}

interface Places extends Required<Pick<ReplayOptions, 'ledger' | 'services' | 'memberKeys'>> {
  readonly out: string;
}

async function run(
  places: Places,
  flags: ReplayFlags,
  context: CommandContext,
): Promise<ExitStatus> {
  const { terminal, environment, signal } = context;
  const { from, snapshots, receipt, at, json = false, out } = flags;
  const keep = out !== undefined;
  const thrownAway: Promise<void>[] = [];
  const indexing = startProgress(context, flags, { verb: 'indexing', unit: 'entries' });
  const progress = startProgress(context, flags, { verb: 'replaying', unit: 'entries' });
  const report = await replayLedger({
    ...places,
    readOnlyLedgers: flags.readOnlyLedger,
    level: flags.level,
    from,
    snapshots,
    receipt,
    at,
    crossCheck: flags.crossCheck,
    signal,
    environment,
    onPassedOver: (file) => {
      if (!comparedAlone.has(file.reason)) terminal.note(`warning: ${passedOverText(file)}`);
    },
    onIndexProgress: ({ seqno, last }) => indexing.update(seqno, last),
    onProgress: ({ seqno, last }) => progress.update(seqno, last),
    onSnapshot: (snapshot) => {
      if (json) terminal.json(jsonOfSnapshot(snapshot, { keep }));
      if (!keep) thrownAway.push(throwAway(context, places.out, snapshot));
    },
  }).finally(() => progress.end());
  await Promise.all(thrownAway);
  if (json) terminal.json(jsonOfSummary(report));
  else for (const line of formatReplay(report, { keep, at })) terminal.result(line);
  tell(report, { places, flags, context });
  return statusOf(report, flags);
}

/** Told of in one line, by what the comparison found. */
const comparedAlone: ReadonlySet<ChunkIgnored> = new Set(['COPY', 'OVERLAP']);

/** One at a time, so that a long ledger does not fill the disk with what nobody wants to keep. */
async function throwAway(
  { environment }: CommandContext,
  directory: string,
  { file }: ReplayedSnapshot,
): Promise<void> {
  if (file !== undefined) await removeIfThere(environment.fileSystem, join(directory, file));
}

function statusOf(report: ReplayReport, { at, serviceCert }: ReplayFlags): ExitStatus {
  const { failure, snapshots, trusted } = report;
  return worstOf([
    failure === undefined ? 0 : 1,
    trusted || serviceCert.length === 0 ? 0 : 1,
    statusOfLevel(report),
    failure === undefined && at !== undefined && snapshots.length === 0 ? 2 : 0,
    ...snapshots.map((snapshot) => troubleOf(snapshot)?.status ?? 0),
  ]);
}

interface Telling {
  readonly places: Places;
  readonly flags: ReplayFlags;
  readonly context: CommandContext;
}

/** What went wrong, and what to do about it, to stderr. */
function tell(report: ReplayReport, { places, flags, context }: Telling): void {
  const { terminal } = context;
  const { failure, snapshots, summary } = report;
  for (const snapshot of snapshots) {
    const message = troubleOf(snapshot)?.message;
    if (message !== undefined) terminal.note(`error: ${message}`);
    if (snapshot.outcome === 'conflict') terminal.note(`  next: ${giveEmptyOut}`);
  }
  if (failure !== undefined) {
    tellError(context, failure, flags);
    terminal.note(
      `  the ledger holds to seqno ${summary.verifiedUntil}, the last verified signature`,
    );
    return;
  }
  if (report.level !== 'chunks') tellTrust(report, flags, terminal);
  tellLevel(report, terminal);
  for (const warning of warningsOf(report)) terminal.note(`warning: ${warning}`);
  tellOverlaps(report.overlaps, terminal);
  const { at, memberKeys, out, from } = flags;
  if (from !== undefined && summary.transactions === 0 && report.torn === undefined) {
    terminal.note(`warning: the ledger has nothing behind ${from}: nothing was replayed`);
    terminal.note(
      '  next: check that it is the ledger of this snapshot, and that no chunk is missing',
    );
  }
  if (at !== undefined && snapshots.length === 0) {
    terminal.note(`error: the ledger vouches for no snapshot of seqno ${at}`);
    terminal.note('  next: replay it without --at to see which there are');
  }
  const closed = snapshots.filter(isClosed).length;
  if (closed > 0) {
    terminal.note(closedNote({ closed, total: snapshots.length, keys: places.memberKeys.length }));
    if (memberKeys === undefined || closed === snapshots.length) {
      terminal.note(`  next: ${memberKeys === undefined ? askForKeys(flags) : askForOtherKeys}`);
    }
  }
  for (const [reason, number] of reasonsOf(snapshots.filter(isOpenAndNotCompared))) {
    terminal.note(`${number} of ${snapshots.length} snapshots not compared: ${reason}`);
  }
  for (const [reason, number] of reasonsOf(snapshots.filter(isRightAndNotWritten))) {
    terminal.note(`${number} of ${snapshots.length} snapshots not written: ${reason}`);
  }
  if (out === undefined && snapshots.some(({ file }) => file !== undefined)) {
    terminal.note('the snapshots were thrown away again: --out DIR keeps the files');
  }
}

/** Whose the ledger is said to be, where nobody who was named says so. */
function tellTrust({ trusted }: ReplayReport, flags: ReplayFlags, terminal: Terminal): void {
  if (trusted) return;
  if (flags.serviceCert.length === 0) {
    terminal.note('warning: nobody is pinned: anyone could have written this ledger');
    terminal.note('  next: name the service that you trust with --service-cert');
    return;
  }
  terminal.note(
    'error: the last signature is of no service that you named, nor of one it endorses',
  );
  terminal.note('  next: compare the last identity with the certificate that you gave');
}

/** How many there are, by the reason. */
function reasonsOf(snapshots: readonly ReplayedSnapshot[]): ReadonlyMap<string, number> {
  const reasons = new Map<string, number>();
  for (const { reason } of snapshots) {
    if (reason !== undefined) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  return reasons;
}

const isRightAndNotWritten = ({ result, outcome }: ReplayedSnapshot): boolean =>
  result === 'identical' && outcome === 'cancelled';

/** Those whose generation failed are told of one by one. */
const isOpenAndNotCompared = (snapshot: ReplayedSnapshot): boolean =>
  snapshot.result === 'not-comparable' && snapshot.outcome === undefined && !isClosed(snapshot);

function askForKeys({ snapshots }: ReplayFlags): string {
  const askForFiles = snapshots === undefined ? ', or existing files with --snapshots' : '';
  return `give the directory of the members’ keys with --member-keys${askForFiles}`;
}

const askForOtherKeys = 'give keys of this service’s members, as many as it needs for its recovery';

interface Closed {
  readonly closed: number;
  readonly total: number;
  readonly keys: number;
}

function closedNote({ closed, total, keys }: Closed): string {
  const whose = `${count(closed, 'snapshot')} of ${total}`;
  if (keys === 0) return `warning: without member keys the private data of ${whose} stays closed`;
  const open = keys === 1 ? 'the member key opens' : `the ${keys} member keys open`;
  return closed === total
    ? `warning: ${open} no ledger secret: the private data of ${whose} stays closed`
    : `warning: ${open} not the private data of ${whose}`;
}
