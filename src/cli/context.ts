import type { Environment } from '../jobs/environment.ts';
import { explain } from './errors.ts';
import type { ExitStatus } from './exit-status.ts';
import { Progress } from './output/progress.ts';
import type { Terminal } from './output/terminal.ts';

/** What every command is given. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly environment: Environment;
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal;
  /** Runs a command's body; its status becomes the process's, and so does that of its error. */
  run(body: () => Promise<ExitStatus>): Promise<void>;
}

/** Options that every command has. */
export interface CommonFlags {
  readonly progress: boolean;
  readonly debug?: boolean;
}

/** A display of progress, to stderr. */
export function startProgress(
  { terminal, environment }: CommandContext,
  { progress }: CommonFlags,
  what: { readonly verb: string; readonly unit: string },
): Progress {
  return new Progress({ terminal, clock: environment.clock, isShown: progress, ...what });
}

/** Tells of an error on stderr. */
export function tellError(
  { terminal }: CommandContext,
  error: unknown,
  { debug }: CommonFlags,
): void {
  for (const line of explain(error, { debug })) terminal.note(line);
}
