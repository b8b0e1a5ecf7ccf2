import { createPublicKey } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { parseSnapshotName } from '../../src/formats/encoding/file-name.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';
import { createNode } from '../../src/node/create-node.ts';
import { prune } from '../../src/recovery/prune.ts';
import { recover } from '../../src/recovery/recover.ts';
import { verifySnapshot } from '../../src/verification/verify.ts';
import { flipped } from '../helpers/hostile-snapshots.ts';
import { codeOf, put, takeSnapshot } from '../helpers/node-host.ts';
import { CountedReads, makeSparseSnapshot, receiptIn } from '../helpers/sparse-files.ts';

const mebibyte = 1024 ** 2;
const gibibyte = 1024 ** 3;

/** What reading the ends of a file may cost. */
const endsBytesMax = 2 * mebibyte;

let directory: string;
let reads: CountedReads;
/** The newest snapshot that the node has committed, and the one before. */
let newest: string;
let older: string;
let receipt: Uint8Array;

const snapshots = () => join(directory, 'snapshots');
const ledger = () => join(directory, 'ledger');
const at = (name: string) => join(snapshots(), name);
const environment = () => ({ fileSystem: reads.fileSystem });
const quarantined = () => readdir(at('quarantine')).catch(() => []);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bounded-work-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  reads = new CountedReads(realFileSystem);
  const node = await createNode({ directory, environment: environment() });
  await takeSnapshot(node);
  await put(node, 'key', 'value');
  await takeSnapshot(node);
  await node.close();
  const seqnoOf = (name: string) => parseSnapshotName(name)?.seqno ?? 0;
  const names = (await readdir(snapshots())).filter((name) => name.endsWith('.committed'));
  [newest = '', older = ''] = names.toSorted((a, b) => seqnoOf(b) - seqnoOf(a));
  receipt = receiptIn(await readFile(at(newest)));
  reads.forget();
});

async function startAndStop(): Promise<void> {
  const node = await createNode({ directory, environment: environment() });
  await node.close();
}

const pins = async () => [createPublicKey(await readFile(join(directory, 'service_cert.pem')))];

/** A free name that the newest snapshot's receipt fits. */
const fittingName = () => {
  const { seqno = 0, evidenceSeqno = 0 } = parseSnapshotName(newest) ?? {};
  return `snapshot_${seqno - 1}_${evidenceSeqno}.committed`;
};

const bigName = 'snapshot_900000_900001.committed';

const removeGood = async () => {
  for (const name of [newest, older]) await rm(at(name));
};

describe('a sparse snapshot of 6 GiB whose ends are not in order', () => {
  const bytes = 6 * gibibyte;
  const kinds = {
    'without a receipt': () => ({ bytes }),
    'with zeros for a receipt': () => ({ bytes, receipt: new Uint8Array(600) }),
    'with a receipt that is cut off': () => ({ bytes, receipt: receipt.subarray(0, 100) }),
    'with the receipt of other numbers than its name': () => ({ bytes, receipt }),
    'whose header says more than there is': () => ({ bytes, entryBytes: 2 ** 47 }),
    'whose header leaves 6 GiB to the receipt': () => ({ bytes, entryBytes: 100 }),
  } as const satisfies Record<string, () => object>;

  test.each(Object.entries(kinds))(
    'createNode() reads next to nothing of one %s, and never again',
    async (_, kind) => {
      await removeGood();
      await makeSparseSnapshot({ path: at(bigName), ...kind() });
      await startAndStop();
      expect(reads.of(bigName)).toBeLessThan(endsBytesMax);
      expect(await quarantined()).toEqual([bigName]);
      reads.forget();
      await startAndStop();
      expect(reads.of(bigName)).toBe(0);
    },
  );

  test('recover() reads next to nothing of one whose signature does not hold under the pinned key', async () => {
    const name = fittingName();
    await removeGood();
    const forged = flipped(receipt, receipt.length - 1);
    await makeSparseSnapshot({ path: at(name), bytes, receipt: forged });
    const options = { ledger: ledger(), snapshots: snapshots(), environment: environment() };
    const { refused } = await recover({ ...options, services: await pins() });
    expect(refused).toMatchObject([{ file: name, code: 'SIG_INVALID' }]);
    expect(reads.of(name)).toBeLessThan(endsBytesMax);
  });

  test('recover() reads next to nothing of one that a stranger has signed', async () => {
    const strangers = await mkdtemp(join(tmpdir(), 'bounded-work-'));
    onTestFinished(() => rm(strangers, { recursive: true, force: true }));
    const stranger = await createNode({ directory: strangers });
    await stranger.close();
    const name = fittingName();
    await removeGood();
    await makeSparseSnapshot({ path: at(name), bytes, receipt });
    const services = [createPublicKey(await readFile(join(strangers, 'service_cert.pem')))];
    const verifying = verifySnapshot(at(name), { services, environment: environment() });
    expect(await codeOf(verifying)).toBe('UNTRUSTED_SERVICE');
    expect(reads.of(name)).toBeLessThan(endsBytesMax);
  });

  test('verifySnapshot() reads next to nothing of one that is larger than it may be', async () => {
    const name = fittingName();
    await makeSparseSnapshot({ path: at(name), bytes, receipt });
    const options = { services: await pins(), environment: environment() };
    const verifying = verifySnapshot(at(name), { ...options, snapshotBytesMax: 1 * gibibyte });
    expect(await codeOf(verifying)).toBe('SNAPSHOT_TOO_LARGE');
    expect(reads.of(name)).toBeLessThan(endsBytesMax);
  });

  test('createNode() leaves one where it is that is larger than it may be: another start may allow it', async () => {
    const name = fittingName();
    await removeGood();
    await makeSparseSnapshot({ path: at(name), bytes, receipt });
    const options = { directory, environment: environment(), snapshotBytesMax: 1 * gibibyte };
    const node = await createNode(options);
    await node.close();
    expect(node.recovered.refused).toMatchObject([{ file: name, code: 'SNAPSHOT_TOO_LARGE' }]);
    expect(reads.of(name)).toBeLessThan(endsBytesMax);
    expect(await quarantined()).toEqual([]);
  });

  test('of 1 TiB is larger than is read without being asked for', async () => {
    const name = fittingName();
    await makeSparseSnapshot({ path: at(name), bytes: 1024 * gibibyte, receipt });
    const verifying = verifySnapshot(at(name), { environment: environment() });
    expect(await codeOf(verifying)).toBe('SNAPSHOT_TOO_LARGE');
    expect(reads.of(name)).toBeLessThan(endsBytesMax);
  });
});

