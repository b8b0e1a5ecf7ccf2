import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createWebSocketReceiver } from '@statelyai/inspect';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createHttpHandler } from '../../src/http/handler.ts';
import type { Frame } from '../../src/inspect/recorder.ts';
import { makeNodeKeyFiles, NodeHost, plant, putMany, takeSnapshot } from '../helpers/node-host.ts';
import { setUp, start, untilCommitted } from '../helpers/set-up-host.ts';
import { serve, token } from './serve.ts';

const keys = makeNodeKeyFiles();
const query = `?token=${token}`;

async function nodeWithSnapshot() {
  const host = await NodeHost.make(keys);
  const node = await host.start({});
  return { host, node };
}

test('/ is the page, which may load nothing from elsewhere', async () => {
  const { ask, handler } = await serve((await setUp()).snapshotter);
  expect(handler.page).toBe(`/${query}`);
  const { status, headers, text } = await ask(handler.page);
  expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
  expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self'; /);
  expect(text).toContain('content="https://stately.ai/inspect"');
  const assets = [...text.matchAll(/(?:href|src)="(assets\/[^"]+)"/g)].map(([, path]) => path);
  expect(assets).toHaveLength(2);
  for (const asset of assets) expect((await ask(`/${asset}`)).status).toBe(200);
  expect((await ask('/assets/charts/generation.svg')).text).toContain('data-state="persisting"');
});

test.each([
  ['/assets/../package.json'],
  ['/assets/src/jobs/worker.js'],
  ['/assets/charts/none.svg'],
  ['/none'],
])('%s is not found', async (path) => {
  const { ask } = await serve((await setUp()).snapshotter);
  expect((await ask(path)).status).toBe(404);
});

test.each(['/', '/events', '/snapshots'])(
  '%s needs the token, loopback and the own origin',
  async (path) => {
    const { ask, origin } = await serve((await setUp()).snapshotter);
    expect((await ask(path)).status).toBe(403);
    expect((await ask(`${path}?token=a-tokem`)).status).toBe(403);
    const { text } = await ask(path + query, { host: 'evil.example' });
    expect(text).toBe('this host name is not served\n');
    const other = await ask(path + query, { origin: 'http://evil.example' });
    expect(other.text).toBe('a page of another origin may not read this\n');
    const port = new URL(origin).port;
    const elsewhere = await ask(path + query, { origin: `http://127.0.0.1:${Number(port) - 1}` });
    expect(elsewhere.status).toBe(403);
  },
);

test('hosts names further host names, and nothing can be written', async () => {
  const { ask } = await serve((await setUp()).snapshotter, { hosts: ['node.example'] });
  expect((await ask(`/${query}`, { host: 'node.example:80' })).status).toBe(200);
  const { status, headers } = await ask(`/${query}`, {}, 'POST');
  expect([status, headers.allow]).toEqual([405, 'GET, HEAD']);
});

test('createHttpHandler() as middleware hands on what it does not serve', async () => {
  const { snapshotter } = await setUp();
  const handler = createHttpHandler(snapshotter);
  onTestFinished(() => handler.close());
  const handedOn: unknown[] = [];
  const request = { url: '/api', method: 'GET', headers: {} };
  handler(request as never, {} as never, () => handedOn.push('next'));
  await Promise.resolve();
  expect(handedOn).toEqual(['next']);
  expect(handler.page).toMatch(/^\/\?token=[0-9a-f]{32}$/);
});

