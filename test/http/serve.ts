import { createServer, get, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import {
  createHttpHandler,
  type HttpHandler,
  type HttpHandlerOptions,
  type ServedHost,
} from '../../src/http/handler.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Served {
  readonly origin: string;
  readonly handler: HttpHandler;
  /** Sockets that are open. */
  connections(): Promise<number>;
  ask(path: string, headers?: Readonly<Record<string, string>>, method?: string): Promise<Answer>;
}

export const token = 'a-token';

/** Serves a host on loopback until the test ends. */
export async function serve(host: ServedHost, options: HttpHandlerOptions = {}): Promise<Served> {
  const handler = createHttpHandler(host, { token, ...options });
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    await handler.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const ask: Served['ask'] = (path, headers = {}, method = 'GET') =>
    new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path, headers, method };
      get(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        );
      }).on('error', reject);
    });
  const connections = () =>
    new Promise<number>((resolve, reject) => {
      server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  return { origin: `http://127.0.0.1:${port}`, handler, connections, ask };
}
