import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { d1m, ShapedData } from '../data.ts';
import { processTimes } from '../on-cpu.ts';
import { findProgram } from '../peer-programs.ts';
import { answerAsks } from './answer-asks.ts';
import type { PeerInput, PeerMeasure } from './peer-cost.ts';

/** Redis with BGSAVE: a server of its own on a socket in the bench's directory. */

const startMsMax = 10_000;
const saveMsMax = 300_000;

let server: ChildProcess | undefined;
let client: Client | undefined;
let dump = '';

/** Speaks as much of Redis' protocol as is needed: commands out, and one reply after another in. */
class Client {
  readonly #socket: Socket;
  readonly #waiting: ((reply: string) => void)[] = [];
  #received = '';

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#received += text;
      for (let reply = this.#take(); reply !== undefined; reply = this.#take()) {
        this.#waiting.shift()?.(reply);
      }
    });
  }

  static async open(path: string): Promise<Client> {
    const deadlineMs = performance.now() + startMsMax;
    while (!existsSync(path)) {
      if (performance.now() > deadlineMs) throw new Error('redis-server did not start');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Client(socket);
  }

  /** The next whole reply: a line, or text of a known length. */
  #take(): string | undefined {
    const end = this.#received.indexOf('\r\n');
    if (end < 0) return undefined;
    const line = this.#received.slice(0, end);
    if (!line.startsWith('$') || line === '$-1') {
      this.#received = this.#received.slice(end + 2);
      return line;
    }
    const length = Number(line.slice(1));
    if (this.#received.length < end + 2 + length + 2) return undefined;
    const text = this.#received.slice(end + 2, end + 2 + length);
    this.#received = this.#received.slice(end + 2 + length + 2);
    return text;
  }

  send(...words: readonly (string | Uint8Array)[]): Promise<string> {
    const parts: Uint8Array[] = [Buffer.from(`*${words.length}\r\n`)];
    for (const word of words) {
      const bytes = Buffer.from(word);
      parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
    }
    this.#socket.write(Buffer.concat(parts));
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#socket.destroy();
  }
}

async function prepare({ entries, directory }: PeerInput): Promise<{ readonly isThere: boolean }> {
  const program = findProgram('redis-server');
  if (program === undefined) return { isThere: false };
  const socket = join(directory, 'redis.sock');
  dump = join(directory, 'dump.rdb');
  const options = { port: 0, unixsocket: socket, dir: directory, save: '', appendonly: 'no' };
  const args = Object.entries({ ...options, rdbcompression: 'no' }).flatMap(([key, value]) => [
    `--${key}`,
    String(value),
  ]);
  server = spawn(program.path, args, { env: program.env, stdio: 'ignore' });
  client = await Client.open(socket);
  const data = new ShapedData({ ...d1m, entries });
  for (let from = 0; from < entries; from += 1000) {
    const replies: Promise<string>[] = [];
    for (let i = from; i < Math.min(entries, from + 1000); i++) {
      replies.push(client.send('SET', data.keyOf(i), data.valueOf(i)));
    }
    const wrong = (await Promise.all(replies)).find((reply) => reply !== '+OK');
    if (wrong !== undefined) throw new Error(`redis answered ${wrong}`);
  }
  return { isThere: true };
}

function current(): Client {
  if (client === undefined) throw new Error('not prepared');
  return client;
}

const numberIn = (info: string, name: string): number =>
  Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1]);

/** From the command until the server says that the file is there. The stall is the longest answer to a reader. */
async function bgsave(): Promise<PeerMeasure> {
  const redis = current();
  const pid = server?.pid ?? 0;
  const before = await redis.send('INFO', 'cpu');
  const beforeNs = processTimes(pid).cpuNs;
  const startMs = performance.now();
  let stallMs = 0;
  await redis.send('BGSAVE');
  for (;;) {
    const askedMs = performance.now();
    const info = await redis.send('INFO', 'persistence');
    stallMs = Math.max(stallMs, performance.now() - askedMs);
    if (numberIn(info, 'rdb_bgsave_in_progress') === 0) {
      if (!info.includes('rdb_last_bgsave_status:ok')) throw new Error('BGSAVE failed');
      break;
    }
    if (performance.now() - startMs > saveMsMax) throw new Error('BGSAVE did not end');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const ms = performance.now() - startMs;
  const after = await redis.send('INFO', 'cpu');
  const memory = await redis.send('INFO', 'persistence');
  const stats = await redis.send('INFO', 'stats');
  const children = ['used_cpu_sys_children', 'used_cpu_user_children'];
  const childMs = children.reduce(
    (sum, name) => sum + 1000 * (numberIn(after, name) - numberIn(before, name)),
    0,
  );
  rmSync(dump, { force: true });
  return {
    ms,
    cpuMs: (processTimes(pid).cpuNs - beforeNs) / 1e6 + childMs,
    stallMs,
    forkMs: numberIn(stats, 'latest_fork_usec') / 1000,
    extraRssMb: numberIn(memory, 'rdb_last_cow_size') / 1e6,
  };
}

answerAsks({ prepare, bgsave }, () => {
  client?.close();
  server?.kill('SIGKILL');
});
process.on('exit', () => server?.kill('SIGKILL'));
