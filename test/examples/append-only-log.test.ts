import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type GenerationOutput, seqno, verifySnapshot } from '../../src/index.ts';
import { openLog } from './append-only-log/append-only-log.ts';
import type { AppendOnlyLog, LogOptions } from './append-only-log/log.ts';

test('the log example takes snapshots that verify under its key, each of its own moment', async () => {
  const options = await setUp();
  const log = await start(options);
  const outputs = outputsOf(log);
  await fill(log, { from: 0, to: 100 });
  await settle(log);
  expect(outputs.length).toBeGreaterThanOrEqual(4);
  expect(outputs.map(({ outcome }) => outcome)).toEqual(outputs.map(() => 'committed'));
  for (const { seqno: at, file = '' } of outputs) {
    const { records, ...verified } = await verify(options, file);
    expect(verified).toMatchObject({ seqno: at, trusted: true });
    expect(records).toEqual(await recordsAt(options, at));
  }
});

test('the log example takes back what a rollback reaches, in its store, its file and its snapshots', async () => {
  const options = await setUp({ signatureTxInterval: 1000 });
  const log = await start(options);
  const outputs = outputsOf(log);
  await log.append({ a: 'kept', b: 'kept' });
  log.snapshots.force();
  await log.sign();
  const { committed } = log.position;
  // Nothing signs the evidence: it can be taken back.
  await expect.poll(() => log.position.last, { timeout: 20_000 }).toBeGreaterThan(committed);
  const gone = await log.append({ a: null, b: 'gone', c: 'gone' });
  await log.rollback(committed);
  await settle(log);
  expect(outputs).toMatchObject([{ outcome: 'rolled-back', seqno: committed }]);
  expect([log.get('a'), log.get('b'), log.get('c')]).toEqual(['kept', 'kept', undefined]);
  await expect(log.rollback(seqno(committed - 1))).rejects.toMatchObject({
    code: 'ROLLBACK_BELOW_COMMIT',
  });

  log.snapshots.force();
  const again = await log.append({ c: 'new' });
  // In a view of its own, behind the line that began it and the signature of that.
  expect(again).toEqual({ view: gone.view + 1, seqno: committed + 3 });
  await settle(log);
  const { file = '' } = outputs[1] ?? {};
  const { records } = await verify(options, file);
  expect(records).toEqual({ a: 'kept', b: 'kept', c: 'new' });
  await log.close();
  const reopened = await start(options);
  expect([reopened.get('a'), reopened.get('b'), reopened.get('c')]).toEqual([
    'kept',
    'kept',
    'new',
  ]);
});

test('the log example starts again from its newest snapshot and the lines after it alone', async () => {
  const options = await setUp();
  const log = await start(options);
  const outputs = outputsOf(log);
  await fill(log, { from: 0, to: 60 });
  await settle(log);
  await fill(log, { from: 60, to: 63 });
  await log.close();
  const { last } = log.position;
  await dropLinesBefore(newestOf(outputs), options);

  const second = await start(options);
  const more = outputsOf(second);
  expect(second.position).toEqual({ last, committed: last });
  expect(read(second)).toEqual(valuesAfter(63));
  await fill(second, { from: 63, to: 100 });
  await settle(second);
  expect(more[0]).toMatchObject({ outcome: 'committed' });
  const { records } = await verify(options, more.at(-1)?.file ?? '');
  expect(records).toEqual(await recordsAt(options, more.at(-1)?.seqno ?? 0, valuesAfter(63)));
});

test('the log example passes over a snapshot that does not verify, and goes by its whole log', async () => {
  const options = await setUp();
  const log = await start(options);
  const outputs = outputsOf(log);
  await fill(log, { from: 0, to: 60 });
  await settle(log);
  await log.close();
  for (const { file = '' } of outputs) await flipBit(join(options.directory, 'snapshots', file));
  const second = await start(options);
  expect(read(second)).toEqual(valuesAfter(60));
  await second.close();

  await dropLinesBefore(newestOf(outputs), options);
  await expect(openLog(options)).rejects.toThrow('the log has no line for 1');
});

test('the log example drops a line that a crash has torn, and keeps those that it has not signed', async () => {
  const options = await setUp({ signatureTxInterval: 1000 });
  const crashed = await start(options);
  await fill(crashed, { from: 0, to: 5 });
  const lines = await readFile(join(options.directory, 'log.jsonl'));
  await crashed.close();
  await writeFile(join(options.directory, 'log.jsonl'), lines);
  await appendFile(join(options.directory, 'log.jsonl'), '{"view":2,"seqno":6,"pu');

  const log = await start(options);
  expect(log.position).toEqual({ last: 5, committed: 0 });
  expect(read(log)).toEqual(valuesAfter(5));
  expect(await log.append({ more: 'x' })).toEqual({ view: 3, seqno: 6 });
  await log.close();
  expect((await start(options)).get('more')).toBe('x');
});

