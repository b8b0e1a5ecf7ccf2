import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StorageError } from '../../core/errors.ts';
import { createHttpHandler } from '../../http/handler.ts';
import type { LedgerNode } from '../../node/ledger-node.ts';
import type { CommandContext } from '../context.ts';
import { wordsOfErrno } from '../errors.ts';

/** What `start --live` serves, and where. */
export interface LiveServer {
  /** The live page, with its token. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves a node's live page, metrics and health on loopback; port 0 is any that is free.
 * @throws StorageError `LISTEN_FAILED`
 */
export async function startLiveServer(
  node: LedgerNode,
  port: number,
  { environment, terminal }: CommandContext,
): Promise<LiveServer> {
  const handler = createHttpHandler(node, { environment });
  const server = createServer(handler);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  }).catch(async (cause: unknown) => {
    await handler.close();
    const { code } = cause as NodeJS.ErrnoException;
    const message = `port ${port} of 127.0.0.1 cannot be served (${wordsOfErrno(code) ?? cause})`;
    throw new StorageError('LISTEN_FAILED', message, {
      ...(code !== undefined && { actual: code }),
      cause,
    });
  });
  // A server that listens on an address and a port has both.
  const { port: actual } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${actual}`;
  terminal.note(`live page: ${origin}${handler.page}`);
  terminal.note(
    `metrics and health: ${origin}/metrics  ${origin}/healthz  ${origin}/readyz?verbose`,
  );
  return {
    url: origin + handler.page,
    close: async () => {
      await handler.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Until the user interrupts. */
export function untilInterrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
