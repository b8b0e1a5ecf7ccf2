import { join } from 'node:path';
import type { WriterOutput } from '../../../../machines/events.ts';
import { type WriterContext, writerMachine } from '../../../../machines/writer.ts';
import { concatBytes, equalBytes, toUtf8 } from '../../../core/bytes.ts';
import { seqno } from '../../../core/words.ts';
import type { FileHandle } from '../../../io/file-system.ts';
import { childDone, childFailed } from '../../graph/alphabet.ts';
import { type Edge, explore } from '../../graph/explore.ts';
import { edgePaths, isFinal, type Path, simplePaths, titleOf } from '../../graph/paths.ts';
import type { Subject } from '../../graph/subject.ts';
import { check, checkSame, patternOf, storageErrorOf } from '../expectations.ts';
import { type DiskCase, type DiskDriver, DiskUser } from './disk-driver.ts';
import { afterCrash } from './disk-durability-cases.ts';

const file = 'snapshot_2_3.committed';
const body = patternOf(3000);
const receipt = patternOf(500, 9);
const whole = concatBytes([body, receipt]);
const foreign = toUtf8('somebody else wrote this');

const broke = new Error('the step failed');

/** The writer as its owner and the disk can drive it: each step may go well or fail. */
const subjectOf = (attemptsMax: number): Subject => ({
  machine: writerMachine,
  input: { generation: 1, seqno: seqno(2), attemptsMax },
  samples: {
    'spool filled': { type: 'spool.filled' },
    'receipt ready': { type: 'receipt.ready', file },
    discard: { type: 'discard.requested' },
    published: childDone('publish', 'published'),
    'duplicate found': childDone('publish', 'duplicate'),
    'conflict found': childDone('publish', 'conflict'),
    'publish failed': childFailed('publish', broke),
    ...Object.fromEntries(
      [
        'openSpool',
        'appendReceipt',
        'syncSpool',
        'closeSpool',
        'syncDirectory',
        'discardSpool',
      ].flatMap((step) => [
        [`${step} done`, childDone(step, undefined)],
        [`${step} failed`, childFailed(step, broke)],
      ]),
    ),
  },
  // What the files see is the same wherever a receipt comes, and whether an end that is under way is asked for.
  offers: (event, { state }) =>
    event.type === 'receipt.ready'
      ? state.matches('spooled')
      : event.type !== 'discard.requested' || !state.matches('discarding'),
});

const reachesSecondSpool = (path: Path): boolean =>
  path.some(({ target }) => (target.state.context as WriterContext).attempt > 0);

/** Every way through one spool, and ways through a second one that take each of its steps. */
function writerPaths(): readonly Path[] {
  const one = simplePaths(explore(subjectOf(1)));
  const two = edgePaths(explore(subjectOf(2)));
  const isWhole = (path: Path) => path.some(({ target }) => isFinal(target));
  return [...one, ...two.filter((path) => isWhole(path) && reachesSecondSpool(path))];
}

/** Performs on a disk what a path of the writer says, and knows what must then be there. */
class WriterOnDisk {
  readonly #disk: DiskUser;
  #handle: FileHandle | undefined;
  #spool = '';
  #isOurs = false;
  /** What must be there, by name. */
  readonly expected = new Map<string, Uint8Array>();

  constructor(disk: DiskUser) {
    this.#disk = disk;
  }

  async take({ label, source }: Edge): Promise<void> {
    const step = this.#steps[label];
    if (step !== undefined) await step((source.state.context as WriterContext).attempt);
  }

