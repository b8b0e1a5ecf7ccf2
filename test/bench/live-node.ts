import { createPublicKey } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { type Profiler, Session } from 'node:inspector/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createWebSocketInspector } from '@statelyai/inspect';
import { createActor, setup } from 'xstate';
import type { Digest, Seqno } from '../../src/core/words.ts';
import { seqno as toSeqno } from '../../src/core/words.ts';
import { createHttpHandler, type HttpHandler } from '../../src/http/handler.ts';
import { safely } from '../../src/inspect/safely.ts';
import { createSnapshotter, type Snapshotter } from '../../src/snapshotter/create-snapshotter.ts';
import { LogHost } from '../helpers/log-host.ts';

/**
 * What the bench `live` measures, as a process of its own, so that its time on a CPU is its own and whoever watches
 * is another: `fork` of it with a directory; it answers each {@link LiveQuestion} with a {@link LiveAnswer}.
 */
export type LiveQuestion =
  | { readonly ask: 'url' }
  /** Generations one after another, on disk. */
  | { readonly ask: 'round'; readonly generations: number }
  /** The same, with a CPU profile. */
  | { readonly ask: 'profile'; readonly generations: number }
  /** Events of a snapshotter that nobody watches, with a handler and without. */
  | { readonly ask: 'unwatched'; readonly events: number }
  /** Events of an actor with a large context, through an inspector of Stately's at that address. */
  | { readonly ask: 'inspected'; readonly kind: HeldKind; readonly url: string; events: number }
  | { readonly ask: 'close' };

export interface LiveAnswer {
  readonly url?: string;
  /** Time on a CPU of all threads, in milliseconds. */
  readonly cpuMs?: number;
  /** Of {@link LiveQuestion} `unwatched`: microseconds an event. */
  readonly microseconds?: { readonly served: number; readonly plain: number };
  readonly profile?: ProfileCount;
}

/** Samples of a CPU profile, and those of them with a function of these folders anywhere on the stack. */
export interface ProfileCount {
  readonly samples: number;
  readonly inspect: number;
  readonly http: number;
}

/** A megabyte, as a context may hold it. */
export type HeldKind = 'bytes' | 'text' | 'numbers' | 'records';

/** Milliseconds on a CPU of all threads. */
async function cpuMsOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** What was submitted to the log. */
interface Submitted {
  readonly snapshotSeqno: Seqno;
  readonly digest: Digest;
}

/** Hands one thing from whoever has it to whoever waits for it, without asking again and again. */
class Handover<T> {
  #give: (value: T) => void = () => {};
  #next = this.#fresh();

  give(value: T): void {
    this.#give(value);
  }

  async take(): Promise<T> {
    const value = await this.#next;
    this.#next = this.#fresh();
    return value;
  }

  #fresh(): Promise<T> {
    return new Promise((resolve) => {
      this.#give = resolve;
    });
  }
}

/** A snapshotter on a real disk with worker threads, over a log in memory. */
class Service {
  readonly snapshotter: Snapshotter;
  readonly #host: LogHost;
  readonly #directory: string;
  readonly #submitted: Handover<Submitted>;

  private constructor(
    directory: string,
    { host, submitted }: { host: LogHost; submitted: Handover<Submitted> },
    snapshotter: Snapshotter,
  ) {
    this.snapshotter = snapshotter;
    this.#host = host;
    this.#directory = directory;
    this.#submitted = submitted;
  }

  static async open(directory: string): Promise<Service> {
    const host = new LogHost();
    const submitted = new Handover<Submitted>();
    const snapshotter = await createSnapshotter({
      directory,
      source: host,
      evidence: {
        submit: async (evidence) => {
          submitted.give(evidence);
          return { seqno: toSeqno(host.last + 1) };
        },
      },
      secrets: { at: () => host.secret },
      identity: createPublicKey(host.key),
      txInterval: 3,
    });
    return new Service(directory, { host, submitted }, snapshotter);
  }

  async round(generations: number): Promise<void> {
    for (let i = 0; i < generations; i++) await this.#generation();
  }

