/**
 * # Accounts over HTTP, on a ledger
 *
 * A Fastify application whose state is a node of ledger-snapshotter: what is posted becomes a transaction, the
 * answer means that it is on disk, and every so many transactions a snapshot is taken that anyone can verify.
 *
 *     npm run build && node dist/test/examples/fastify-app/app.js data 3000
 *
 *     curl localhost:3000/accounts -H 'content-type: application/json' -d '{"name":"ann","balance":100}'
 *     curl localhost:3000/transfers -H 'content-type: application/json' -d '{"from":"ann","to":"ben","amount":5}'
 *     curl localhost:3000/accounts/ann
 *     curl localhost:3000/snapshots
 *     curl localhost:3000/status
 *
 *     npx ledger-snapshotter verify data/snapshots/*.committed --service-cert data/service_cert.pem
 *
 * Ctrl-C or SIGTERM: what was asked is answered, signed and committed, and the directory given back. A process
 * that is killed starts again with everything that it had answered.
 *
 * This file starts and stops it, `accounts.ts` has the application's own transactions. In a project of your own
 * their imports are from 'ledger-snapshotter'.
 */

import { STATUS_CODES } from 'node:http';
import { fileURLToPath } from 'node:url';
import { type FastifyInstance, type FastifyServerOptions, fastify } from 'fastify';
import {
  ConsensusError,
  createNode,
  type LedgerNode,
  type NodeOptions,
  StorageError,
} from '../../../src/index.ts';
import { addAccounts } from './accounts.ts';

export interface AppOptions extends Omit<NodeOptions, 'logger'> {
  /** 0 takes one that is free. */
  readonly port: number;
  readonly logger?: FastifyServerOptions['logger'];
}

export interface StartedApp {
  readonly app: FastifyInstance;
  readonly node: LedgerNode;
  /** Where it listens. */
  readonly url: string;
}

/** Starts the node on its directory, then listens; to close the app closes the node as well. */
export async function startApp({
  port,
  logger = true,
  ...options
}: AppOptions): Promise<StartedApp> {
  const app = fastify({ logger });
  const node = await createNode({ ...options, logger: app.log });
  // Fastify comes to this when the last request is answered, so that none of them finds the node closed.
  app.addHook('onClose', () => node.close());
  try {
    addErrors(app);
    addAccounts(app, node);
    addReports(app, node);
    return { app, node, url: await app.listen({ port, host: '127.0.0.1' }) };
  } catch (error) {
    await app.close();
    throw error;
  }
}

function addErrors(app: FastifyInstance): void {
  app.setErrorHandler((error: Error & { readonly statusCode?: number }, request, reply) => {
    const status = error.statusCode ?? statusOf(error);
    if (status >= 500) request.log.error(error);
    // What went wrong inside is for the log: it may name files.
    return reply.code(status).send({ error: status < 500 ? error.message : STATUS_CODES[status] });
  });
}

function statusOf(error: Error): number {
  // The disk has failed, or the node was closed: nothing has happened, and another server may do it.
  if (error instanceof StorageError || error instanceof ConsensusError) return 503;
  // Keys and values that no ledger takes: too long, or a text that has no UTF-8.
  if (error instanceof RangeError || error instanceof TypeError) return 400;
  return 500;
}

function addReports(app: FastifyInstance, node: LedgerNode): void {
  app.get('/snapshots', async () => {
    const found = await node.snapshots.list();
    return found.filter(({ committed }) => committed);
  });

  // By 503 a load balancer sees that the node has stopped.
  app.get('/status', (_, reply) => {
    const { failure, ...status } = node.status;
    const underWay = node.snapshots.live.map(({ seqno, phase }) => ({ seqno, phase }));
    return reply.code(failure ? 503 : 200).send({ ...status, underWay, failure: failure?.message });
  });
}

// As a program, and not when a test imports it.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , directory = 'data', port = '3000', snapshotTxInterval = '1000'] = process.argv;
  const { app } = await startApp({
    directory,
    port: Number(port),
    snapshotTxInterval: Number(snapshotTxInterval),
  });
  const stop = () => {
    app.close().catch((error: unknown) => {
      app.log.fatal(error);
      process.exitCode = 1;
    });
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
}