  readonly #steps: Readonly<Record<string, (attempt: number) => Promise<void>>> = {
    'openSpool done': (attempt) => this.#open(attempt),
    'openSpool failed': (attempt) => this.#findTaken(attempt),
    'spool filled': () => this.#fill(),
    'appendReceipt done': () => this.#append(receipt),
    'appendReceipt failed': () => this.#append(receipt.subarray(0, 100)),
    'syncSpool done': async () => this.#handle?.sync(),
    'closeSpool done': () => this.#close(),
    'closeSpool failed': () => this.#close(),
    published: () => this.#publish(),
    'duplicate found': () => this.#findPublished(whole),
    'conflict found': () => this.#findPublished(foreign),
    'publish failed': () => this.#failToPublish(),
    'syncDirectory done': () => this.#disk.fileSystem.syncDirectory(this.#disk.directory),
    'discardSpool done': () => this.#discard(),
    'discardSpool failed': () => this.#close(),
  };

  async #open(attempt: number): Promise<void> {
    this.#spool = `spool_2_${attempt}.tmp`;
    this.#handle = await this.#disk.fileSystem.open(this.#disk.at(this.#spool), { for: 'create' });
    this.#isOurs = true;
    this.expected.set(this.#spool, new Uint8Array());
  }

  async #findTaken(attempt: number): Promise<void> {
    const name = `spool_2_${attempt}.tmp`;
    await this.#disk.writeSynced(name, foreign);
    this.expected.set(name, foreign);
    this.#isOurs = false;
    const opening = this.#disk.fileSystem.open(this.#disk.at(name), { for: 'create' });
    await storageErrorOf(opening, ['ALREADY_EXISTS'], `create of ${name}, which is taken`);
  }

  async #fill(): Promise<void> {
    await this.#disk.using(this.#spool, 'fill', (worker) => worker.write(body, 0));
    this.expected.set(this.#spool, body);
  }

  async #append(bytes: Uint8Array): Promise<void> {
    await this.#handle?.write(bytes, body.length);
    this.expected.set(this.#spool, concatBytes([body, bytes]));
  }

  async #close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  async #publish(): Promise<void> {
    const { fileSystem } = this.#disk;
    checkSame(await fileSystem.stat(this.#disk.at(file)), undefined, 'stat of the free final name');
    await fileSystem.rename(this.#disk.at(this.#spool), this.#disk.at(file));
    this.expected.delete(this.#spool);
    this.expected.set(file, whole);
  }

  async #findPublished(bytes: Uint8Array): Promise<void> {
    await this.#disk.writeSynced(file, bytes);
    this.expected.set(file, bytes);
    const { size, kind } = (await this.#disk.fileSystem.stat(this.#disk.at(file))) ?? {};
    checkSame({ size, kind }, { size: bytes.length, kind: 'file' }, 'stat of the taken final name');
  }

  async #failToPublish(): Promise<void> {
    const { fileSystem } = this.#disk;
    const into = join(this.#disk.at('no'), file);
    const renaming = fileSystem.rename(this.#disk.at(this.#spool), into);
    const codes = ['NOT_FOUND', 'WRITE_FAILED'] as const;
    await storageErrorOf(renaming, codes, 'rename into a missing directory');
  }

  async #discard(): Promise<void> {
    await this.#close();
    if (!this.#isOurs) return;
    await this.#disk.fileSystem.remove(this.#disk.at(this.#spool));
    this.expected.delete(this.#spool);
  }

  /** @throws ContractError unless there is what must be, and nothing else */
  async checkFiles(): Promise<void> {
    const names = [...this.expected.keys()].sort();
    checkSame(await this.#disk.names(), names, 'the names');
    for (const [name, bytes] of this.expected) await this.#disk.checkFile(name, bytes);
  }

  async close(): Promise<void> {
    await this.#close();
  }
}

async function runOnDisk(driver: DiskDriver, path: Path): Promise<void> {
  const writer = new WriterOnDisk(new DiskUser(driver));
  try {
    for (const edge of path) {
      await writer.take(edge);
      await writer.checkFiles();
    }
    const output = path.at(-1)?.target.state.output as WriterOutput | undefined;
    const isPublished = output?.status === 'durable' || output?.status === 'not-durable';
    check(!isPublished || writer.expected.get(file) === whole, 'the path publishes nothing');
  } finally {
    await writer.close();
  }
}

/** Cuts the power after each step: the final name stands for a whole file, its own or another's, or nothing. */
async function crashOnDisk(driver: DiskDriver, path: Path): Promise<void> {
  const disk = new DiskUser(driver);
  const writer = new WriterOnDisk(disk);
  try {
    for (const [index, edge] of path.entries()) {
      await writer.take(edge);
      const left = await (await afterCrash(driver)).readIfThere(file);
      const isDurable = edge.target.state.matches('durable');
      const where = `a power cut after step ${index + 1} of "${titleOf(path)}"`;
      // What another process has put there without a sync of the directory may be lost, and is not ours.
      const isWhole = left !== undefined && (equalBytes(left, whole) || equalBytes(left, foreign));
      check(left === undefined || isWhole, `${where} left ${left?.length} bytes of ${file}`);
      check(
        !isDurable || left !== undefined,
        `${where} took ${file}, which was told to be durable`,
      );
    }
  } finally {
    await writer.close();
  }
}

/** Drawn from the writer's chart: D22, a test for each way through it, and D23. */
export function writerCases(): readonly DiskCase[] {
  const paths = writerPaths();
  const ways = paths.map(
    (path): DiskCase => ({
      rule: 'D22',
      title: titleOf(path),
      run: (driver) => runOnDisk(driver, path),
    }),
  );
  const cut: DiskCase = {
    rule: 'D23',
    title: 'a power cut after each step of each way through the writer',
    needs: ['crash'],
    async run(driver) {
      for (const [index, path] of paths.entries()) {
        const directory = join(driver.directory, `way-${index}`);
        await driver.fileSystem.makeDirectory(directory);
        const { fileSystem } = driver;
        await crashOnDisk({ fileSystem, directory, crash: () => crashed(driver) }, path);
      }
    },
  };
  return [...ways, cut];
}

async function crashed(driver: DiskDriver) {
  return (await afterCrash(driver)).fileSystem;
}
