import { beforeEach, describe, expect, test } from 'vitest';
import type { FileSystem } from '../../src/io/file-system.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { type PruneOptions, prune } from '../../src/recovery/prune.ts';
import { recover } from '../../src/recovery/recover.ts';
import { replayLedger } from '../../src/replay/replay.ts';
import { probed } from '../files/crash-states.ts';
import { fakeProcesses } from '../files/fake-processes.ts';
import { makeService, makeSnapshotFile } from '../formats/make-snapshot-file.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { type Files, ledgerFiles, writeFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change } from '../helpers/make-tables.ts';
import { plant } from '../helpers/node-host.ts';
import { keysOf, replayMade } from '../helpers/replay-made.ts';

const members = makeMembers(1);

/** A ledger with a snapshot at each of its first signatures, each of which ends a chunk. */
async function makeLedger(seed: string): Promise<MadeLedger> {
  const made = await MadeLedger.opened({ seed, members });
  for (const k of ['a', 'b', 'c', 'd']) {
    made.transaction([change('app', { k }), change('public:app', { k })]);
    made.vouch(await made.signature());
  }
  await made.signature();
  made.transaction([change('app', { k: 'unsigned' })]);
  return made;
}

const ledger = await makeLedger('prune');
const stranger = await makeLedger('a stranger');
const chunks = ledgerFiles(ledger);
const { files: snapshots } = await replayMade(ledger);
const [n1 = '', n2 = '', n3 = '', n4 = ''] = [...snapshots.keys()].toSorted(bySeqno);
const pinned = [ledger.identity.serviceCertificate];

function bySeqno(a: string, b: string): number {
  const seqno = (name: string) => Number.parseInt(name.split('_')[1] ?? '', 10);
  return seqno(a) - seqno(b);
}

let disk: MemoryFileSystem;

beforeEach(async () => {
  disk = new MemoryFileSystem();
  await place('/snapshots', snapshots);
  await place('/ledger', chunks);
  await place('/copies', chunks);
});

/** Writes files durably. */
async function place(directory: string, files: Files): Promise<void> {
  await writeFiles(disk, directory, new Map());
  for (const [name, bytes] of files) await plant(disk, `${directory}/${name}`, bytes);
}

async function names(directory: string, fileSystem: FileSystem = disk): Promise<readonly string[]> {
  const found = await fileSystem.list(directory);
  return found.map(({ name }) => name).toSorted(bySeqno);
}

const withChunks = { ledger: { directory: '/ledger', copies: '/copies' } };

const pruneHere = (options: Partial<PruneOptions> = {}) =>
  prune({
    snapshots: '/snapshots',
    keep: 1,
    services: pinned,
    ...options,
    environment: { fileSystem: disk, processes: fakeProcesses(), ...options.environment },
  });

const damage = (name: string, directory = '/snapshots') =>
  plant(disk, `${directory}/${name}`, (snapshots.get(name) ?? new Uint8Array()).slice(0, -1));

const filesOf = (found: readonly { readonly file: string }[]) => found.map(({ file }) => file);

test('the ledger has four snapshots, and a chunk before each', () => {
  expect([n1, n2, n3, n4].every((name) => name.endsWith('.committed'))).toBe(true);
  expect(chunks.size).toBeGreaterThan(5);
});

