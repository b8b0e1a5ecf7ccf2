import type { KeyObject } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Registry } from 'prom-client';
import { toHex } from '../core/bytes.ts';
import type { Logger } from '../core/host-ports.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import { InspectionBridge } from '../inspect/bridge.ts';
import { type EventLoopDelay, eventLoopDelayReader } from '../io/event-loop-delay.ts';
import { type Environment, environmentOf } from '../jobs/environment.ts';
import { pathOf, queryOf, refusal } from './access.ts';
import { EventStream, streamHeaders } from './event-stream.ts';
import { gaugesOf } from './gauges.ts';
import { History } from './history.ts';
import { PageFiles } from './page-files.ts';
import { PrometheusMetrics } from './prometheus-metrics.ts';
import { readinessOf, readinessText } from './readiness.ts';
import { nodeOf, type ServedHost, snapshotsOf } from './served-host.ts';
import { VerifiedFiles } from './verified-files.ts';

export type { ServedHost } from './served-host.ts';

/** What is served, and to whom. */
export interface HttpHandlerOptions {
  /** What the page's URL carries so that only whoever was given it can watch. @default 16 random bytes in hex */
  readonly token?: string;
  /** Host names besides loopback's under which the page may be asked for, without port. @default none */
  readonly hosts?: readonly string[];
  /** Directory of the snapshots; a node has one. @default none: the page shows no files */
  readonly directory?: string;
  /** Identities under which its files must verify; a node has one. @default none: what verifies is not trusted */
  readonly services?: readonly (KeyObject | Certificate)[];
  /** Not ready when the last snapshot was committed longer ago than this, in milliseconds. @default no limit */
  readonly snapshotAgeMsMax?: number;
  /** A registry of prom-client's that the metrics join. @default one of our own */
  readonly registry?: Registry;
  /** Inspector that the page's button opens in a frame. @default https://stately.ai/inspect */
  readonly inspectorUrl?: string;
  readonly logger?: Logger;
  /** Parts of the outside world to replace, for simulation. */
  readonly environment?: Partial<Environment>;
}

/** A request listener of node:http; as middleware it hands on what it does not serve. */
export interface HttpHandler {
  (request: IncomingMessage, response: ServerResponse, next?: () => void): void;
  /** Path and query of the live page, with its token. */
  readonly page: string;
  /** Drops whoever watches, counts no more, and ends the thread that verified files. */
  close(): Promise<void>;
}

/**
 * Serves what there is to see of a node or snapshotter, all of it read-only: `/` the live page, `/events` what the
 * page follows, `/snapshots` the files and what they prove, `/metrics` for Prometheus, `/healthz` and
 * `/readyz?verbose`. The first three need the token that {@link HttpHandler.page} carries, and a host name of
 * loopback or of `hosts`; the others tell numbers, and why a node has stopped.
 * @example createServer(createHttpHandler(node)).listen(8080, '127.0.0.1')
 */
export function createHttpHandler(host: ServedHost, options: HttpHandlerOptions = {}): HttpHandler {
  const served = new Served(host, options);
  const handler = (request: IncomingMessage, response: ServerResponse, next?: () => void) => {
    served.answer(request, response, next).catch((error: unknown) => {
      options.logger?.error({ error }, 'a request could not be answered');
      if (response.headersSent) response.destroy();
      else reply(response, { status: 500, text: 'this could not be answered; the log says why\n' });
    });
  };
  return Object.assign(handler, { page: served.page, close: () => served.close() });
}

interface Reply {
  readonly status?: number;
  readonly type?: string;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function reply(response: ServerResponse, { status = 200, type, text, headers }: Reply): void {
  response.writeHead(status, {
    'content-type': type ?? 'text/plain; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    ...headers,
  });
  response.end(text);
}

type Route = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

class Served {
  readonly page: string;
  readonly #host: ServedHost;
  readonly #options: HttpHandlerOptions;
  readonly #access: { readonly token: string; readonly hosts: readonly string[] };
  readonly #nowMs: () => number;
  readonly #startedMs: number;
  readonly #history: History;
  readonly #bridge: InspectionBridge;
  readonly #metrics: PrometheusMetrics;
  readonly #stopMeasuring: () => void;
  readonly #files: VerifiedFiles | undefined;
  readonly #pageFiles = new PageFiles();
  readonly #routes: ReadonlyMap<string, Route>;
  #readDelay: (() => EventLoopDelay) | undefined;

