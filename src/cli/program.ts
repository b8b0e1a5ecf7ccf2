import { createRequire } from 'node:module';
import { Command, CommanderError, Help, type Option } from 'commander';
import type { FileSystem } from '../io/file-system.ts';
import { environmentOf } from '../jobs/environment.ts';
import { addCompletionCommand } from './commands/completion-command.ts';
import { addDiagramCommand } from './commands/diagram-command.ts';
import { addIdentitiesCommand } from './commands/identities-command.ts';
import { addListCommand } from './commands/list-command.ts';
import { addPruneCommand } from './commands/prune-command.ts';
import { addReceiptCommand } from './commands/receipt-command.ts';
import { addRecoverCommand } from './commands/recover-command.ts';
import { addReplayCommand } from './commands/replay-command.ts';
import { addShowCommand } from './commands/show-command.ts';
import { addStartCommand } from './commands/start-command.ts';
import { addTestgenCommand } from './commands/testgen-command.ts';
import { addVerifyCommand } from './commands/verify-command.ts';
import type { CommandContext, CommonFlags } from './context.ts';
import { explain } from './errors.ts';
import { type ExitStatus, exitStatusOf } from './exit-status.ts';
import { applyConfig, configFileOf } from './options/config.ts';
import { withCrossCheckMode } from './options/cross-check-option.ts';
import { takesValueIn } from './options/option-words.ts';
import { type OutputStream, Terminal } from './output/terminal.ts';

/** What the program has of the process that runs it. */
export interface ProgramOptions {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal;
}

/** Runs one command line; whatever goes wrong ends as a status and a message on stderr. */
export async function runProgram(
  args: readonly string[],
  { stdout, stderr, signal }: ProgramOptions,
): Promise<ExitStatus> {
  const terminal = new Terminal(stdout, stderr);
  const program = new Command();
  let status: ExitStatus = 0;
  const run = async (body: () => Promise<ExitStatus>) => {
    status = await ended(body, { program, terminal, signal });
  };
  program.configureOutput({
    writeOut: (text) => stdout.write(text),
    writeErr: (text) => stderr.write(text),
  });
  const environment = environmentOf();
  build(program, { terminal, environment, signal, run });
  try {
    const takesValue = takesValueIn(program);
    const file = configFileOf(args, takesValue);
    if (file !== undefined) await run(() => configured(program, file, environment.fileSystem));
    if (status === 0)
      await program.parseAsync(withCrossCheckMode(args, takesValue), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has said what is wrong already; help and version are no error.
    return error.exitCode === 0 ? 0 : 2;
  }
  return status;
}

async function configured(
  program: Command,
  file: string,
  fileSystem: FileSystem,
): Promise<ExitStatus> {
  await applyConfig(program, file, fileSystem);
  return 0;
}

/** The status of a command's body, and on stderr why it failed, if it did. */
async function ended(
  body: () => Promise<ExitStatus>,
  { program, terminal, signal }: Pick<CommandContext, 'terminal' | 'signal'> & { program: Command },
): Promise<ExitStatus> {
  try {
    return await body();
  } catch (error) {
    const { debug } = program.opts<CommonFlags>();
    // Once interrupted, whatever else fails is a consequence of that.
    if (!signal.aborted || debug) {
      for (const line of explain(error, { debug })) terminal.note(line);
    }
    return signal.aborted ? 130 : exitStatusOf(error);
  }
}

function build(program: Command, context: CommandContext): void {
  program
    .name('ledger-snapshotter')
    .description('Verifiable snapshots of replicated ledgers, byte-compatible with Microsoft CCF.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print help; with a command, of that command')
    .option(
      '--config <file>',
      'defaults of options, as YAML or JSON; those of a command under its name',
    )
    .option('--no-progress', 'show no progress on stderr')
    .option('--debug', 'print stack traces of errors')
    .configureHelp({ showGlobalOptions: true, optionDescription: describeOption })
    .helpCommand(false)
    .showHelpAfterError('(--help explains)')
    .exitOverride()
    .addHelpText('after', programHelp);
  addStartCommand(program, context);
  addReplayCommand(program, context);
  addVerifyCommand(program, context);
  addShowCommand(program, context);
  addListCommand(program, context);
  addRecoverCommand(program, context);
  addIdentitiesCommand(program, context);
  addReceiptCommand(program, context);
  addPruneCommand(program, context);
  addDiagramCommand(program, context);
  addTestgenCommand(program, context);
  addCompletionCommand(program, context);
  addHelpCommand(program);
}

/** Also says which options a command cannot do without. */
function describeOption(option: Option): string {
  const told = new Help().optionDescription(option);
  return option.mandatory && option.defaultValue === undefined ? `${told} (required)` : told;
}

/** As Commander's own, which answers a name that is not there with the whole help and no word of what is wrong. */
function addHelpCommand(program: Command): void {
  program
    .command('help')
    .description('print help, of a command when one is named')
    .argument('[command]', 'name of a command')
    .helpOption(false)
    .action((name?: string) => {
      const found = program.commands.find((one) => name === undefined || one.name() === name);
      if (found === undefined) program.error(`error: unknown command '${name}'`);
      else (name === undefined ? program : found).outputHelp();
    });
}

const programHelp = `
Results go to stdout, as tables or with --json as one JSON object a line; progress and messages to stderr.
Exit status: 0 done and true, 1 checked and false, 2 wrong usage, 3 could not read, write, lock or compare, 130 interrupted.

No colour is printed, so NO_COLOR changes nothing. Ctrl-C stops cleanly.

Examples, each on what the first one makes:
  ledger-snapshotter start
  ledger-snapshotter list data/snapshots
  ledger-snapshotter show data/snapshots/snapshot_2000_*.committed
  ledger-snapshotter verify data/snapshots/*.committed --service-cert data/service_cert.pem
  ledger-snapshotter replay data/ledger --member-keys data/keys --out snapshots
  ledger-snapshotter recover --snapshots data/snapshots --ledger data/ledger --service-cert data/service_cert.pem`;

function packageVersion(): string {
  // Our own manifest, through the package's own exports: the same from the sources and from dist.
  const manifest: unknown = createRequire(import.meta.url)('ledger-snapshotter/package.json');
  return manifest instanceof Object && 'version' in manifest ? String(manifest.version) : 'unknown';
}
