import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { d1m, ShapedData } from '../data.ts';
import { forgetPeak, memoryOf, processTimes } from '../on-cpu.ts';
import { findProgram } from '../peer-programs.ts';
import { answerAsks } from './answer-asks.ts';
import type { PeerInput, PeerMeasure } from './peer-cost.ts';

/** etcd with `snapshot save`: a server of its own on the loopback interface, and its command. */

const startMsMax = 30_000;
const opsPerTxn = 1000;

let server: ChildProcess | undefined;
let url = '';
let directory = '';

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  listener.close();
  await once(listener, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}

async function prepare(input: PeerInput): Promise<{ readonly isThere: boolean }> {
  directory = input.directory;
  const program = findProgram('etcd');
  if (program === undefined || findProgram('etcdctl') === undefined) return { isThere: false };
  url = `http://127.0.0.1:${await freePort()}`;
  const peer = `http://127.0.0.1:${await freePort()}`;
  const args = [
    ...['--data-dir', join(directory, 'etcd'), '--max-txn-ops', `${opsPerTxn}`],
    ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', `default=${peer}`, '--log-level', 'error'],
    ...['--max-request-bytes', `${8 * 2 ** 20}`, '--quota-backend-bytes', `${4 * 2 ** 30}`],
  ];
  server = spawn(program.path, args, { env: program.env, stdio: 'ignore' });
  await untilHealthy();
  await fill(input.entries);
  return { isThere: true };
}

async function untilHealthy(): Promise<void> {
  const deadlineMs = performance.now() + startMsMax;
  for (;;) {
    const answer = await fetch(`${url}/health`).catch(() => undefined);
    if (answer?.ok) return;
    if (performance.now() > deadlineMs) throw new Error('etcd did not start');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function fill(entries: number): Promise<void> {
  const data = new ShapedData({ ...d1m, entries });
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
  for (let from = 0; from < entries; from += opsPerTxn) {
    const success: object[] = [];
    for (let i = from; i < Math.min(entries, from + opsPerTxn); i++) {
      const requestPut = { key: base64(data.keyOf(i)), value: base64(data.valueOf(i)) };
      success.push({ requestPut });
    }
    const body = JSON.stringify({ success });
    const answer = await fetch(`${url}/v3/kv/txn`, { method: 'POST', body });
    if (!answer.ok) throw new Error(`etcd answered ${answer.status}: ${await answer.text()}`);
    await answer.arrayBuffer();
  }
}

/** The command from its start to its end. The stall is the longest write of a client meanwhile. */
async function save(): Promise<PeerMeasure> {
  const program = findProgram('etcdctl');
  if (program === undefined) throw new Error('not prepared');
  const path = join(directory, 'etcd.snapshot');
  rmSync(path, { force: true });
  const pid = server?.pid ?? 0;
  forgetPeak(pid);
  const { rssBytes } = memoryOf(pid);
  const beforeNs = processTimes(pid).cpuNs;
  const startMs = performance.now();
  const env = { ...program.env, ETCDCTL_API: '3' };
  const args = ['--endpoints', url, 'snapshot', 'save', path];
  const command = spawn(program.path, args, { env, stdio: 'ignore' });
  const ended = once(command, 'exit').then(() => performance.now());
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  let stallMs = 0;
  while (!isOver) {
    const askedMs = performance.now();
    await put();
    stallMs = Math.max(stallMs, performance.now() - askedMs);
  }
  const ms = (await ended) - startMs;
  if (command.exitCode !== 0) throw new Error(`etcdctl ended with ${command.exitCode}`);
  const cpuMs = (processTimes(pid).cpuNs - beforeNs) / 1e6;
  const bytes = statSync(path).size;
  rmSync(path);
  const { peakBytes } = memoryOf(pid);
  return { ms, cpuMs, stallMs, extraRssMb: (peakBytes - rssBytes) / 1e6, bytes };
}

async function put(): Promise<void> {
  const body = JSON.stringify({ key: 'cHJvYmU=', value: 'eA==' });
  const answer = await fetch(`${url}/v3/kv/put`, { method: 'POST', body });
  await answer.arrayBuffer();
}

answerAsks({ prepare, save }, async () => {
  server?.kill('SIGKILL');
  if (server?.exitCode === null) await once(server, 'exit');
});
process.on('exit', () => server?.kill('SIGKILL'));