describe('prune() of snapshots', () => {
  test('FIL-24 keeps the newest, and says what went', async () => {
    const report = await pruneHere({ keep: 2 });
    expect(filesOf(report.removed)).toEqual([n1, n2]);
    expect(report).toMatchObject({ refused: [], failed: [], kept: 2, chunks: undefined });
    expect(report.newestValid).toMatchObject({ file: n4, trusted: true });
    expect(await names('/snapshots')).toEqual([n3, n4]);
  });

  test('FIL-24 gives the lock back, and leaves no handle open', async () => {
    await pruneHere();
    expect(await names('/snapshots')).toEqual([n4]);
    expect(disk.openHandles).toBe(0);
  });

  test('10.4/17 keeps the newest that verifies, though newer ones do not', async () => {
    await damage(n4);
    await damage(n3);
    const report = await pruneHere();
    expect(report.newestValid).toMatchObject({ file: n2 });
    expect(report.refused).toMatchObject([
      { file: n4, code: 'RECEIPT_TRUNCATED' },
      { file: n3, code: 'RECEIPT_TRUNCATED' },
    ]);
    expect(await names('/snapshots')).toEqual([n2, n3, n4]);
  });

  test('10.4/17 keeps the newest under the pinned identity, though a stranger’s is newer', async () => {
    const { files } = await replayMade(stranger);
    const foreign = files.get(n4) ?? new Uint8Array();
    await plant(disk, `/snapshots/${n4}`, foreign);
    const report = await pruneHere();
    expect(report.refused).toMatchObject([{ file: n4, code: 'UNTRUSTED_SERVICE' }]);
    expect(await names('/snapshots')).toEqual([n3, n4]);
  });

  test('without a pin, the newest under the identity that it names itself', async () => {
    const report = await pruneHere({ services: [] });
    expect(report.newestValid).toMatchObject({ file: n4, trusted: false });
    expect(await names('/snapshots')).toEqual([n4]);
  });

  test('10.4/17 removes nothing where none verifies', async () => {
    const report = await pruneHere({
      services: [stranger.identity.serviceCertificate],
      ...withChunks,
    });
    expect(report).toMatchObject({ newestValid: undefined, removed: [], kept: 4 });
    expect(report.chunks).toEqual({ removed: [], stopped: undefined });
    expect(report.refused).toHaveLength(4);
    expect(await names('/snapshots')).toHaveLength(4);
    expect(await names('/ledger')).toHaveLength(chunks.size);
  });

  test('10.4/17 keeps what cannot be read now: it may be the newest valid one', async () => {
    disk.failNext('read', 'EIO', { path: (path) => path.endsWith(n4) });
    const report = await pruneHere();
    expect(report.refused).toMatchObject([{ file: n4, code: 'READ_FAILED' }]);
    expect(await names('/snapshots')).toEqual([n3, n4]);
  });

  test('10.4/17 does not count as valid what verifies, and no recovery could begin with', async () => {
    const made = makeService('treeless');
    const { bytes } = await makeSnapshotFile(made, 'cose');
    await plant(disk, '/snapshots/snapshot_10_12.committed', bytes);
    await disk.remove(`/snapshots/${n4}`);
    const services = [...pinned, made.serviceCertificate];
    const report = await pruneHere({ services });
    expect(report.newestValid?.file).toBe(n3);
    expect(report.refused).toMatchObject([{ code: 'TREE_MISMATCH' }]);
    expect(await names('/snapshots')).toEqual(expect.arrayContaining([n3]));
  });

  test('FIL-24 reports one that would not go', async () => {
    disk.failNext('remove', 'EACCES', { path: (path) => path.endsWith(n2) });
    const report = await pruneHere();
    expect(report.failed).toMatchObject([{ file: n2, error: { actual: 'EACCES' } }]);
    expect(report.kept).toBe(2);
    expect(await names('/snapshots')).toEqual([n2, n4]);
  });

  test('an empty directory is left as it is', async () => {
    await place('/none', new Map());
    const report = await pruneHere({ snapshots: '/none' });
    expect(report).toMatchObject({ newestValid: undefined, refused: [], removed: [], kept: 0 });
    expect(await names('/none')).toEqual([]);
  });
});

