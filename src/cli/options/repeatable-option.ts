import { Option } from 'commander';

/** An option that is repeated for several values; it comes as a list of them. */
export function repeatableOption(flags: string, description: string): Option {
  const option = new Option(flags, description).default([], 'none');
  // The first that the command line names takes the place of those that a configuration names.
  return option.argParser((value: string, values: readonly string[]) =>
    values === option.defaultValue ? [value] : [...values, value],
  );
}

/** Where else chunks of the same ledger lie. */
export function readOnlyLedgerOption(): Option {
  return repeatableOption(
    '--read-only-ledger <dir>',
    "another directory of the same ledger, as of a node's read_only_directories; repeat it for several",
  );
}
