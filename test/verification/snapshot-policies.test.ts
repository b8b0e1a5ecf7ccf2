import { createPrivateKey, createPublicKey } from 'node:crypto';
import { chmod, link, mkdtemp, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { concatBytes } from '../../src/core/bytes.ts';
import { assert } from '../../src/core/errors.ts';
import { seqno } from '../../src/core/words.ts';
import { findSnapshots } from '../../src/files/snapshot-directory.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import { encodeServiceInfo, tables } from '../../src/formats/entries/tables.ts';
import { singletonKey } from '../../src/formats/entries/write-set.ts';
import {
  decodeSnapshot,
  encodeSnapshot,
  splitSnapshotFile,
} from '../../src/formats/snapshot/snapshot-body.ts';
import { VerifiedFiles } from '../../src/http/verified-files.ts';
import type { FileSystem } from '../../src/io/file-system.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';
import { environmentOf } from '../../src/jobs/environment.ts';
import { createNode } from '../../src/node/create-node.ts';
import { prune } from '../../src/recovery/prune.ts';
import { recover } from '../../src/recovery/recover.ts';
import { verifySnapshot } from '../../src/verification/verify.ts';
import { runHere } from '../cli/run-cli.ts';
import { makeCoseReceipt, makeService } from '../formats/make-snapshot-file.ts';
import { codeOf, takeSnapshot } from '../helpers/node-host.ts';
import { CountedReads } from '../helpers/sparse-files.ts';

const made = makeService('policies', 'P-256');
const services = [made.service.publicKey];
const good = 'snapshot_10_12.committed';
const other = 'snapshot_10_12.committed_12';

let directory: string;
const at = (name: string) => join(directory, name);
const verify = (name: string, options: object = {}) =>
  verifySnapshot(at(name), { services, ...options });

/** A snapshot of seqno 10 that the service has signed, with a table of its own. */
async function signedSnapshot(table: string): Promise<Uint8Array> {
  const value = encodeServiceInfo({ certificate: made.serviceCertificate.pem, status: 'Open' });
  const entry = encodeSnapshot(
    {
      seqno: seqno(10),
      maxConflictVersion: 0,
      leaf: new Uint8Array(32).fill(3),
      viewHistory: [1, 1],
      publicMaps: [
        {
          name: tables.serviceInfo,
          version: 1,
          records: [{ key: singletonKey, version: 1, value }],
        },
        { name: table, version: 1, records: [] },
      ],
      privateMaps: [],
    },
    new Uint8Array(32).fill(7),
  );
  return concatBytes([entry, await makeCoseReceipt(made, sha256(entry))]);
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'policies-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await writeFile(at(good), await signedSnapshot('public:a'), { mode: 0o600 });
});

describe('a snapshot that others could change', () => {
  const kinds = {
    HARDLINK_REFUSED: () => link(at(good), at('backup')),
    INSECURE_MODE: () => chmod(at(good), 0o666),
    'INSECURE_MODE of the directory': () => chmod(directory, 0o777),
    'INSECURE_MODE of its group': () => chmod(at(good), 0o620),
  } as const;

  test.each(Object.entries(kinds))('verifySnapshot() warns by code: %s', async (kind, make) => {
    const [code] = kind.split(' ');
    await make();
    expect((await verify(good)).warnings).toMatchObject([{ code }]);
    expect(await codeOf(verify(good, { strict: true }))).toBe(code);
  });

  test('findSnapshots() says so, and says nothing of one that only its owner can write', async () => {
    expect((await findSnapshots(directory))[0]?.warnings).toBeUndefined();
    await chmod(at(good), 0o662);
    expect((await findSnapshots(directory))[0]?.warnings).toEqual(['INSECURE_MODE']);
  });

  test('list and verify print the code', async () => {
    await link(at(good), at('backup'));
    expect((await runHere(['list', directory])).stdout).toContain('[HARDLINK_REFUSED]');
    const verified = await runHere(['verify', at(good)]);
    expect(verified.stdout).toContain('[HARDLINK_REFUSED]');
    const strict = await runHere(['verify', at(good), '--strict', '--json']);
    expect(strict.status).toBe(3);
    expect(strict.stdout).toContain('"code":"HARDLINK_REFUSED"');
  });

  test('recover() and createNode() log the code, and refuse it with strict', async () => {
    const node = await createNode({ directory: at('node') });
    await node.close();
    await chmod(at('node/snapshots'), 0o777);
    const codes: unknown[] = [];
    const options = { ledger: at('node/ledger'), snapshots: at('node/snapshots') };
    await recover({ ...options, onWarning: ({ code }) => codes.push(code) });
    expect(codes).toEqual(['INSECURE_MODE']);
    expect(await codeOf(recover({ ...options, strict: true }))).toBe('INSECURE_MODE');
    expect(await codeOf(createNode({ directory: at('node'), strict: true }))).toBe('INSECURE_MODE');
  });
});