test('/snapshots lists what is on disk, and what each file proves', async () => {
  const { host, node } = await nodeWithSnapshot();
  await putMany(node, 5);
  await takeSnapshot(node);
  const [name] = (await host.snapshotFiles()).keys();
  await plant(host.disk, '/node/snapshots/snapshot_900_901.committed', new Uint8Array(90));
  const { ask } = await serve(node, { environment: { fileSystem: host.disk } });
  const listed = async () => {
    const { status, text } = await ask(`/snapshots${query}`);
    return { status, ...JSON.parse(text) };
  };
  // Nobody who asks waits: at first nothing is known but what there is.
  expect(await listed()).toMatchObject({
    status: 200,
    directory: '/node/snapshots',
    files: [
      { file: 'snapshot_900_901.committed', verification: { status: 'not-yet' } },
      { file: name, verification: { status: 'not-yet' } },
      { file: 'lock', ignored: 'LOCK' },
    ],
  });
  await expect
    .poll(async () => (await listed()).files)
    .toMatchObject([
      { file: 'snapshot_900_901.committed', verification: { status: 'refused' } },
      { file: name, verification: { status: 'verified', trusted: true } },
      { file: 'lock', ignored: 'LOCK' },
    ]);
});

test('/metrics counts generations, times their steps, and tells what is so now', async () => {
  const { node } = await nodeWithSnapshot();
  const { ask } = await serve(node);
  await putMany(node, 5);
  await takeSnapshot(node);
  const { status, headers, text } = await ask('/metrics');
  expect([status, headers['content-type']]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ]);
  const value = (name: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`ledger_snapshotter_${name} `))
        ?.split(' ')
        .at(-1),
    );
  expect(value('snapshot_generations_total{outcome="committed"}')).toBe(1);
  expect(value('snapshot_committed_total')).toBe(1);
  expect(value('snapshot_phase_duration_seconds_count{phase="await_evidence"}')).toBe(1);
  expect(value('snapshot_phase_duration_seconds_count{phase="fsync"}')).toBe(1);
  expect(value('snapshot_size_bytes_count')).toBe(1);
  expect(value('snapshot_pending')).toBe(0);
  expect(value('snapshot_generations{state="persisting"}')).toBe(0);
  expect(value('snapshot_last_committed_seqno')).toBeGreaterThan(5);
  expect(value('ledger_committed_seqno')).toBe(node.status.committed);
  expect(value('event_loop_delay_seconds{quantile="0.99"}')).toBeGreaterThanOrEqual(0);
  expect(text).toMatch(/ledger_snapshotter_build_info\{version="\d+\.\d+\.\d+"\} 1/);
});

test('/metrics counts what was given up, by its outcome', async () => {
  const setup = await setUp();
  const { ask } = await serve(setup.snapshotter);
  setup.disk.failNext('sync', 'EIO', { path: (path) => path.includes('spool_') });
  expect((await untilCommitted(setup)).outcome).toBe('persist-failed');
  const { text } = await ask('/metrics');
  expect(text).toContain('snapshot_abandoned_total{reason="persist-failed"} 1');
  expect(text).toContain('snapshot_generations_total{outcome="persist-failed",step="syncing"} 1');
});

test('/healthz is ok as long as the process answers', async () => {
  const { ask } = await serve((await setUp()).snapshotter);
  expect(await ask('/healthz')).toMatchObject({ status: 200, text: 'ok\n' });
});

test('/readyz says what is not ready, in words and as JSON', async () => {
  const setup = await setUp();
  let nowMs = 0;
  const clock = { now: () => nowMs, setTimeout: () => 0, clearTimeout: () => {} };
  const { ask } = await serve(setup.snapshotter, {
    snapshotAgeMsMax: 60_000,
    environment: { clock },
  });
  expect(await ask('/readyz')).toMatchObject({ status: 200, text: 'ready\n' });
  nowMs = 61_000;
  const { status, text } = await ask('/readyz?verbose');
  expect(status).toBe(503);
  expect(text).toBe('[+]snapshotter ok\n[-]snapshot_age failed: 61 s > 60 s\nnot ready\n');
  await setup.snapshotter.close();
  const json = await ask('/readyz', { accept: 'application/json' });
  expect(JSON.parse(json.text)).toMatchObject({
    ready: false,
    checks: [{ name: 'snapshotter', problem: 'it is closed' }, { name: 'snapshot_age' }],
  });
});

