import { basename, join } from 'node:path';
import type { Command } from 'commander';
import type { Clock } from '../../core/clock.ts';
import { AbortedError } from '../../core/errors.ts';
import { formatTxId } from '../../core/tx-id.ts';
import { nodePaths } from '../../files/node-paths.ts';
import { findSnapshots } from '../../files/snapshot-directory.ts';
import { cpuSeconds, runNodeProgram } from '../../io/process.ts';
import type { CrossCheck } from '../../jobs/second-opinion.ts';
import { createNode } from '../../node/create-node.ts';
import type { LedgerNode } from '../../node/ledger-node.ts';
import type { NodeOptions } from '../../node/node-options.ts';
import { type CommandContext, type CommonFlags, startProgress } from '../context.ts';
import { type ExitStatus, worstOf } from '../exit-status.ts';
import { mainFile } from '../main-file.ts';
import { parseCount } from '../options/count-option.ts';
import { crossCheckOption, crossCheckText } from '../options/cross-check-option.ts';
import {
  addSnapshotOptions,
  type SnapshotFlags,
  snapshotOptions,
} from '../options/snapshot-options.ts';
import { formatStart, type StartReport, type VerifiedLine } from '../output/start-output.ts';
import { type LiveServer, startLiveServer, untilInterrupted } from './live-server.ts';
import { followGenerations, liveTable } from './start-live.ts';
import { runWorkload } from './workload.ts';

interface StartFlags extends CommonFlags, SnapshotFlags {
  readonly dir: string;
  readonly transactions: number;
  readonly snapshotEvery: number;
  readonly keep?: number;
  readonly crossCheck?: CrossCheck;
  /** Port to serve on; true without one. */
  readonly live?: number | true;
  readonly json?: boolean;
}

export function addStartCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('start')
    .description('run a service of one node: transactions, snapshots, and a restart from them')
    .option('--dir <dir>', 'where the node keeps its ledger, snapshots and keys', 'data')
    .option('--transactions <n>', 'transactions to run', parseCount(0), 20_000)
    .option('--snapshot-every <n>', 'transactions between two snapshots', parseCount(3), 2_000)
    .option('--keep <n>', 'snapshots to keep, the newest; without it all', parseCount(1))
    .addOption(crossCheckOption('when-available'))
    .option(
      '--live [port]',
      'serve the live page, metrics and health on loopback; without a port on any that is free',
      parseCount(0, 65_535),
    )
    .option('--json', 'one JSON object a line: acknowledgements, snapshots, and last the summary');
  addSnapshotOptions(command)
    .addHelpText('after', help)
    .action((_flags: unknown, command: Command) =>
      context.run(() => start(command.optsWithGlobals<StartFlags>(), context)),
    );
}

const help = `
A directory without a ledger becomes a new service; one with a ledger goes on from it. At the end every snapshot
is verified by another process, and the node is started once more, from the newest snapshot and the ledger after
it, to see that it comes to the same Merkle root. What is written can be replayed and verified like CCF's own.
With --live the transactions run slowly enough to watch, and the page is served until Ctrl-C; nothing is verified or
restarted then. The URL that is printed carries a token: only who has it can watch.
With --json a line {"acknowledged":"<view>.<seqno>"} now and then says what is on disk so far.

Exit status: 0 all true, 1 a snapshot or the restart is not, 3 something could not be written, 130 interrupted.

Examples:
  ledger-snapshotter start
  ledger-snapshotter start --live
  ledger-snapshotter start --live 8080
  ledger-snapshotter start --dir demo --transactions 100000 --snapshot-every 5000 --keep 3
  ledger-snapshotter replay data/ledger --member-keys data/keys
  ledger-snapshotter verify data/snapshots/*.committed --service-cert data/service_cert.pem`;

async function start(flags: StartFlags, context: CommandContext): Promise<ExitStatus> {
  const { terminal, signal } = context;
  const ran = await runNode(flags, context);
  // Whoever watched has ended it, so there is nobody to wait for more.
  if (flags.live !== undefined) return ran.unfinished === 0 ? 0 : 3;
  if (signal.aborted) throw new AbortedError('start');
  const snapshots = await verifyAll(flags, context);
  // It takes no snapshot, so there is nothing to check.
  const restarted = await openNode(flags, context, { crossCheck: 'off' });
  const report: StartReport = {
    ...ran,
    directory: flags.dir,
    transactions: flags.transactions,
    cpuSeconds: cpuSeconds(),
    snapshots,
    restart: restarted.recovered,
  };
  await restarted.close();
  if (flags.json) {
    for (const line of snapshots) terminal.json(line);
    terminal.json(summaryOf(report));
  } else for (const line of formatStart(report)) terminal.result(line);
  return statusOf(report);
}

function openNode(flags: StartFlags, context: CommandContext, more: Partial<NodeOptions> = {}) {
  const progress = startProgress(context, flags, { verb: 'reading the ledger', unit: 'entries' });
  return createNode({
    directory: flags.dir,
    snapshotTxInterval: flags.snapshotEvery,
    ...(flags.keep !== undefined && { keepSnapshots: flags.keep }),
    ...(flags.crossCheck !== undefined && { crossCheck: flags.crossCheck }),
    signatureDelayMs: 250,
    ...snapshotOptions(flags),
    environment: context.environment,
    signal: context.signal,
    onProgress: ({ seqno, last }) => progress.update(seqno, last),
    ...more,
  }).finally(() => progress.end());
}

/** The main run: from what is on disk to a closed node. */
async function runNode(
  flags: StartFlags,
  context: CommandContext,
): Promise<
  Omit<StartReport, 'directory' | 'transactions' | 'cpuSeconds' | 'snapshots' | 'restart'>
