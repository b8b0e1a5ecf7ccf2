import { createPublicKey } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { createWebSocketInspector } from '@statelyai/inspect';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { seqno } from '../../src/core/words.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { createSnapshotter } from '../../src/snapshotter/create-snapshotter.ts';
import { fakeProcesses } from '../files/fake-processes.ts';
import { LogHost } from '../helpers/log-host.ts';

interface Message {
  readonly type: string;
  readonly name?: string;
  readonly definition?: string;
  readonly sessionId: string;
  readonly event?: { readonly type: string };
  readonly snapshot?: { readonly status: string; readonly value?: unknown };
}

/** A relay of the Stately Inspector: it keeps what it is sent. */
async function relay(): Promise<{ url: string; messages: Message[]; connected: Promise<void> }> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const messages: Message[] = [];
  const connected = new Promise<void>((resolve) => {
    server.on('connection', (socket) => {
      socket.on('message', (data) => messages.push(JSON.parse(data.toString('utf8'))));
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return { url: `ws://127.0.0.1:${port}`, messages, connected };
}

test("@statelyai/inspect's WebSocket inspector sees a snapshot's whole life", async () => {
  const { url, messages, connected } = await relay();
  // Node 20 has no WebSocket of its own.
  Object.assign(globalThis, { WebSocket });
  const inspector = createWebSocketInspector({ url });
  onTestFinished(() => inspector.stop());
  await connected;

  const host = new LogHost();
  const asked: Parameters<LogHost['recordEvidence']>[1][] = [];
  const snapshotter = await createSnapshotter({
    directory: '/snapshots',
    source: host,
    secrets: { at: () => host.secret },
    identity: createPublicKey(host.key),
    txInterval: 1,
    inspect: inspector.inspect,
    environment: { fileSystem: new MemoryFileSystem(), processes: fakeProcesses() },
    evidence: {
      submit: async (evidence) => {
        asked.push(evidence);
        return { seqno: seqno(host.last + 1) };
      },
    },
  });
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  const ended = snapshotter.live[0]?.ended;
  await expect.poll(() => asked.length).toBe(1);
  for (const evidence of asked) host.recordEvidence(snapshotter, evidence);
  await host.sign(snapshotter);
  snapshotter.commit(host.last, { primary: true });
  expect((await ended)?.outcome).toBe('committed');
  await snapshotter.close();

  const slot = () =>
    messages.find(({ type, name }) => type === '@xstate.actor' && name === 'slot:0');
  await expect.poll(() => slot()).toBeDefined();
  const phases = () =>
    messages
      .filter(
        ({ type, sessionId }) => type === '@xstate.snapshot' && sessionId === slot()?.sessionId,
      )
      .map(({ snapshot }) => topState(snapshot?.value));
  await expect
    .poll(() => [...new Set(phases())])
    .toEqual(['scheduled', 'serialised', 'awaiting-evidence', 'persisting', 'committed']);
  expect(JSON.parse(slot()?.definition ?? '{}')).toMatchObject({ id: 'generation' });
});

function topState(value: unknown): string | undefined {
  return typeof value === 'object' && value !== null ? Object.keys(value)[0] : String(value);
}