describe('a file under the name of one that was never committed', () => {
  test.each(['snapshot_10_12', 'spool_10_0.tmp', 'snapshot_10_12.committed.bak', 'copy'])(
    'verifySnapshot() says that %s is none, though its bytes are those of a committed one',
    async (name) => {
      await rename(at(good), at(name));
      expect(await codeOf(verify(name))).toBe('BAD_NAME');
    },
  );
});

describe('a floor', () => {
  test('verifySnapshot() refuses what is below it, by both numbers', async () => {
    await expect(verify(good, { minSeqno: 11 })).rejects.toMatchObject({
      code: 'ROLLBACK_REFUSED',
      seqno: 10,
      expected: 11,
    });
    expect((await verify(good, { minSeqno: 10 })).seqno).toBe(10);
  });

  test('recover() refuses a state below it, be it of a snapshot alone', async () => {
    await rm(at('ledger'), { recursive: true, force: true });
    const options = { ledger: at('ledger'), snapshots: at('s') };
    const node = await createNode({ directory: at('node') });
    const { seqno: last } = node.status;
    await node.close();
    const whole = { ...options, ledger: at('node/ledger'), snapshots: at('node/snapshots') };
    const { seqno: end } = await recover(whole);
    expect(end).toBeGreaterThanOrEqual(last);
    expect(await codeOf(recover({ ...whole, minSeqno: end + 1 }))).toBe('ROLLBACK_REFUSED');
    expect(await codeOf(createNode({ directory: at('node'), minSeqno: end + 1 }))).toBe(
      'ROLLBACK_REFUSED',
    );
  });

  test('verify --min-seqno refuses what is below it', async () => {
    const { status, stdout } = await runHere(['verify', at(good), '--min-seqno', '11']);
    expect(status).toBe(1);
    expect(stdout).toContain('[ROLLBACK_REFUSED]');
  });
});

describe('two files of one seqno that verify and differ', () => {
  beforeEach(async () => {
    await writeFile(at(other), await signedSnapshot('public:b'), { mode: 0o600 });
  });

  test('verify refuses both, whichever comes first, and list says that there are two', async () => {
    for (const files of [
      [at(good), at(other)],
      [at(other), at(good)],
    ]) {
      const { status, stdout } = await runHere(['verify', ...files, '--json']);
      expect(status).toBe(1);
      expect(stdout.match(/FORK_DETECTED/g)).toHaveLength(2);
    }
    expect((await runHere(['list', directory])).stderr).toContain('seqno 10');
  });

  test('a copy of one under another name is no fork', async () => {
    await writeFile(at(other), await readFile(at(good)));
    const files = [at(good), at(other), '--allow-untrusted'];
    const { status, stdout } = await runHere(['verify', ...files]);
    expect([status, stdout]).toEqual([0, expect.stringContaining('2 verified')]);
  });
});

