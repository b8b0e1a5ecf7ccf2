import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';

/** Compiled, as users have it. */
const partiesFolder = join(process.cwd(), 'dist/test/bench/parties');

export interface PartyOptions {
  /** Options of Node's. */
  readonly nodeArgs?: readonly string[];
  /** Longest that an answer may take. @default 10 minutes */
  readonly timeoutMs?: number;
}

/** What is said between the bench and one of its parties. */
export interface Ask {
  readonly id: number;
  readonly command: string;
  readonly input: unknown;
}

export interface Answer {
  readonly id: number;
  readonly output?: unknown;
  readonly error?: string;
}

interface Pending {
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Everything that runs, to be ended with the bench. */
const live = new Set<Party>();

/**
 * One of those who are compared, in a process of its own: its memory, threads and processor time are its own, and so is
 * its event loop. It is asked, one thing at a time.
 */
export class Party {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #timeoutMs: number;
  readonly #pending = new Map<number, Pending>();
  #asked = 0;
  readonly #ended: Promise<void>;

  /** @param name its file in the folder of parties */
  constructor(name: string, { nodeArgs = [], timeoutMs = 600_000 }: PartyOptions = {}) {
    this.name = name;
    this.#timeoutMs = timeoutMs;
    const file = join(partiesFolder, `${name}.js`);
    const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const;
    this.#child = fork(file, [], { execArgv: [...nodeArgs], stdio: [...stdio] });
    this.#child.on('message', (message) => this.#answered(message as Answer));
    this.#ended = new Promise((resolve) => {
      this.#child.on('exit', (code, signal) => {
        this.#fail(new Error(`${name} ended with ${signal ?? code}`));
        live.delete(this);
        resolve();
      });
      this.#child.on('error', (error) => this.#fail(error));
    });
    live.add(this);
  }

  /** @throws Error what the party throws; when it ends, or takes too long */
  async ask<T>(command: string, input: unknown = {}): Promise<T> {
    const id = ++this.#asked;
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
    });
    const timer = setTimeout(() => {
      this.#fail(new Error(`${this.name} did not answer ${command} in ${this.#timeoutMs} ms`));
      this.#child.kill('SIGKILL');
    }, this.#timeoutMs);
    this.#child.send({ id, command, input } satisfies Ask);
    try {
      // The party's own word for what it answers to this command.
      return (await answer) as T;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }

  #answered({ id, output, error }: Answer): void {
    const pending = this.#pending.get(id);
    if (error === undefined) pending?.resolve(output);
    else pending?.reject(new Error(`${this.name}: ${error}`));
  }

  #fail(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
  }

  /** Lets it end by itself, and ends it when it does not. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    if (this.#child.connected) this.#child.disconnect();
    await this.#ended;
    clearTimeout(timer);
  }

  /** Ends it now. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Ends every party that still lives: of a bench that is interrupted or has failed. */
export function killParties(): void {
  for (const party of live) party.kill();
}

/** Starts parties, and closes them whatever becomes of the work. */
export async function withParties<T>(
  parties: readonly Party[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } finally {
    await Promise.all(parties.map((party) => party.close()));
  }
}
