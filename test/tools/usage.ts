/**
 * What `read` makes of a tool's command line. `--help` prints the usage and ends the process with status 0; whatever
 * `read` throws ends it with status 2 and the usage, without a stack: it is the caller's mistake, not the tool's.
 */
export function readArguments<Arguments>(usage: string, read: () => Arguments): Arguments {
  if (process.argv.slice(2).some((word) => word === '--help' || word === '-h')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return read();
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    // Node's own advice behind the first sentence is about words that begin with a hyphen.
    return refuseArguments(usage, what.split('. ')[0] ?? what);
  }
}

/** Says what is wrong with a tool's command line, and how it should be; ends the process with status 2. */
export function refuseArguments(usage: string, what: string): never {
  console.error(`error: ${what}\n${usage}`);
  process.exit(2);
}