  constructor(host: ServedHost, options: HttpHandlerOptions) {
    const environment = environmentOf(options.environment);
    const snapshots = snapshotsOf(host);
    const token = options.token ?? toHex(environment.randomness.bytes(16));
    this.page = `/?token=${encodeURIComponent(token)}`;
    this.#host = host;
    this.#options = options;
    this.#access = { token, hosts: options.hosts ?? [] };
    this.#nowMs = () => environment.clock.now();
    this.#startedMs = this.#nowMs();
    this.#history = new History(snapshots, this.#nowMs);
    this.#bridge = new InspectionBridge({ source: snapshots, nowMs: this.#nowMs });
    this.#metrics = new PrometheusMetrics(options.registry);
    this.#stopMeasuring = snapshots.measure(this.#metrics);
    this.#files = verifiedFiles(host, options, environment);
    const guarded =
      (route: Route): Route =>
      (request, response) =>
        this.#ifAllowed(request, response, route);
    this.#routes = new Map<string, Route>([
      ['/', guarded((_, response) => this.#answerPage(response))],
      ['/events', guarded((request, response) => this.#follow(request, response))],
      ['/snapshots', guarded((_, response) => this.#listFiles(response))],
      ['/metrics', (_, response) => this.#tellMetrics(response)],
      ['/healthz', async (_, response) => reply(response, { text: 'ok\n' })],
      ['/readyz', async (request, response) => this.#tellReadiness(request, response)],
    ]);
  }

  async answer(request: IncomingMessage, response: ServerResponse, next?: () => void) {
    const path = pathOf(request);
    const route = this.#routes.get(path) ?? (path.startsWith('/assets/') ? this.#asset : undefined);
    if (route === undefined) {
      if (next !== undefined) next();
      else reply(response, { status: 404, text: 'there is nothing here\n' });
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      reply(response, { status: 405, text: 'read-only\n', headers: { allow: 'GET, HEAD' } });
    } else await route(request, response);
  }

  async close(): Promise<void> {
    this.#bridge.close();
    this.#history.close();
    this.#stopMeasuring();
    await this.#files?.close();
  }

  async #ifAllowed(request: IncomingMessage, response: ServerResponse, route: Route) {
    const why = refusal(request, this.#access);
    if (why === undefined) await route(request, response);
    else reply(response, { status: 403, text: `${why}\n` });
  }

  async #answerPage(response: ServerResponse): Promise<void> {
    const inspectorUrl = this.#options.inspectorUrl ?? 'https://stately.ai/inspect';
    const { origin } = new URL(inspectorUrl);
    const policy = `default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src ${origin}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
    reply(response, {
      type: 'text/html; charset=utf-8',
      text: await this.#pageFiles.page(inspectorUrl),
      headers: { 'content-security-policy': policy },
    });
  }

  readonly #asset: Route = async (request, response) => {
    const file = await this.#pageFiles.asset(pathOf(request).slice('/assets/'.length));
    reply(response, file ?? { status: 404, text: 'there is nothing here\n' });
  };

  async #follow({ method }: IncomingMessage, response: ServerResponse): Promise<void> {
    // Who asks for the headers alone gets them and no stream, which would be read by nobody and never end.
    if (method === 'HEAD') {
      response.writeHead(200, streamHeaders).end();
      return;
    }
    const stream = new EventStream(response);
    stream.send(JSON.stringify({ run: `${this.#startedMs}`, nowMs: this.#nowMs() }), 'hello');
    for (const message of this.#history.ended) stream.send(JSON.stringify(message));
    const leave = this.#bridge.add(stream);
    response.on('close', leave);
  }

  async #listFiles(response: ServerResponse): Promise<void> {
    const files = (await this.#files?.list()) ?? [];
    reply(response, {
      type: 'application/json',
      text: JSON.stringify({ directory: this.#directory, files }),
    });
  }

  get #directory(): string | undefined {
    return this.#options.directory ?? nodeOf(this.#host)?.snapshots.directory;
  }

  async #tellMetrics(response: ServerResponse): Promise<void> {
    this.#readDelay ??= eventLoopDelayReader();
    const version = await this.#pageFiles.version();
    const delay = this.#readDelay();
    const readings = gaugesOf(this.#host, { history: this.#history, delay, version });
    for (const reading of readings) this.#metrics.set(reading);
    const { registry } = this.#metrics;
    reply(response, { type: registry.contentType, text: await registry.metrics() });
  }

  async #tellReadiness(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const checks = readinessOf(this.#host, {
      history: this.#history,
      nowMs: this.#nowMs(),
      startedMs: this.#startedMs,
      snapshotAgeMsMax: this.#options.snapshotAgeMsMax,
    });
    const isReady = checks.every(({ problem }) => problem === undefined);
    const status = isReady ? 200 : 503;
    const isJson = request.headers.accept?.includes('application/json') === true;
    if (isJson) {
      const text = JSON.stringify({ ready: isReady, checks });
      reply(response, { status, type: 'application/json', text });
    } else if (queryOf(request).has('verbose')) {
      reply(response, { status, text: readinessText(checks) });
    } else reply(response, { status, text: isReady ? 'ready\n' : 'not ready\n' });
  }
}

function verifiedFiles(
  host: ServedHost,
  options: HttpHandlerOptions,
  environment: Environment,
): VerifiedFiles | undefined {
  const node = nodeOf(host);
  const directory = options.directory ?? node?.snapshots.directory;
  if (directory === undefined) return undefined;
  const services = options.services ?? (node ? [node.service] : []);
  return new VerifiedFiles({ directory, services, environment });
}
