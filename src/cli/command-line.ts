import { realClock } from '../io/clock.ts';
import { runProgram } from './program.ts';

/** Signals that come this soon after the first are the same one: npm passes on what the terminal sent. */
const sameSignalMs = 500;

/** The first signal asks the command to stop and to leave nothing half done; the second ends it. */
function interruption(): AbortController {
  const controller = new AbortController();
  let firstMs = 0;
  const interrupt = () => {
    const nowMs = realClock.now();
    if (controller.signal.aborted) {
      if (nowMs - firstMs > sameSignalMs) process.exit(130);
      return;
    }
    firstMs = nowMs;
    const afterBar = process.stderr.isTTY ? '\n' : '';
    process.stderr.write(`${afterBar}interrupted: stopping (once more to stop at once)\n`);
    controller.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt);
  return controller;
}

/** When nobody reads our results any more there is no point in going on; on a full disk neither. */
function watchOutput(interrupted: AbortController): void {
  let isLost = false;
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (isLost) return;
    isLost = true;
    if (code !== 'EPIPE') process.stderr.write(`error: stdout cannot be written (${code})\n`);
    interrupted.abort();
    // It may come after the last line, when the command believes that it is done.
    process.once('exit', () => {
      process.exitCode = 3;
    });
  });
  // There is nowhere left to say it.
  process.stderr.on('error', () => {});
}

/** Runs the command line that this process was started with, on its streams and with its signals. */
export async function runCommandLine(): Promise<void> {
  const interrupted = interruption();
  watchOutput(interrupted);
  const { stdout, stderr } = process;
  const { signal } = interrupted;
  process.exitCode = await runProgram(process.argv.slice(2), { stdout, stderr, signal });
}