describe('prune() of a ledger', () => {
  test('FIL-25 removes the chunks before the newest valid snapshot', async () => {
    const report = await pruneHere(withChunks);
    const seqno = report.newestValid?.seqno ?? 0;
    const left = (await names('/ledger')).map((name) => Number(/-(\d+)/.exec(name)?.[1] ?? 99));
    expect(filesOf(report.chunks?.removed ?? [])).toHaveLength(3);
    expect(left.every((last) => last >= seqno)).toBe(true);
  });

  test('FIL-25 the watermark is the valid one, not a newer one that does not verify', async () => {
    await damage(n4);
    await damage(n3);
    const report = await pruneHere(withChunks);
    expect(filesOf(report.chunks?.removed ?? [])).toHaveLength(1);
    await expect(pruneRecovers()).resolves.toBe(n2);
  });

  /** The snapshot that a recovery of what is left begins with. */
  async function pruneRecovers(fileSystem: FileSystem = disk): Promise<string | undefined> {
    const recovered = await recover({
      snapshots: '/snapshots',
      ledger: '/ledger',
      services: pinned,
      memberKeys: keysOf(ledger),
      environment: { fileSystem },
    });
    expect(recovered).toMatchObject({
      seqno: ledger.entries.length,
      trusted: true,
      isComplete: true,
    });
    return recovered.snapshot?.file;
  }

  test('FIL-25 recover() and replay --from go on as before', async () => {
    const { root: before } = await recover({
      ledger: '/ledger',
      environment: { fileSystem: disk },
    });
    await pruneHere(withChunks);
    await expect(pruneRecovers()).resolves.toBe(n4);
    const options = { ledger: '/ledger', environment: { fileSystem: disk } };
    expect((await recover({ ...options, snapshots: '/snapshots' })).root).toBe(before);
    const report = await replayLedger({ ...options, from: `/snapshots/${n4}`, out: '/out' });
    expect(report.failure).toBeUndefined();
    expect(report.summary.verifiedUntil).toBe(ledger.entries.length - 1);
  });

  test('FIL-25 a second time there is nothing more to remove', async () => {
    await pruneHere(withChunks);
    const again = await pruneHere(withChunks);
    expect(again).toMatchObject({
      removed: [],
      kept: 1,
      chunks: { removed: [], stopped: undefined },
    });
  });

  test('FIL-25 keepChunks keeps more of them', async () => {
    const report = await pruneHere({ ledger: { ...withChunks.ledger, keepChunks: 4 } });
    expect(report.chunks?.removed).toHaveLength(1);
  });

  test('FIL-25 a chunk without a copy stays with all behind it; the snapshots go', async () => {
    const [, second = ''] = await names('/ledger');
    await disk.remove(`/copies/${second}`);
    const report = await pruneHere(withChunks);
    expect(report.chunks?.removed).toHaveLength(1);
    expect(report.chunks?.stopped).toMatchObject({ file: second, error: { code: 'NOT_FOUND' } });
    expect(await names('/snapshots')).toEqual([n4]);
    await expect(pruneRecovers()).resolves.toBe(n4);
  });

  test('FIL-25 refuses a snapshot of another ledger, and removes nothing', async () => {
    await place('/foreign', (await replayMade(stranger)).files);
    const pruning = pruneHere({ snapshots: '/foreign', services: [], ...withChunks });
    await expect(pruning).rejects.toMatchObject({ code: 'LEAF_MISMATCH' });
    expect(await names('/foreign')).toHaveLength(4);
    expect(await names('/ledger')).toHaveLength(chunks.size);
  });

  test('FIL-25 refuses a ledger that ends before the snapshot', async () => {
    const committed = [...chunks].filter(([name]) => name.endsWith('.committed'));
    await place('/short', new Map(committed.slice(0, 3)));
    const pruning = pruneHere({ ledger: { directory: '/short', copies: '/copies' } });
    await expect(pruning).rejects.toMatchObject({ code: 'LEDGER_BEHIND_SNAPSHOT' });
    expect(await names('/snapshots')).toHaveLength(4);
  });

  test.each([
    ['snapshots', { snapshots: '/no' }],
    ['the ledger', { ledger: { directory: '/no', copies: '/copies' } }],
    ['the copies', { ledger: { directory: '/ledger', copies: '/no' } }],
  ])('FIL-23 does nothing at all when %s cannot be listed', async (_, options) => {
    const pruning = pruneHere({ ...withChunks, ...options });
    await expect(pruning).rejects.toMatchObject({ code: 'NOT_FOUND', file: '/no' });
    expect(await names('/snapshots')).toHaveLength(4);
    expect(await names('/ledger')).toHaveLength(chunks.size);
  });

  test.each(['/snapshots', '/ledger', '/copies'])(
    'FIL-23 does nothing when any listing of %s fails',
    async (directory) => {
      const listings = { '/snapshots': 2, '/ledger': 2, '/copies': 1 }[directory] ?? 0;
      for (let skip = 0; skip < listings; skip++) {
        disk.failNext('list', 'EIO', { path: (path) => path === directory, skip });
        await expect(pruneHere(withChunks)).rejects.toMatchObject({ code: 'READ_FAILED' });
      }
      expect(disk.faultsPending).toBe(0);
      expect(await names('/snapshots')).toHaveLength(4);
      expect(await names('/ledger')).toHaveLength(chunks.size);
    },
  );

  test('FIL-23 a ledger with a gap is not touched', async () => {
    const [, second = ''] = await names('/ledger');
    await disk.remove(`/ledger/${second}`);
    await expect(pruneHere(withChunks)).rejects.toMatchObject({ code: 'CHUNK_GAP' });
    expect(await names('/snapshots')).toHaveLength(4);
  });

  test('I2 no chunk goes on the strength of a snapshot that a power cut may take', async () => {
    await disk.remove(`/snapshots/${n4}`);
    await disk.syncDirectory('/snapshots');
    const bytes = snapshots.get(n4) ?? new Uint8Array();
    const handle = await disk.open(`/snapshots/${n4}`, { for: 'create' });
    await handle.write(bytes, 0);
    await handle.close();
    expect((await pruneHere({ ...withChunks, keep: 4 })).chunks?.removed).toHaveLength(3);
    await expect(pruneRecovers(disk.crash())).resolves.toBe(n4);
  });

  test('10.4/17 a power cut at any operation: a recovery begins with the newest valid one', async () => {
    await damage(n4);
    const cuts: MemoryFileSystem[] = [];
    const fileSystem = probed(disk, async () => {
      for (const survival of ['lost', 'kept'] as const) cuts.push(disk.crash(() => survival));
    });
    await pruneHere({ ...withChunks, environment: { fileSystem } });
    expect(cuts.length).toBeGreaterThan(60);
    for (const cut of [...cuts.filter((_, i) => i % 3 === 0), disk.crash()]) {
      await expect(pruneRecovers(cut)).resolves.toBe(n3);
      await expect(names('/snapshots', cut)).resolves.toContain(n4);
    }
  });
});

