import { type ChildProcess, fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { isLockName } from '../../src/files/directory-lock.ts';
import type { FromChild, ToChild } from './fixtures/lock-child.ts';

/** The steps that a start takes which finds a dead lock, and some. */
const stepsMax = 10;

const program = join(import.meta.dirname, '../../dist/test/files/fixtures/lock-child.js');

/** A process of its own, each of whose steps on the files waits for us. */
class Child {
  readonly #process: ChildProcess;
  readonly #said: FromChild[] = [];
  #heard: (() => void) | undefined;
  state: 'idle' | 'waits' | 'held' | 'refused' | 'killed' = 'idle';
  refusal = '';

  private constructor() {
    this.#process = fork(program, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    this.#process.on('message', (message: FromChild) => {
      this.#said.push(message);
      this.#heard?.();
    });
  }

  static async start(): Promise<Child> {
    const child = new Child();
    await child.#listen();
    return child;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  async begin(directory: string, nonceByte: number, pidNamespace?: string): Promise<void> {
    const more = pidNamespace === undefined ? {} : { pidNamespace };
    await this.#ask({ ask: 'lock', directory, nonceByte, ...more });
  }

  /** The next step; nothing when it waits for none. */
  async step(): Promise<void> {
    if (this.state === 'waits') await this.#ask({ ask: 'go' });
  }

  async untilItEnds(): Promise<void> {
    while (this.state === 'waits') await this.step();
  }

  async release(): Promise<void> {
    if (this.state === 'held') await this.#ask({ ask: 'release' });
    await this.untilItEnds();
    this.state = 'idle';
  }

  async kill(signal: 'SIGKILL' | 'exit' = 'SIGKILL'): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    if (signal === 'exit') this.#process.send({ ask: 'exit' } satisfies ToChild);
    else this.#process.kill(signal);
    await ended;
    this.state = 'killed';
  }

  async #ask(message: ToChild): Promise<void> {
    this.#process.send(message);
    const answer = await this.#listen();
    if (answer.say === 'step') this.state = 'waits';
    else if (answer.say === 'held' || answer.say === 'refused') this.state = answer.say;
    else this.state = 'idle';
    if (answer.say === 'refused') {
      expect(answer.code, answer.message).toBe('LOCKED');
      this.refusal = answer.message;
    }
  }

  async #listen(): Promise<FromChild> {
    for (;;) {
      const message = this.#said.shift();
      if (message !== undefined) return message;
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }
}

let directory: string;
let a: Child;
let b: Child;

beforeAll(async () => {
  [a, b] = await Promise.all([Child.start(), Child.start()]);
});
afterAll(() => Promise.all([a.kill(), b.kill()]));
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lock-processes-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const names = () => readdirSync(directory).filter(isLockName);

/** Long before ours a process had that id; its lock is dead. */
const plantDead = () =>
  writeFileSync(join(directory, 'lock'), '{"pid":4194304,"start":"","nonce":"00"}\n');

/** At most one holds it, and then the lock is its own. */
function check(schedule: string): void {
  const holders = [a, b].filter(({ state }) => state === 'held');
  expect(holders.length, schedule).toBeLessThanOrEqual(1);
  const [holder] = holders;
  if (holder === undefined) return;
  expect(JSON.parse(readFileSync(join(directory, 'lock'), 'utf8')), schedule).toMatchObject({
    pid: holder.pid,
  });
}

async function toTheEnd(schedule: string): Promise<void> {
  for (let i = 0; [a, b].some(({ state }) => state === 'waits'); i++) {
    await (i % 2 === 0 ? b : a).step();
    check(schedule);
  }
}

/** `first` steps of one, `second` of the other, `third` of the first one again, then both in turn. */
async function run(counts: readonly [number, number, number], bytes: readonly [number, number]) {
  const schedule = `${counts.join(' ')} with ${bytes.join(' ')}`;
  plantDead();
  await a.begin(directory, bytes[0]);
  await b.begin(directory, bytes[1]);
  for (const [i, count] of counts.entries()) {
    for (let step = 0; step < count; step++) {
      await (i === 1 ? b : a).step();
      check(schedule);
    }
  }
  await toTheEnd(schedule);
  expect([a.state, b.state].toSorted(), schedule).toEqual(['held', 'refused']);
  await a.release();
  await b.release();
  expect(names(), schedule).toEqual([]);
}

test.each([
  [1, 2],
  [2, 1],
] as const)(
  'two processes on one disk, each held back at each of its steps: one gets the lock (%i, %i)',
  async (...bytes) => {
    for (let first = 0; first <= stepsMax; first++) {
      for (let second = 0; second <= stepsMax; second++) {
        for (const third of [0, 1, 2, 3]) await run([first, second, third], bytes);
      }
    }
  },
  300_000,
);

test('a process killed at any of its steps does not keep the next one from the lock, and leaves nothing', async () => {
  for (let killedAfter = 0; killedAfter <= stepsMax; killedAfter++) {
    plantDead();
    await a.begin(directory, 1);
    for (let step = 0; step < killedAfter; step++) await a.step();
    await a.kill();
    await b.begin(directory, 2);
    await b.untilItEnds();
    expect(b.state, `killed after ${killedAfter}: ${b.refusal}`).toBe('held');
    expect(names().filter((name) => !name.endsWith('.sock'))).toEqual(['lock']);
    await b.release();
    expect(names()).toEqual([]);
    a = await Child.start();
  }
}, 120_000);

test.each(['SIGKILL', 'exit'] as const)(
  'a lock from another process-id namespace is refused while its process lives, and taken after its %s',
  async (end) => {
    await a.begin(directory, 1, 'pid:[1]');
    await a.untilItEnds();
    expect(a.state).toBe('held');
    await b.begin(directory, 2, 'pid:[2]');
    await b.untilItEnds();
    expect(b.state).toBe('refused');
    expect(b.refusal).toContain(`process ${a.pid} holds it`);
    await a.kill(end);
    await b.begin(directory, 2, 'pid:[2]');
    await b.untilItEnds();
    expect(b.state, b.refusal).toBe('held');
    await b.release();
    expect(names()).toEqual([]);
    a = await Child.start();
  },
);

test('a start under a path too long for a socket is locked, too, and leaves nothing', async () => {
  const long = join(directory, 'd'.repeat(120), 'e'.repeat(120));
  mkdirSync(long, { recursive: true });
  await a.begin(long, 1, 'pid:[1]');
  await a.untilItEnds();
  expect(a.state).toBe('held');
  await b.begin(long, 2, 'pid:[2]');
  await b.untilItEnds();
  expect(b.refusal).toContain(`process ${a.pid} holds it`);
  await b.release();
  await a.release();
  expect(readdirSync(long)).toEqual([]);
});
