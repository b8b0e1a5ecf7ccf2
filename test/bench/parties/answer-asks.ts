import type { Answer, Ask } from '../party.ts';

export type Handlers = Readonly<Record<string, (input: never) => unknown>>;

/** Answers what the bench asks, one thing after another, until it is let go. `close` gives back what lives on. */
export function answerAsks(handlers: Handlers, close: () => unknown = () => {}): void {
  let last: Promise<unknown> = Promise.resolve();
  process.on('message', (ask) => {
    last = last.then(() => answer(handlers, ask as Ask));
  });
  process.on('disconnect', () => {
    void last.then(close).finally(() => process.exit());
  });
}

async function answer(handlers: Handlers, { id, command, input }: Ask): Promise<void> {
  try {
    const handler = handlers[command];
    if (handler === undefined) throw new Error(`no such command: ${command}`);
    // Both sides name the types of a command; JSON goes between.
    say({ id, output: await handler(input as never) });
  } catch (error) {
    say({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

function say(message: Answer): void {
  if (process.connected) process.send?.(message);
}