> {
  const { terminal } = context;
  const node = await openNode(flags, context);
  let server: LiveServer | undefined;
  try {
    terminal.note(introduction(node, flags));
    const crossCheck = await node.snapshots.crossCheck;
    terminal.note(`cross-check: ${crossCheckText(crossCheck)}`);
    for (const { file, code, message } of node.recovered.refused) {
      terminal.note(`${file}: passed over: ${message} [${code}]`);
    }
    const generations = followGenerations(node, terminal);
    server = await serveIfAsked(node, flags, context);
    const seconds = await work(node, flags, context);
    if (server) {
      terminal.note('the transactions are done; the page is served until Ctrl-C');
      await untilInterrupted(context.signal);
    }
    await node.close();
    const { seqno, view } = node.status;
    const { recovered: found } = node;
    const { unfinished } = generations;
    return { found, seconds, seqno, view, root: node.root(), unfinished, crossCheck };
  } catch (error) {
    throw context.signal.aborted ? new AbortedError('start') : error;
  } finally {
    await server?.close();
    await node.close();
  }
}

/** Transactions a second that a page can be watched with. */
const livePerSecond = 500;

async function serveIfAsked(
  node: LedgerNode,
  { live, json }: StartFlags,
  context: CommandContext,
): Promise<LiveServer | undefined> {
  if (live === undefined) return undefined;
  const server = await startLiveServer(node, live === true ? 0 : live, context);
  if (json) context.terminal.json({ live: server.url });
  return server;
}

function introduction({ service, recovered, status }: LedgerNode, { dir }: StartFlags): string {
  const { snapshot, seqno } = recovered;
  const from = snapshot === undefined ? 'its first entry' : snapshot.file;
  // A new service has written its first three entries: members, opening, signature.
  const how =
    status.view === 2 && seqno === 3 ? 'a new service' : `goes on from ${from} and seqno ${seqno}`;
  return `${dir}: ${how}, identity ${service.keyId.slice(0, 16)}…, view ${status.view}`;
}

/** Between two acknowledgements that --json prints. */
const acknowledgementMs = 20;

/** Runs the transactions and the snapshots that they make due; answers with the seconds of the former. */
async function work(node: LedgerNode, flags: StartFlags, context: CommandContext): Promise<number> {
  const { environment, terminal, signal } = context;
  const progress = startProgress(context, flags, { verb: 'running', unit: 'transactions' });
  const startedMs = environment.clock.now();
  let toldMs = 0;
  const show = (done: number) =>
    progress.update(done, flags.transactions, () => liveTable(node, environment.clock.now()));
  try {
    await runWorkload(node, {
      transactions: flags.transactions,
      signal,
      ...(flags.live !== undefined && {
        pace: { perSecond: livePerSecond, clock: environment.clock },
      }),
      onAcknowledged: (txId, done) => {
        show(done);
        if (!flags.json || environment.clock.now() - toldMs < acknowledgementMs) return;
        toldMs = environment.clock.now();
        terminal.json({ acknowledged: formatTxId(txId) });
      },
    });
    const seconds = (environment.clock.now() - startedMs) / 1000;
    await node.sign();
    const idle = node.snapshots.untilIdle();
    await everySoOften(environment.clock, { until: idle, run: () => show(flags.transactions) });
    return seconds;
  } finally {
    progress.end();
  }
}

const redrawMs = 100;

/** Runs something again and again until a promise settles. */
async function everySoOften(
  clock: Clock,
  { until, run }: { readonly until: Promise<void>; readonly run: () => void },
): Promise<void> {
  let timer: unknown;
  const again = () => {
    run();
    timer = clock.setTimeout(again, redrawMs);
  };
  again();
  await until.finally(() => clock.clearTimeout(timer));
}

/** Has another process verify every committed file, from disk. */
async function verifyAll(
  { dir }: StartFlags,
  { environment, signal }: CommandContext,
): Promise<readonly VerifiedLine[]> {
  const { snapshots, serviceCertificate } = nodePaths(dir);
  const found = await findSnapshots(snapshots, environment.fileSystem);
  const committed = found.filter(({ ignored }) => ignored === undefined).reverse();
  if (committed.length === 0) return [];
  const files = committed.map(({ file }) => join(snapshots, file));
  // What comes behind `--` is a name, whatever it begins with; an option's value is part of it.
  const options = ['--json', '--no-progress', `--service-cert=${serviceCertificate}`];
  const args = ['verify', ...options, '--', ...files];
  const { stdout, stderr } = await runNodeProgram(mainFile(), args, { signal });
  const lines = stdout.split('\n').filter((line) => line !== '');
  if (lines.length !== files.length) throw new Error(`verify ended with: ${stderr}`);
  return lines.map((line, i) => {
    const verified = JSON.parse(line) as Omit<VerifiedLine, 'bytes'>;
    return { ...verified, file: basename(verified.file), bytes: committed[i]?.bytes ?? 0 };
  });
}

function summaryOf(report: StartReport) {
  const { found, restart, snapshots, ...rest } = report;
  return {
    summary: true,
    ...rest,
    foundSeqno: found.seqno,
    snapshots: snapshots.length,
    verified: snapshots.filter(({ verified, trusted }) => verified && trusted).length,
    restartSnapshot: restart.snapshot?.file,
    restartRoot: restart.root,
  };
}

function statusOf({ snapshots, root, restart, unfinished }: StartReport): ExitStatus {
  return worstOf([
    snapshots.every(({ verified, trusted }) => verified && trusted) ? 0 : 1,
    restart.root === root ? 0 : 1,
    unfinished === 0 ? 0 : 3,
  ]);
}