test('/readyz of a node names its engine', async () => {
  const { node } = await nodeWithSnapshot();
  const { ask } = await serve(node);
  expect((await ask('/readyz?verbose')).text).toBe('[+]snapshotter ok\n[+]engine ok\nready\n');
});

/** Follows `/events` until the test ends. */
async function follow(url: string): Promise<{ events: string[]; frames: Frame[] }> {
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  const { body } = await fetch(url, { signal: abort.signal });
  const followed = { events: [] as string[], frames: [] as Frame[] };
  const read = async () => {
    let text = '';
    for await (const part of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += part;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const [, event, data = ''] =
          /^(?:event: (.*)\n)?data: (.*)$/s.exec(text.slice(0, end)) ?? [];
        if (event !== undefined) followed.events.push(event);
        else followed.frames.push(JSON.parse(data));
        text = text.slice(end + 2);
      }
    }
  };
  read().catch(() => {});
  return followed;
}

const phasesIn = (frames: readonly Frame[]) => {
  const phases = frames.flatMap((frame) => {
    if (frame.type !== '@xstate.snapshot' || typeof frame.snapshot.context !== 'object') return [];
    const { value, context } = frame.snapshot;
    const isGeneration = context !== null && 'refusedEvidence' in context;
    return isGeneration ? [typeof value === 'object' ? Object.keys(value ?? {})[0] : value] : [];
  });
  return [...new Set(phases)];
};

const fivePhases = ['scheduled', 'serialised', 'awaiting-evidence', 'persisting', 'committed'];

test('/events tells a snapshot from its first phase to its last', async () => {
  const setup = await setUp();
  const { origin } = await serve(setup.snapshotter);
  const { events, frames } = await follow(`${origin}/events${query}`);
  await expect.poll(() => frames.length).toBe(1);
  expect(frames).toMatchObject([{ type: '@xstate.actor', snapshot: { status: 'active' } }]);
  expect((await untilCommitted(setup)).outcome).toBe('committed');
  await expect.poll(() => phasesIn(frames)).toEqual(fivePhases);
  expect(events).toEqual(['hello']);
});

test('/events tells a late viewer what lives and what has ended', async () => {
  const setup = await setUp();
  const { origin } = await serve(setup.snapshotter);
  expect((await untilCommitted(setup)).outcome).toBe('committed');
  await start(setup);
  const { frames } = await follow(`${origin}/events${query}`);
  await expect.poll(() => frames.length).toBeGreaterThanOrEqual(4);
  expect(frames[0]).toMatchObject({ type: 'history', outcome: 'committed', seqno: 6 });
  const names = frames.flatMap((frame) => (frame.type === '@xstate.actor' ? frame.name : []));
  expect(names.slice(0, 3)).toEqual(['snapshotter', 'slot:0', 'chain']);
});

test('the messages, relayed over ws, are those that createWebSocketReceiver() takes', async () => {
  const setup = await setUp();
  const { origin } = await serve(setup.snapshotter);
  const relay = createServer();
  const sockets = new WebSocketServer({ server: relay });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const client of sockets.clients) client.terminate();
    relay.close();
  });
  // Node 20 has no WebSocket of its own.
  Object.assign(globalThis, { WebSocket });
  const { port } = relay.address() as AddressInfo;
  const received: Frame[] = [];
  const receiver = createWebSocketReceiver({ server: `ws://127.0.0.1:${port}` });
  receiver.subscribe((message) => received.push(message as never));
  await expect.poll(() => sockets.clients.size).toBe(1);
  const { frames } = await follow(`${origin}/events${query}`);
  expect((await untilCommitted(setup)).outcome).toBe('committed');
  await expect.poll(() => phasesIn(frames)).toEqual(fivePhases);
  for (const socket of sockets.clients) {
    for (const frame of frames) socket.send(JSON.stringify(frame));
  }
  await expect.poll(() => received.length).toBe(frames.length);
  expect(received).toEqual(frames);
});