test('the log example refuses lines that are not those that were signed', async () => {
  const options = await setUp();
  const log = await start(options);
  await fill(log, { from: 0, to: 8 });
  await log.close();
  const path = join(options.directory, 'log.jsonl');
  const text = await readFile(path, 'utf8');
  await writeFile(path, text.replace('"value 3"', '"value X"'));
  await expect(openLog(options)).rejects.toMatchObject({ code: 'SIG_INVALID' });
});

test('the log example refuses a directory that another one has, and whatever comes after its close', async () => {
  const options = await setUp();
  const log = await start(options);
  await expect(openLog(options)).rejects.toMatchObject({ code: 'LOCKED' });
  await log.append({ a: '1' });
  await log.close();
  await expect(log.append({ a: '2' })).rejects.toThrow('the log is closed');
  expect(await readdir(join(options.directory, 'snapshots'))).toEqual([]);
});

async function setUp(options: Partial<LogOptions> = {}): Promise<LogOptions> {
  const directory = await mkdtemp(join(tmpdir(), 'append-only-log-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp384r1' });
  const secret = new Uint8Array(32).fill(7);
  const intervals = { snapshotTxInterval: 20, signatureTxInterval: 5 };
  return { directory, serviceKey: privateKey, secret, ...intervals, ...options };
}

async function start(options: LogOptions): Promise<AppendOnlyLog> {
  const log = await openLog(options);
  onTestFinished(() => log.close().catch(() => undefined));
  return log;
}

function outputsOf(log: AppendOnlyLog): GenerationOutput[] {
  const outputs: GenerationOutput[] = [];
  log.snapshots.subscribe((event) => {
    if (event.type === 'generation.ended') outputs.push(event);
  });
  return outputs;
}

/** Signs until every snapshot under way has ended: its evidence comes when it likes. */
async function settle(log: AppendOnlyLog): Promise<void> {
  const signed = async () => {
    await log.sign();
    return log.snapshots.live.length;
  };
  await expect.poll(signed, { timeout: 50_000 }).toBe(0);
}

const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

/** One change a transaction, every fifth a removal. */
const change = (i: number): Readonly<Record<string, string | null>> => ({
  [keys[i % 7] ?? '']: i % 5 === 4 ? null : `value ${i}`,
});

async function fill(log: AppendOnlyLog, { from, to }: { from: number; to: number }) {
  for (let i = from; i < to; i++) await log.append(change(i));
}

type Values = Readonly<Record<string, string>>;

function applied(changes: readonly Readonly<Record<string, string | null>>[]): Values {
  const values = new Map<string, string>();
  for (const [key, value] of changes.flatMap((put) => Object.entries(put))) {
    if (value === null) values.delete(key);
    else values.set(key, value);
  }
  return Object.fromEntries(values);
}

const valuesAfter = (count: number): Values =>
  applied(Array.from({ length: count }, (_, i) => change(i)));

const read = (log: AppendOnlyLog): Values =>
  applied(keys.map((key) => ({ [key]: log.get(key) ?? null })));

/** What a log without rollbacks says of itself. */
async function linesOf({ directory }: LogOptions) {
  const text = await readFile(join(directory, 'log.jsonl'), 'utf8');
  // The log's own lines.
  const entryOf = (line: string) => JSON.parse(line) as LoggedEntry;
  return text
    .trimEnd()
    .split('\n')
    .map((line) => ({ line, ...entryOf(line) }));
}

interface LoggedEntry {
  readonly seqno: number;
  readonly put?: Readonly<Record<string, string | null>>;
}

/** The values at a seqno, `before` being those before the first line. */
async function recordsAt(options: LogOptions, at: number, before: Values = {}): Promise<Values> {
  const lines = await linesOf(options);
  return applied([before, ...lines.filter(({ seqno: of }) => of <= at).map(({ put = {} }) => put)]);
}

const newestOf = (outputs: readonly GenerationOutput[]): number =>
  Math.max(...outputs.filter(({ file }) => file !== undefined).map(({ seqno: at }) => at));

async function dropLinesBefore(first: number, options: LogOptions): Promise<void> {
  const kept = (await linesOf(options)).filter(({ seqno: at }) => at >= first);
  const text = kept.map(({ line }) => `${line}\n`).join('');
  await writeFile(join(options.directory, 'log.jsonl'), text);
}

async function flipBit(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

async function verify({ directory, serviceKey }: LogOptions, file: string) {
  const services = [createPublicKey(serviceKey)];
  const path = join(directory, 'snapshots', file);
  const verified = await verifySnapshot(path, { services });
  const { records = [] } = verified.content.publicMaps[0] ?? {};
  const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  return {
    ...verified,
    records: Object.fromEntries(records.map(({ key, value }) => [textOf(key), textOf(value)])),
  };
}
