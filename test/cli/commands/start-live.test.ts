import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { get } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createNode } from '../../../src/index.ts';
import { temporaryDirectory } from '../temporary.ts';

const main = join(import.meta.dirname, '../../../dist/src/cli/main.js');

/** A `start --live` of the compiled program, as a process of its own. */
interface LiveRun {
  readonly child: ChildProcess;
  /** All that it has said on stderr. */
  readonly said: () => string;
  readonly ended: Promise<{ readonly status: number | null; readonly signal: string | null }>;
}

function startLive(directory: string, ...more: readonly string[]): LiveRun {
  const args = ['start', '--dir', directory, '--live', '--no-progress', ...more];
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = new Promise<{ status: number | null; signal: string | null }>((resolve) => {
    child.once('close', (status, signal) => resolve({ status, signal }));
  });
  return { child, said: () => said, ended };
}

/** Waits until it has said something of this kind. */
async function heard({ said }: LiveRun, pattern: RegExp): Promise<string> {
  await expect.poll(said, { timeout: 50_000 }).toMatch(pattern);
  return pattern.exec(said())?.[1] ?? '';
}

/** Asks as a browser on this machine would; `host` is what it believes to talk to. */
function ask(url: string, host?: string): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    get(url, { headers: host === undefined ? {} : { host } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode, text }));
    }).on('error', reject);
  });
}

/** Whether nobody listens on a port any more. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', () => resolve(true));
  });
}

test('start --live serves page, stream, metrics and health at the URL that it prints', async () => {
  const run = startLive(join(temporaryDirectory(), 'node'), '--transactions', '20');
  const url = await heard(run, /^live page: (http:\/\/127\.0\.0\.1:\d+\/\?token=[0-9a-f]{32})$/m);
  const { origin, search } = new URL(url);
  expect(await ask(url)).toMatchObject({
    status: 200,
    text: expect.stringContaining('<h1>Ledger snapshots</h1>'),
  });
  expect((await ask(`${origin}/assets/visualizations/live/main.js`)).status).toBe(200);
  expect((await ask(`${origin}/snapshots${search}`)).text).toContain('"files":');
  expect((await ask(`${origin}/metrics`)).text).toMatch(
    /^ledger_snapshotter_ledger_last_seqno \d/m,
  );
  expect(await ask(`${origin}/healthz`)).toEqual({ status: 200, text: 'ok\n' });
  expect(await ask(`${origin}/readyz?verbose`)).toEqual({
    status: 200,
    text: '[+]snapshotter ok\n[+]engine ok\nready\n',
  });
  expect(run.said()).toContain(`${origin}/metrics  ${origin}/healthz  ${origin}/readyz?verbose`);

  const wrong = `token=${'0'.repeat(32)}`;
  for (const path of ['/', '/events', '/snapshots']) {
    expect((await ask(`${origin}${path}`)).status, path).toBe(403);
    expect((await ask(`${origin}${path}?${wrong}`)).status, path).toBe(403);
    expect(await ask(`${origin}${path}${search}`, 'evil.example')).toEqual({
      status: 403,
      text: 'this host name is not served\n',
    });
  }
});

test('start --live goes on until Ctrl-C, and leaves no port, no process, no lock and no torn file', async () => {
  const directory = join(temporaryDirectory(), 'node');
  const run = startLive(directory, '--transactions', '60', '--snapshot-every', '20');
  const url = await heard(run, /^live page: (.*)$/m);
  const abort = new AbortController();
  onTestFinished(() => abort.abort());
  // Somebody watches, which must not keep it alive.
  const { origin, port, search } = new URL(url);
  const { body } = await fetch(`${origin}/events${search}`, { signal: abort.signal });
  await heard(run, /: committed, (snapshot_\d+_\d+\.committed)$/m);
  await heard(run, /the page is served until (Ctrl-C)$/m);
  expect(run.child.exitCode).toBe(null);
  run.child.kill('SIGINT');
  expect(await run.ended).toEqual({ status: 0, signal: null });
  await expect(body?.pipeTo(new WritableStream())).rejects.toThrow();
  expect(await isFree(Number(port))).toBe(true);
  const left = readdirSync(join(directory, 'snapshots'));
  expect(left.filter((name) => !name.endsWith('.committed'))).toEqual([]);
  // The directory starts again, from what the run has left.
  const node = await createNode({ directory });
  expect(node.recovered.snapshot?.file).toMatch(/^snapshot_\d+_\d+\.committed$/);
  await node.close();
});

test('start --live that is interrupted amid its transactions ends as interrupted, and frees its port', async () => {
  const directory = join(temporaryDirectory(), 'node');
  const run = startLive(directory, '--transactions', '100000');
  const { port } = new URL(await heard(run, /^live page: (.*)$/m));
  run.child.kill('SIGINT');
  expect(await run.ended).toEqual({ status: 130, signal: null });
  expect(await isFree(Number(port))).toBe(true);
  const second = startLive(directory, '--transactions', '5');
  await heard(second, /^live page: (.*)$/m);
});