describe('prune() with dryRun', () => {
  test('says what would go, and changes nothing', async () => {
    const options = { ...withChunks, keep: 2 };
    const from = disk.journal.length;
    const planned = await pruneHere({ ...options, dryRun: true });
    const operations = new Set(disk.journal.slice(from).map(({ operation }) => operation));
    for (const change of ['write', 'remove', 'rename', 'sync', 'syncDirectory'] as const) {
      expect(operations).not.toContain(change);
    }
    expect(await pruneHere(options)).toEqual(planned);
  });

  test('says which chunk has no copy', async () => {
    const [first = ''] = await names('/ledger');
    await disk.remove(`/copies/${first}`);
    const planned = await pruneHere({ ...withChunks, dryRun: true });
    expect(planned.chunks).toMatchObject({ removed: [], stopped: { file: first } });
  });

  test('works beside a process that has the lock', async () => {
    await plant(
      disk,
      '/snapshots/lock',
      new TextEncoder().encode('{"pid":1,"start":"a","nonce":"n"}'),
    );
    expect(filesOf((await pruneHere({ dryRun: true })).removed)).toEqual([n1, n2, n3]);
  });
});

describe('prune() refuses', () => {
  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
    'FIL-21 to keep %d',
    async (keep) => {
      await expect(pruneHere({ keep })).rejects.toBeInstanceOf(RangeError);
      const none = { ...withChunks.ledger, keepChunks: keep };
      await expect(pruneHere({ ledger: none })).rejects.toBeInstanceOf(RangeError);
      expect(await names('/snapshots')).toHaveLength(4);
    },
  );

  test('FIL-21 the ledger as its own copies', async () => {
    const ledgerItself = { directory: '/ledger', copies: '/ledger/' };
    await expect(pruneHere({ ledger: ledgerItself })).rejects.toBeInstanceOf(RangeError);
  });

  test.each(['/snapshots', '/ledger'])(
    'FIL-22 %s while another process has it',
    async (directory) => {
      const lock = `${directory}/lock`;
      await plant(disk, lock, new TextEncoder().encode('{"pid":1,"start":"a","nonce":"n"}'));
      const pruning = pruneHere({
        ...withChunks,
        environment: { processes: fakeProcesses({ 1: 'a', 2: 'b' }, 2) },
      });
      await expect(pruning).rejects.toMatchObject({ code: 'LOCKED', file: lock });
      expect(await names('/snapshots')).toEqual(expect.arrayContaining([n1, n2, n3, n4]));
      expect(await names('/ledger')).toEqual(expect.arrayContaining([...chunks.keys()]));
    },
  );

  test('when it is aborted', async () => {
    const pruning = pruneHere({ signal: AbortSignal.abort() });
    await expect(pruning).rejects.toMatchObject({ code: 'ABORTED' });
    expect(await names('/snapshots')).toHaveLength(4);
  });
});