  async #generation(): Promise<void> {
    const [host, snapshotter] = [this.#host, this.snapshotter];
    host.write('key', `value ${host.last}`);
    host.write(`key ${host.last % 10}`, 'value');
    await host.sign(snapshotter);
    snapshotter.commit(host.last, { primary: true });
    const [generation] = snapshotter.live;
    if (generation === undefined) throw new Error(`no generation started at ${host.last}`);
    host.recordEvidence(snapshotter, await this.#submitted.take());
    await host.sign(snapshotter);
    snapshotter.commit(host.last, { primary: true });
    const { outcome } = await generation.ended;
    if (outcome !== 'committed') throw new Error(`a generation ended as ${outcome}`);
  }

  /** Events that change nothing, one after another. */
  commits(events: number): void {
    for (let i = 0; i < events; i++) this.snapshotter.commit(this.#host.last, { primary: true });
  }

  async removeFiles(): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      if (name.endsWith('.committed')) await rm(join(this.#directory, name));
    }
  }
}

/** Two services: one is served, of the other nobody could see anything. */
class LiveNode {
  readonly #served: Service;
  readonly #plain: Service;
  readonly #handler: HttpHandler;
  readonly #server: Server;
  #isServedFirst = false;

  private constructor(served: Service, plain: Service, directory: string) {
    this.#served = served;
    this.#plain = plain;
    this.#handler = createHttpHandler(served.snapshotter, { directory });
    this.#server = createServer(this.#handler);
  }

  static async open(directory: string): Promise<LiveNode> {
    const served = join(directory, 'served');
    const plain = await Service.open(join(directory, 'plain'));
    const node = new LiveNode(await Service.open(served), plain, served);
    await new Promise<void>((resolve) => node.#server.listen(0, '127.0.0.1', resolve));
    return node;
  }

  async answer(question: LiveQuestion): Promise<LiveAnswer> {
    switch (question.ask) {
      case 'url':
        return { url: this.#url };
      case 'round':
        return { cpuMs: await this.#round(question.generations) };
      case 'profile':
        return { profile: await profileOf(() => this.#round(question.generations)) };
      case 'unwatched':
        return { microseconds: await this.#unwatched(question.events) };
      case 'inspected':
        return { cpuMs: await inspected(question) };
      case 'close':
        await this.#close();
        return {};
    }
  }

  get #url(): string {
    // A server that listens on an address and a port has both.
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}${this.#handler.page}`;
  }

  async #round(generations: number): Promise<number> {
    const cpuMs = await cpuMsOf(() => this.#served.round(generations));
    await this.#served.removeFiles();
    return cpuMs;
  }

  async #unwatched(events: number) {
    const microsecondsOf = async (service: Service) =>
      (1000 * (await cpuMsOf(async () => service.commits(events)))) / events;
    // Whichever comes first may pay for what the other left to collect: they take turns.
    this.#isServedFirst = !this.#isServedFirst;
    const served = this.#isServedFirst ? await microsecondsOf(this.#served) : undefined;
    const plain = await microsecondsOf(this.#plain);
    return { served: served ?? (await microsecondsOf(this.#served)), plain };
  }

  async #close(): Promise<void> {
    await this.#handler.close();
    this.#server.closeAllConnections();
    this.#server.close();
    await this.#served.snapshotter.close();
    await this.#plain.snapshotter.close();
  }
}

/** Between two samples, in microseconds. */
const samplingInterval = 200;

/** Where the compiled files of the two folders are. */
const folders = { inspect: '/dist/src/inspect/', http: '/dist/src/http/' } as const;

async function profileOf(work: () => Promise<unknown>): Promise<ProfileCount> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: samplingInterval });
  await session.post('Profiler.start');
  await work();
  const { profile } = await session.post('Profiler.stop');
  session.disconnect();
  const { samples = [], nodes } = profile;
  const within = (folder: string) => {
    const below = nodesBelow(nodes, folder);
    return samples.filter((id) => below.has(id)).length;
  };
  return {
    samples: samples.length,
    inspect: within(folders.inspect),
    http: within(folders.http),
  };
}

/** The nodes of a call tree that are of a folder, or called from there. */
function nodesBelow(nodes: readonly Profiler.ProfileNode[], folder: string): ReadonlySet<number> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const below = new Set<number>();
  const add = (id: number) => {
    below.add(id);
    for (const child of byId.get(id)?.children ?? []) add(child);
  };
  for (const { id, callFrame } of nodes) if (callFrame.url.includes(folder)) add(id);
  return below;
}

const megabyte = 1024 * 1024;

const heldOf: Readonly<Record<HeldKind, () => unknown>> = {
  bytes: () => new Uint8Array(megabyte),
  text: () => 'x'.repeat(megabyte),
  numbers: () => Array.from({ length: megabyte / 8 }, (_, i) => i),
  records: () => Array.from({ length: megabyte / 64 }, (_, i) => ({ seqno: i, of: `key ${i}` })),
};

const holder = setup({ types: { input: {} as unknown, context: {} as { held: unknown } } });

/** Sends events to an actor with a large context that an inspector watches, until all is handed over. */
async function inspected({ kind, url, events }: Extract<LiveQuestion, { ask: 'inspected' }>) {
  const machine = holder.createMachine({
    id: 'holder',
    context: ({ input }) => ({ held: input }),
    initial: 'a',
    states: { a: { on: { go: 'b' } }, b: { on: { go: 'a' } } },
  });
  const inspector = createWebSocketInspector({ url });
  const inspect = safely(inspector.inspect);
  const actor = createActor(machine, { input: heldOf[kind](), inspect }).start();
  // It is connected once its peer has heard of the actor.
  await new Promise((resolve) => process.once('message', resolve));
  const cpuMs = await cpuMsOf(async () => {
    for (let i = 0; i < events; i++) actor.send({ type: 'go' });
    // The inspector makes each message in a timer of no delay: this one comes after them.
    await new Promise((resolve) => setTimeout(resolve, 0));
  });
  inspector.stop();
  return cpuMs;
}

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error('no directory');
const node = await LiveNode.open(directory);
let isBusy = false;
process.on('message', (question: LiveQuestion) => {
  if (isBusy) return;
  isBusy = true;
  node.answer(question).then(
    (answer) => {
      isBusy = false;
      process.send?.(answer);
      if (question.ask === 'close') process.disconnect();
    },
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.send?.({});
