import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { WebSocketServer } from 'ws';
import { chromiumPath, hasChromium, launchChromium } from '../browser/chromium.ts';
import { type Bench, type BenchLine, rounded, summarise } from './bench.ts';
import type { HeldKind, LiveAnswer, LiveQuestion, ProfileCount } from './live-node.ts';

const name = 'live';

/** Pairs of rounds, watched and not, and generations of a round. */
interface Sizes {
  readonly pairs: number;
  readonly generations: number;
  /** Events of one measure of what nobody watches, and of one through a foreign inspector. */
  readonly events: number;
  readonly inspectedEvents: number;
}

const sizes: Sizes = { pairs: 15, generations: 12, events: 20_000, inspectedEvents: 200 };

/** Watched, generations may cost so many times what they cost unwatched. */
const watchedBound = 1.15;

/** Microseconds that an event may cost more because somebody could watch. */
const unwatchedBound = 2;

/** Samples with a function of src/http that a profile of unwatched generations may have: it counts metrics. */
const httpShareBound = 0.01;

/** Milliseconds that an event may cost with a megabyte in the context, through Stately's own inspector. */
const inspectedBound = 1;

/** What does it cost that somebody watches, or that somebody could? */
export const liveBench: Bench = { name, run: () => benchLive(sizes) };

/** All of it, in whatever size. @throws Error when a message is lost, or a profile does not see what is there */
export async function* benchLive(sizes: Sizes): AsyncGenerator<BenchLine> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  const node = await MeasuredNode.start(directory);
  try {
    // The first rounds compile: neither side is to pay for that.
    await ratioLine(node, { ...sizes, pairs: 1 }, new ClientViewer());
    yield await ratioLine(node, sizes, new ClientViewer());
    yield await pageLine(node, sizes);
    yield await unwatchedLine(node, sizes);
    yield await profileLine(node, sizes);
    for (const kind of ['bytes', 'text', 'numbers', 'records'] as const) {
      yield await inspectedLine(node, sizes, kind);
    }
  } finally {
    await node.close();
    await rm(directory, { recursive: true });
  }
}

/** The node that is measured, in a process of its own. */
class MeasuredNode {
  readonly #process: ChildProcess;

  private constructor(started: ChildProcess) {
    this.#process = started;
  }

  static async start(directory: string): Promise<MeasuredNode> {
    // What is measured are compiled files, as users have them.
    const file = join(process.cwd(), 'dist/test/bench/live-node.js');
    const node = new MeasuredNode(fork(file, [directory], { stdio: 'inherit' }));
    await node.#answer();
    return node;
  }

  ask(question: LiveQuestion): Promise<LiveAnswer> {
    this.#process.send(question);
    return this.#answer();
  }

  /** Says that what it waits for has happened. */
  nudge(): void {
    this.#process.send({});
  }

  async url(): Promise<string> {
    return given((await this.ask({ ask: 'url' })).url);
  }

  async roundMs(generations: number): Promise<number> {
    return given((await this.ask({ ask: 'round', generations })).cpuMs);
  }

  async close(): Promise<void> {
    if (this.#process.connected) await this.ask({ ask: 'close' });
  }

  #answer(): Promise<LiveAnswer> {
    return new Promise((resolve, reject) => {
      const onExit = (status: number | null) => reject(new Error(`the node ended with ${status}`));
      this.#process.once('exit', onExit);
      this.#process.once('message', (answer) => {
        this.#process.off('exit', onExit);
        // The node sends nothing else.
        resolve(answer as LiveAnswer);
      });
    });
  }
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the node left something out');
  return value;
}

/** Somebody who comes to watch, and leaves. */
interface ComingViewer {
  readonly words: string;
  come(url: string): Promise<void>;
  leave(): Promise<void>;
}

/** A client of `/events` that reads all it is sent. */
class ClientViewer implements ComingViewer {
  readonly words = 'a client of /events';
  #leave: () => Promise<void> = async () => {};

  async come(url: string): Promise<void> {
    const events = new URL(url);
    events.pathname = '/events';
    await new Promise<void>((resolve, reject) => {
      const request = get(events, (response) => {
        response.once('data', () => resolve()).resume();
        this.#leave = () =>
          new Promise((left) => {
            response.once('close', left);
            request.destroy();
          });
      });
      request.on('error', reject);
    });
  }

  leave(): Promise<void> {
    return this.#leave();
  }
}

/** The page itself. */
class PageViewer implements ComingViewer {
  readonly words = 'the page in Chromium';
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  async come(url: string): Promise<void> {
    await this.#page.goto(url);
    await this.#page.getByText('live', { exact: true }).waitFor();
  }

  async leave(): Promise<void> {
    await this.#page.goto('about:blank');
  }
}

/** What else runs makes every figure larger. */
const load = () => ({ load: rounded(loadavg()[0] ?? 0, 1) });

