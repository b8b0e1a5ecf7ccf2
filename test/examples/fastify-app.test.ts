import { type ChildProcess, spawn } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { type FoundSnapshot, verifySnapshot } from '../../src/index.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { projectRoot } from '../architecture/sources.ts';
import { fakeProcesses } from '../files/fake-processes.ts';
import { type AppOptions, type StartedApp, startApp } from './fastify-app/app.ts';

const people = ['ann', 'ben', 'cleo', 'dan'];

test('the Fastify example takes snapshots that verify, and starts again with everything that it had answered', async () => {
  const directory = await temporary();
  const first = await start({ directory });
  for (const name of people) {
    expect(await post(first.url, '/accounts', { name, balance: 1000 })).toMatchObject({
      status: 201,
    });
  }
  await transferInRounds(first.url, 30);
  await first.node.sign();
  await first.node.snapshots.untilIdle();
  const snapshots = await snapshotsOf(first.url);
  expect(snapshots.map(({ seqno }) => seqno)).toEqual(expect.arrayContaining([120, 80, 40]));
  const balances = await balancesOf(first.url);
  const { durable } = first.node.status;
  await first.app.close();

  // As somebody would who has nothing but the directory and the service's certificate.
  const service = createPublicKey(await readFile(join(directory, 'service_cert.pem')));
  const second = await start({ directory });
  for (const { file, seqno } of snapshots) {
    const path = join(directory, 'snapshots', file);
    const verified = await verifySnapshot(path, { services: [service] });
    expect(verified).toMatchObject({ seqno, trusted: true });
  }
  expect(second.node.recovered.snapshot?.file).toBe(snapshots[0]?.file);
  expect(second.node.status.seqno).toBeGreaterThanOrEqual(durable);
  expect(await balancesOf(second.url)).toEqual(balances);
  expect(Object.values(balances).reduce((sum, balance) => sum + balance)).toBe(4000);
  expect(await post(second.url, '/transfers', transferOf(1))).toMatchObject({ status: 200 });
});

test('the Fastify example runs as a program, and SIGTERM closes its node', async () => {
  const directory = await temporary();
  const first = await run(directory);
  await post(first.url, '/accounts', { name: 'ann', balance: 7 });
  first.program.kill('SIGTERM');
  expect(await once(first.program, 'exit')).toEqual([0, null]);
  // Its lock is gone, and what it had answered is signed.
  const second = await start({ directory });
  expect(second.node.recovered.verifiedUntil).toBe(second.node.recovered.seqno);
  expect(await get(second.url, '/accounts/ann')).toMatchObject({ body: { balance: 7 } });
});

test('the Fastify example answers 400, 404 and 409 to what cannot be done, and nothing has happened', async () => {
  const { url, node } = await start(inMemory());
  await post(url, '/accounts', { name: 'ann', balance: 5 });
  const before = node.root();
  const refused = [
    await post(url, '/accounts', { name: 'ben', balance: 'much' }),
    await post(url, '/accounts', { name: 'half a \ud800', balance: 1 }),
    await post(url, '/transfers', { from: 'ann', to: 'nobody', amount: 1 }),
    await post(url, '/accounts', { name: 'ann', balance: 9 }),
    await post(url, '/transfers', { from: 'ann', to: 'ann', amount: 6 }),
  ];
  expect(refused).toMatchObject([
    { status: 400, body: { error: 'body/balance must be integer' } },
    { status: 400, body: { error: expect.stringContaining('lone surrogate') } },
    { status: 404, body: { error: 'nobody has no account' } },
    { status: 409, body: { error: 'ann has an account' } },
    { status: 409, body: { error: 'ann has only 5' } },
  ]);
  expect(node.root()).toBe(before);
});

test('the Fastify example answers 503 once its ledger cannot be written', async () => {
  const { disk, ...options } = inMemory();
  const { url } = await start(options);
  expect(await get(url, '/status')).toMatchObject({ status: 200 });
  disk.failNext('sync', 'EIO', { path: (path) => path.includes('/ledger/') });
  const answers = [
    await post(url, '/accounts', { name: 'ann', balance: 1 }),
    await get(url, '/accounts/ann'),
  ];
  const unavailable = { status: 503, body: { error: 'Service Unavailable' } };
  expect(answers).toEqual([unavailable, unavailable]);
  expect(await get(url, '/status')).toMatchObject({
    status: 503,
    body: { failure: expect.stringContaining('EIO') },
  });
});

test('the Fastify example answers 503 when its node is closed', async () => {
  const { url, node } = await start(inMemory());
  await node.close();
  expect(await post(url, '/accounts', { name: 'ann', balance: 1 })).toMatchObject({ status: 503 });
});

test('the Fastify example leaves a directory that another one has alone', async () => {
  const directory = await temporary();
  const { url } = await start({ directory });
  await expect(start({ directory })).rejects.toMatchObject({ code: 'LOCKED' });
  expect(await get(url, '/status')).toMatchObject({ status: 200 });
});

/** On a free port, without a log, and closed when the test ends. */
async function start(options: Omit<AppOptions, 'port' | 'logger'>): Promise<StartedApp> {
  const started = await startApp({ snapshotTxInterval: 40, ...options, port: 0, logger: false });
  onTestFinished(() => started.app.close());
  return started;
}

/** Starts the compiled program, and reads from its log where it listens. */
async function run(directory: string): Promise<{ program: ChildProcess; url: string }> {
  const file = join(projectRoot, 'dist/test/examples/fastify-app/app.js');
  const program = spawn(process.execPath, [file, directory, '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    program.kill('SIGKILL');
  });
  for await (const line of createInterface(program.stdout)) {
    const [, url] = /listening at (http:[^"]+)/.exec(line) ?? [];
    if (url !== undefined) return { program, url };
  }
  throw new Error('the program ended before it listened');
}

function inMemory() {
  const disk = new MemoryFileSystem();
  return {
    disk,
    directory: '/node',
    environment: { fileSystem: disk, processes: fakeProcesses() },
  };
}

async function temporary(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'fastify-app-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

/** Four transfers at a time: requests do not wait for each other, transactions are put in order. */
async function transferInRounds(url: string, rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    const answers = await Promise.all(
      people.map((_, j) => post(url, '/transfers', transferOf(4 * i + j))),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  }
}

const transferOf = (i: number) => ({
  from: people[i % 4],
  to: people[(i + 1 + (i % 3)) % 4],
  amount: 1 + (i % 5),
});

async function balancesOf(url: string): Promise<Readonly<Record<string, number>>> {
  const answers = await Promise.all(people.map((name) => get(url, `/accounts/${name}`)));
  // What the route answers.
  const bodies = answers.map(({ body }) => body as { readonly balance: number });
  return Object.fromEntries(people.map((name, i) => [name, bodies[i]?.balance ?? Number.NaN]));
}

async function snapshotsOf(url: string): Promise<readonly FoundSnapshot[]> {
  // What the route answers.
  return (await get(url, '/snapshots')).body as FoundSnapshot[];
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

async function get(url: string, path: string): Promise<Answer> {
  const response = await fetch(url + path);
  return { status: response.status, body: await response.json() };
}

async function post(url: string, path: string, body: object): Promise<Answer> {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}