describe('a sparse snapshot of 64 MiB under the receipt of another one', () => {
  const bytes = 64 * mebibyte;

  test('createNode() tries it last, and so not at all where another one is good', async () => {
    const { seqno = 0, evidenceSeqno = 0 } = parseSnapshotName(older) ?? {};
    const lower = `snapshot_${seqno - 1}_${evidenceSeqno}.committed`;
    await rm(at(newest));
    await makeSparseSnapshot({ path: at(fittingName()), bytes, receipt });
    await makeSparseSnapshot({
      path: at(lower),
      bytes,
      receipt: receiptIn(await readFile(at(older))),
    });
    const node = await createNode({ directory, environment: environment() });
    await node.close();
    expect(node.recovered.snapshot?.file).toBe(older);
    expect([fittingName(), lower].map((name) => reads.of(name))).toEqual([0, 0]);
  });

  test('createNode() reads it once, quarantines it, and never reads it again', async () => {
    const name = fittingName();
    await removeGood();
    await makeSparseSnapshot({ path: at(name), bytes, receipt });
    await startAndStop();
    expect(reads.of(name)).toBeLessThan(bytes + endsBytesMax);
    expect(await quarantined()).toEqual([name]);
    reads.forget();
    await startAndStop();
    expect(reads.of(name)).toBe(0);
  });

  test('createNode() reads it once beside one of the same seqno', async () => {
    const { seqno = 0, evidenceSeqno = 0 } = parseSnapshotName(newest) ?? {};
    const twin = `snapshot_${seqno}_${evidenceSeqno + 1}.committed`;
    const forged = `snapshot_${seqno}_${evidenceSeqno}.committed_${evidenceSeqno}`;
    await makeSparseSnapshot({ path: at(twin), bytes, receipt });
    await makeSparseSnapshot({ path: at(forged), bytes, receipt });
    const node = await createNode({ directory, environment: environment() });
    await node.close();
    expect(node.recovered.snapshot?.file).toBe(newest);
    expect(reads.of(twin)).toBeLessThan(endsBytesMax);
    expect(reads.of(forged)).toBeLessThan(bytes + endsBytesMax);
  });

  test('prune() tries it last, and so not at all where another one is good', async () => {
    await makeSparseSnapshot({ path: at(fittingName()), bytes, receipt });
    const report = await prune({ snapshots: snapshots(), keep: 3, environment: environment() });
    expect(report.newestValid?.file).toBe(newest);
    expect(reads.of(fittingName())).toBe(0);
  });

  test('prune() tries one that is newer than a good one last, too', async () => {
    await makeSparseSnapshot({ path: at(bigName), bytes, receipt });
    const report = await prune({ snapshots: snapshots(), keep: 3, environment: environment() });
    expect(report.newestValid?.file).toBe(newest);
    expect(reads.of(bigName)).toBe(0);
  });

  test('prune() reads it once where none is good', async () => {
    const name = fittingName();
    await removeGood();
    await makeSparseSnapshot({ path: at(name), bytes, receipt });
    const options = { snapshots: snapshots(), keep: 1, environment: environment() };
    const { refused } = await prune({ ...options, services: await pins() });
    expect(refused).toMatchObject([{ file: name, code: 'CLAIMS_DIGEST_MISMATCH' }]);
    expect(reads.of(name)).toBeLessThan(bytes + endsBytesMax);
  });
});

test('a snapshot that is good is taken though the disk keeps less of it than its size, as one that compresses does', async () => {
  const { fileSystem } = reads;
  const compressing = {
    ...fileSystem,
    stat: async (path: string) => {
      const stat = await fileSystem.stat(path);
      return stat && { ...stat, allocatedBytes: 512 };
    },
  };
  const node = await createNode({ directory, environment: { fileSystem: compressing } });
  await node.close();
  expect(node.recovered.snapshot?.file).toBe(newest);
  expect(node.recovered.refused).toEqual([]);
});