async function ratioLine(
  node: MeasuredNode,
  { pairs, generations }: Sizes,
  viewer: ComingViewer,
): Promise<BenchLine> {
  const rounds: { readonly watchedMs: number; readonly unwatchedMs: number }[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const isWatchedFirst = pair % 2 === 0;
    const before = isWatchedFirst ? undefined : await node.roundMs(generations);
    await viewer.come(await node.url());
    const watchedMs = rounded(await node.roundMs(generations), 0);
    await viewer.leave();
    const unwatchedMs = rounded(before ?? (await node.roundMs(generations)), 0);
    rounds.push({ watchedMs, unwatchedMs });
  }
  return {
    name,
    case: `${generations} generations on disk, watched by ${viewer.words}, over unwatched ones: time on a CPU`,
    unit: 'times',
    ...summarise(
      rounds.map(({ watchedMs, unwatchedMs }) => watchedMs / unwatchedMs),
      3,
    ),
    bound: watchedBound,
    held: 'median',
    ...load(),
    rounds,
  };
}

async function pageLine(node: MeasuredNode, sizes: Sizes): Promise<BenchLine> {
  if (!hasChromium()) {
    return {
      name,
      case: 'generations watched by the page in Chromium',
      skipped: `no ${chromiumPath}`,
    };
  }
  const browser: Browser = await launchChromium();
  try {
    return await ratioLine(node, sizes, new PageViewer(await browser.newPage()));
  } finally {
    await browser.close();
  }
}

async function unwatchedLine(node: MeasuredNode, { pairs, events }: Sizes): Promise<BenchLine> {
  const differences: number[] = [];
  for (let pair = 0; pair <= pairs; pair++) {
    const { served, plain } = given((await node.ask({ ask: 'unwatched', events })).microseconds);
    // The first pair compiles.
    if (pair > 0) differences.push(served - plain);
  }
  return {
    name,
    case: 'an event of a snapshotter with a page that nobody watches, over one without: time on a CPU',
    unit: 'µs',
    ...summarise(differences, 2),
    bound: unwatchedBound,
    held: 'median',
    ...load(),
  };
}

/**
 * Of unwatched generations no sample may have a function of src/inspect on its stack. That src/http counts metrics,
 * once a step and not once an event, may show in one of a hundred. Watched, the same profile must find both.
 */
async function profileLine(node: MeasuredNode, { generations }: Sizes): Promise<BenchLine> {
  const ask = { ask: 'profile', generations } as const;
  const unwatched = given((await node.ask(ask)).profile);
  const viewer = new ClientViewer();
  await viewer.come(await node.url());
  const watched = given((await node.ask(ask)).profile);
  await viewer.leave();
  if (watched.inspect === 0)
    throw new Error('the profile does not see an inspection that is there');
  if (unwatched.inspect > 0) {
    throw new Error(`${unwatched.inspect} samples in src/inspect, and nobody watches`);
  }
  const share = rounded(unwatched.http / unwatched.samples, 5);
  return {
    name,
    case: 'samples in src/http, of a CPU profile of unwatched generations; in src/inspect none',
    unit: 'share',
    median: share,
    min: share,
    bound: httpShareBound,
    unwatched,
    watched: { ...watched, inspectShare: inspectShareOf(watched) },
  };
}

const inspectShareOf = ({ inspect, samples }: ProfileCount) => rounded(inspect / samples, 4);

/** Stately's own inspector, made safe, with a megabyte in the context; nothing of what it sends may be lost. */
async function inspectedLine(
  node: MeasuredNode,
  { inspectedEvents: events }: Sizes,
  kind: HeldKind,
): Promise<BenchLine> {
  const relay = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await new Promise((resolve) => relay.once('listening', resolve));
  const told = { messages: 0, bytes: 0 };
  // The actor, its first event and its first state; then an event and a state each.
  const expected = 3 + 2 * events;
  const all = new Promise<void>((resolve) => {
    relay.on('connection', (socket) =>
      socket.on('message', (data) => {
        told.messages++;
        told.bytes += Buffer.byteLength(String(data));
        if (told.messages === 1) node.nudge();
        if (told.messages === expected) resolve();
      }),
    );
  });
  const { port } = relay.address() as AddressInfo;
  const url = `ws://127.0.0.1:${port}`;
  const { cpuMs } = await node.ask({ ask: 'inspected', kind, url, events });
  await all;
  for (const socket of relay.clients) socket.terminate();
  relay.close();
  return {
    name,
    case: `an event of an actor with 1 MB of ${kind}, through safely(createWebSocketInspector()): time on a CPU`,
    unit: 'ms',
    ...summarise([given(cpuMs) / events], 3),
    bound: inspectedBound,
    bytesOfMessage: Math.round(told.bytes / told.messages),
    ...load(),
  };
}
