import { fromUtf8, toUtf8 } from '../../src/core/bytes.ts';
import { type DirectoryLock, lockDirectory } from '../../src/files/directory-lock.ts';
import type { FileHandle, FileSystem } from '../../src/io/file-system.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';

/** What a scheduler can do next: let a starter take its next step, or kill it before that. */
export interface Move {
  readonly starter: number;
  readonly isKill: boolean;
}

export interface StarterWorld {
  /** Files of the directory before anyone starts. */
  readonly files: Readonly<Record<string, string>>;
  readonly starters: number;
  readonly links: 'all' | 'refused' | 'none';
}

const directory = '/s';

/** A process that wants the lock, keeps it for one step, and gives it back; each step on shared files waits for its turn. */
class Starter {
  readonly pid: number;
  readonly #disk: MemoryFileSystem;
  readonly #isRunning: (pid: number) => boolean;
  readonly #links: StarterWorld['links'];
  /** What it has seen since it last listed the directory, and what it has changed: all that it goes by. */
  #seen: string[] = [];
  readonly #changed: string[] = [];
  #pending: { readonly what: string; readonly go: () => void } | undefined;
  state: 'starting' | 'holding' | 'released' | 'refused' | 'killed' = 'starting';
  error: unknown;

  constructor(
    index: number,
    disk: MemoryFileSystem,
    world: StarterWorld,
    isRunning: (pid: number) => boolean,
  ) {
    this.pid = 11 + index;
    this.#disk = disk;
    this.#links = world.links;
    this.#isRunning = isRunning;
  }

  get next(): string | undefined {
    return this.#pending?.what;
  }

  get key(): string {
    return [this.state, this.next, ...this.#seen, '|', ...this.#changed].join(' ');
  }

  begin(): void {
    this.#run().catch((error: unknown) => {
      this.error = error;
    });
  }

  step(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.go();
  }

  kill(): void {
    this.#pending = undefined;
    this.state = 'killed';
  }

  /** Whether the file is its very lock. */
  isNonce(content: string): boolean {
    return content.includes(`"nonce":"${hexOf(this.pid).repeat(8)}"`);
  }

  async #run(): Promise<void> {
    let lock: DirectoryLock;
    try {
      lock = await lockDirectory(directory, {
        fileSystem: this.#gated(),
        processes: {
          pid: this.pid,
          incarnation: async (pid) => (this.#isRunning(pid) ? `process ${pid}` : undefined),
        },
        randomness: { bytes: (length) => new Uint8Array(length).fill(this.pid) },
      });
    } catch (error) {
      if ((error as { code?: string }).code !== 'LOCKED') throw error;
      this.state = 'refused';
      return;
    }
    this.state = 'holding';
    await this.#turn('keep', '');
    await lock.release();
    this.state = 'released';
  }

  #turn(what: string, path: string): Promise<void> {
    return new Promise((go) => {
      this.#pending = { what: `${what}(${path})`, go };
    });
  }

  async #do<T>(what: string, path: string, call: () => Promise<T>): Promise<T> {
    if (path.endsWith('.tmp')) return call();
    await this.#turn(what, path);
    if (what === 'list') this.#seen = [];
    const isChange = what === 'rename' || what === 'link' || what === 'remove' || what === 'open';
    try {
      const result = await call();
      (isChange ? this.#changed : this.#seen).push(`${what}(${path})=${textOf(result)}`);
      return result;
    } catch (error) {
      const code = (error as { code?: string }).code;
      (isChange ? this.#changed : this.#seen).push(`${what}(${path})!${code}`);
      throw error;
    }
  }

  /** What only its owner uses is no step; one call that reads a whole file is one. */
  #gated(): FileSystem {
    const disk = this.#disk;
    const link = (from: string, to: string) =>
      this.#do('link', to, () => {
        if (this.#links === 'refused') disk.failNext('link', 'EOPNOTSUPP');
        return disk.link(from, to);
      });
    return {
      open: async (path, options) =>
        this.#handle(path, await this.#do('open', path, () => disk.open(path, options))),
      readFile: (path, options) => this.#do('readFile', path, () => disk.readFile(path, options)),
      list: (path) => this.#do('list', path, () => disk.list(path)),
      stat: (path) => this.#do('stat', path, () => disk.stat(path)),
      identify: (path) => disk.identify(path),
      makeDirectory: (path) => disk.makeDirectory(path),
      rename: (from, to) => this.#do('rename', to, () => disk.rename(from, to)),
      ...(this.#links !== 'none' && { link }),
      remove: (path) => this.#do('remove', path, () => disk.remove(path)),
      syncDirectory: (path) => disk.syncDirectory(path),
    };
  }

  #handle(path: string, handle: FileHandle): FileHandle {
    return {
      size: () => handle.size(),
      read: (position, length) => handle.read(position, length),
      write: (bytes, position) => this.#do('write', path, () => handle.write(bytes, position)),
      truncate: (size) => handle.truncate(size),
      sync: () => handle.sync(),
      close: () => handle.close(),
    };
  }
}