describe('a second snapshot of one seqno that the service has signed', () => {
  /** A node with two snapshots, and one more of the newer one's seqno under the same key. */
  async function forked() {
    const node = await createNode({ directory: at('node') });
    await takeSnapshot(node);
    await takeSnapshot(node);
    await node.close();
    const snapshots = at('node/snapshots');
    const [newest, older] = (await findSnapshots(snapshots)).map(({ file }) => file);
    assert(newest !== undefined && older !== undefined, 'two snapshots were taken');
    const { entry } = splitSnapshotFile(await readFile(join(snapshots, newest)));
    const { content } = decodeSnapshot(entry);
    const publicMaps = [...content.publicMaps, { name: 'public:fork', version: 1, records: [] }];
    const forged = encodeSnapshot({ ...content, publicMaps }, new Uint8Array(32));
    const privateKey = createPrivateKey(await readFile(at('node/keys/service_key.pem')));
    const service = { ...made.service, privateKey, publicKey: createPublicKey(privateKey) };
    const receipt = await makeCoseReceipt({ ...made, service }, sha256(forged));
    const fork = `snapshot_${content.seqno}_12.committed`;
    await writeFile(join(snapshots, fork), concatBytes([forged, receipt]), { mode: 0o600 });
    return { snapshots, newest, older, fork };
  }

  test('recover() and createNode() use neither, keep both, and go on from the next older one', async () => {
    const { snapshots, newest, older, fork } = await forked();
    const recovered = await recover({ ledger: at('node/ledger'), snapshots });
    expect(recovered.snapshot?.file).toBe(older);
    const codes = recovered.refused.map(({ file, code }) => [file, code]);
    expect(codes.toSorted()).toEqual(
      [newest, fork].toSorted().map((file) => [file, 'FORK_DETECTED']),
    );
    const node = await createNode({ directory: at('node') });
    await node.close();
    expect(node.recovered.snapshot?.file).toBe(older);
    const names = (await findSnapshots(snapshots)).map(({ file }) => file);
    expect(names).toEqual(expect.arrayContaining([newest, older, fork]));
  });

  test('prune() uses neither, and keeps both', async () => {
    const { snapshots, newest, older, fork } = await forked();
    const report = await prune({ snapshots, keep: 1 });
    expect(report.newestValid?.file).toBe(older);
    const files = report.refused.map(({ file, code }) => `${file} ${code}`);
    expect(files.toSorted()).toEqual(
      [newest, fork].map((file) => `${file} FORK_DETECTED`).toSorted(),
    );
    expect(report.kept).toBe(3);
  });
});

test('prune() removes nothing for a newest valid snapshot that was replaced since it was verified', async () => {
  const node = await createNode({ directory: at('node') });
  await takeSnapshot(node);
  await takeSnapshot(node);
  await node.close();
  const snapshots = at('node/snapshots');
  const [newest = ''] = (await findSnapshots(snapshots)).map(({ file }) => file);
  const path = join(snapshots, newest);
  let state: 'unread' | 'verified' | 'replaced' = 'unread';
  const fileSystem: FileSystem = {
    ...realFileSystem,
    open: (name, options) => {
      if (name === path && state === 'unread') state = 'verified';
      return realFileSystem.open(name, options);
    },
    list: async (name: string) => {
      // The names are listed again to remove, once the newest file was read.
      if (name === snapshots && state === 'verified') {
        await writeFile(path, await readFile(path));
        state = 'replaced';
      }
      return realFileSystem.list(name);
    },
  };
  const pruning = prune({ snapshots, keep: 1, environment: { fileSystem } });
  expect(await codeOf(pruning)).toBe('CHANGED_WHILE_READING');
  expect(state).toBe('replaced');
  const kept = (await findSnapshots(snapshots)).filter(({ committed }) => committed);
  expect(kept).toHaveLength(2);
});

describe('a verdict of the live page', () => {
  /** What is known of the good file, once it is. */
  async function verdicts() {
    const files = new VerifiedFiles({
      directory,
      services: [],
      environment: environmentOf({ fileSystem: new CountedReads(realFileSystem).fileSystem }),
    });
    onTestFinished(() => files.close());
    const status = async () => (await files.list()).find(({ file }) => file === good)?.verification;
    await expect.poll(status).toMatchObject({ status: 'verified' });
    return status;
  }

  const old = new Date(2020, 0, 1);

  test('ends with the file: one rewritten in place with its times set back is verified anew', async () => {
    await utimes(at(good), old, old);
    const status = await verdicts();
    const bytes = await readFile(at(good));
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(at(good), bytes);
    await utimes(at(good), old, old);
    await expect.poll(status).toMatchObject({ status: 'refused' });
  });

  test('ends with the file: another one of that name, size and time is verified anew', async () => {
    await utimes(at(good), old, old);
    const status = await verdicts();
    const bytes = await readFile(at(good));
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    await writeFile(at('new'), bytes);
    await utimes(at('new'), old, old);
    await rename(at('new'), at(good));
    await expect.poll(status).toMatchObject({ status: 'refused' });
  });
});
