import { Argument, type Command, type Option } from 'commander';
import type { CommandContext } from '../context.ts';

/** Each asks the program itself, which knows its options: a script never goes stale. */
const scripts = {
  bash: `_ledger_snapshotter() {
  COMPREPLY=()
  local word
  while IFS=$'\\t' read -r word _; do
    COMPREPLY+=("$word")
  done < <(ledger-snapshotter complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _ledger_snapshotter ledger-snapshotter
`,
  zsh: `#compdef ledger-snapshotter
_ledger_snapshotter() {
  local -a found
  local word what
  while IFS=$'\\t' read -r word what; do
    found+=("$word:$what")
  done < <(ledger-snapshotter complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then _describe 'ledger-snapshotter' found; else _files; fi
}
if [[ \${funcstack[1]} == _ledger_snapshotter ]]; then
  _ledger_snapshotter "$@"
else
  compdef _ledger_snapshotter ledger-snapshotter
fi
`,
  fish: `complete -c ledger-snapshotter -a '(ledger-snapshotter complete -- (commandline -opc)[2..-1] "$(commandline -ct)" 2>/dev/null)'
`,
} as const;

const shells = Object.keys(scripts) as (keyof typeof scripts)[];

/** Adds `completion SHELL`, which prints a script, and the hidden command that such a script asks at each Tab. */
export function addCompletionCommand(program: Command, context: CommandContext): void {
  program
    .command('completion')
    .description('print a script with which the shell completes commands and options')
    .addArgument(new Argument('<shell>', 'which shell').choices(shells))
    .addHelpText('after', help)
    .action((shell: keyof typeof scripts) =>
      context.run(async () => {
        context.terminal.raw(scripts[shell]);
        return 0;
      }),
    );
  program
    .command('complete', { hidden: true })
    .argument('[words...]', 'the command line so far; the last word is the one to complete')
    .action((words: readonly string[]) =>
      context.run(async () => {
        for (const line of offersFor(program, words)) context.terminal.raw(`${line}\n`);
        return 0;
      }),
    );
}

const help = `
Examples:
  ledger-snapshotter completion bash > ~/.local/share/bash-completion/completions/ledger-snapshotter
  ledger-snapshotter completion zsh > "\${fpath[1]}/_ledger-snapshotter"
  ledger-snapshotter completion fish > ~/.config/fish/completions/ledger-snapshotter.fish`;

/**
 * What the last word may become: a word, a tab and what it means, a line each. None where only files can follow, which
 * the shell itself offers.
 */
function offersFor(program: Command, words: readonly string[]): readonly string[] {
  const word = words.at(-1) ?? '';
  return offersAfter(program, readSoFar(program, words.slice(0, -1)), word)
    .filter(([offer]) => offer.startsWith(word))
    .map(([offer, meaning]) => (meaning === '' ? offer : `${offer}\t${meaning}`));
}

type Offer = readonly [word: string, meaning: string];

function offersAfter(program: Command, soFar: SoFar, word: string): readonly Offer[] {
  const { command, awaited, hasArgument } = soFar;
  if (awaited !== undefined) return choiceOffers(awaited.argChoices);
  if (word.startsWith('-') && !soFar.isNamesOnly) return optionOffers(program, command);
  return wordOffers(command, hasArgument);
}

const choiceOffers = (choices: readonly string[] = []): readonly Offer[] =>
  choices.map((choice) => [choice, '']);

interface SoFar {
  /** The command that was named, or else the program. */
  readonly command: Command;
  /** The option whose value comes next. */
  readonly awaited: Option | undefined;
  /** Whether an argument was given to the command. */
  readonly hasArgument: boolean;
  /** Whether `--` was: what follows is a name, whatever it begins with. */
  readonly isNamesOnly: boolean;
}

function readSoFar(program: Command, words: readonly string[]): SoFar {
  let soFar: SoFar = {
    ...{ command: program, awaited: undefined },
    ...{ hasArgument: false, isNamesOnly: false },
  };
  for (const word of words) soFar = readNext(program, soFar, word);
  return soFar;
}

function readNext(program: Command, soFar: SoFar, word: string): SoFar {
  const { command, awaited } = soFar;
  if (awaited !== undefined) return { ...soFar, awaited: undefined };
  if (soFar.isNamesOnly) return { ...soFar, hasArgument: true };
  if (word === '--') return { ...soFar, isNamesOnly: true };
  if (word.startsWith('-')) {
    const option = [...command.options, ...program.options].find(
      ({ long, short }) => long === word || short === word,
    );
    return { ...soFar, awaited: option?.required === true ? option : undefined };
  }
  const named = command.commands.find((inner) => inner.name() === word);
  return named === undefined ? { ...soFar, hasArgument: true } : { ...soFar, command: named };
}

function optionOffers(program: Command, command: Command): readonly Offer[] {
  const options = command === program ? program.options : [...command.options, ...program.options];
  return options.flatMap(({ long, description }): Offer[] =>
    long == null ? [] : [[long, description]],
  );
}

function wordOffers(command: Command, hasArgument: boolean): readonly Offer[] {
  const inner = command.createHelp().visibleCommands(command);
  if (inner.length > 0) return inner.map((one): Offer => [one.name(), one.description()]);
  return hasArgument ? [] : choiceOffers(command.registeredArguments[0]?.argChoices);
}