/** One run of some starters on one directory, move by move. */
export class StarterRun {
  readonly #disk = new MemoryFileSystem();
  readonly #starters: readonly Starter[];

  private constructor(world: StarterWorld) {
    // Beside the starters one process runs: number 50.
    const isRunning = (pid: number) =>
      pid === 50 || this.#starters.some((one) => one.pid === pid && one.state !== 'killed');
    this.#starters = Array.from(
      { length: world.starters },
      (_, index) => new Starter(index, this.#disk, world, isRunning),
    );
  }

  static async of(world: StarterWorld, moves: readonly Move[]): Promise<StarterRun> {
    const run = new StarterRun(world);
    await run.#disk.makeDirectory(directory);
    for (const [name, text] of Object.entries(world.files)) {
      const handle = await run.#disk.open(`${directory}/${name}`, { for: 'create' });
      await handle.write(toUtf8(text), 0);
      await handle.close();
    }
    for (const starter of run.#starters) starter.begin();
    await settled();
    for (const move of moves) {
      const starter = run.#starters[move.starter];
      if (move.isKill) starter?.kill();
      else starter?.step();
      await settled();
    }
    return run;
  }

  /** Starters that wait for a turn. */
  get waiting(): readonly number[] {
    return this.#starters.flatMap(({ next }, index) => (next === undefined ? [] : [index]));
  }

  get states(): readonly string[] {
    return this.#starters.map(({ state }) => state);
  }

  async names(): Promise<readonly string[]> {
    return (await this.#disk.list(directory)).map(({ name }) => name);
  }

  /** Equal for two runs that go on alike. */
  async key(): Promise<string> {
    const files: string[] = [];
    for (const name of await this.names()) {
      if (!name.endsWith('.tmp')) files.push(`${name}=${await this.#read(name)}`);
    }
    return [...files, ...this.#starters.map(({ key }) => key)].join('\n');
  }

  /** What must never be; empty when all is well. */
  async violations(): Promise<readonly string[]> {
    const found: string[] = [];
    const errors = this.#starters.filter(({ error }) => error !== undefined);
    found.push(...errors.map(({ pid, error }) => `process ${pid} failed: ${String(error)}`));
    const holders = this.#starters.filter(({ state }) => state === 'holding');
    if (holders.length > 1) found.push(`${holders.length} hold it`);
    for (const holder of holders) {
      // From its release on the lock may go; before its own next step nobody may take it.
      const isKept = holder.next?.startsWith('keep') === true;
      if (isKept && !holder.isNonce(await this.#read('lock'))) found.push(`lost: ${holder.pid}`);
    }
    return found;
  }

  /** One more process that starts alone, after everyone else has ended: the names while it holds, and after. */
  async afterwards(): Promise<Readonly<Record<'during' | 'after', readonly string[]>>> {
    const lock = await lockDirectory(directory, {
      fileSystem: this.#disk,
      processes: { pid: 99, incarnation: async (pid) => (pid === 99 ? 'last' : undefined) },
      randomness: { bytes: (length) => new Uint8Array(length).fill(99) },
    });
    const during = await this.names();
    await lock.release();
    return { during, after: await this.names() };
  }

  async #read(name: string): Promise<string> {
    const path = `${directory}/${name}`;
    if ((await this.#disk.stat(path)) === undefined) return '';
    return fromUtf8(await this.#disk.readFile(path, { bytesMax: 10_000 }));
  }
}

/** When every starter waits, or has ended: all that goes on in memory is done within one turn. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const hexOf = (value: number): string => value.toString(16).padStart(2, '0');

function textOf(result: unknown): string {
  if (result instanceof Uint8Array) return fromUtf8(result);
  if (Array.isArray(result)) {
    // Unfinished claims of others steer nobody.
    const names = result.map(({ name }: { readonly name: string }) => name);
    return names.filter((name) => !name.endsWith('.tmp')).join(',');
  }
  return typeof result === 'object' ? 'there' : String(result);
}
