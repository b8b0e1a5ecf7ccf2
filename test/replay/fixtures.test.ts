import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCertificate } from '../../src/formats/keys/certificate.ts';
import { verifySnapshotFile } from '../../src/formats/snapshot/verify-snapshot.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';
import { environmentOf } from '../../src/jobs/environment.ts';
import { snapshotJobs } from '../../src/jobs/snapshot-jobs.ts';
import { readMemberKeys } from '../../src/ledger/member-keys.ts';
import { replayLedger } from '../../src/replay/replay.ts';
import { InlineExecutor } from '../../src/tasks/inline-executor.ts';
import { readFiles } from '../helpers/make-ledger-files.ts';

// Services that our own releases wrote, each replayed whole: a fixture that nobody opens protects nothing.

const root = join(import.meta.dirname, '../fixtures');
const directoriesIn = (folder: string) =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name));
const releases = directoriesIn(root);
const services = releases.flatMap(directoriesIn);
const named = (path: string) => [relative(root, path), path] as const;

let out = '';
beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'fixtures-'));
});
afterAll(() => rm(out, { recursive: true }));

test('there are fixtures', () => {
  expect(services.map((path) => relative(root, path))).toContain('0.1.0/small-ledger');
});

test.each(releases.map(named))(
  '%s: every file is as its PROVENANCE.md says, and none is beside',
  (_, release) => {
    const text = readFileSync(join(release, 'PROVENANCE.md'), 'utf8');
    const listed = [...text.matchAll(/^ {4}([0-9a-f]{64}) {2}(.+)$/gm)].map(([, hex, file]) => [
      file,
      hex,
    ]);
    const there = readdirSync(release, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name !== 'PROVENANCE.md')
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [
        relative(release, path),
        createHash('sha256').update(readFileSync(path)).digest('hex'),
      ]);
    expect(there.toSorted()).toStrictEqual(listed.toSorted());
  },
);

describe.each(services.map(named))('%s', (name, service) => {
  const executors = {
    'on worker threads': environmentOf().startExecutor,
    inline: () => new InlineExecutor(snapshotJobs(realFileSystem)),
  };

  test.each([
    ['on worker threads', 'cose', 'snapshots'],
    ['on worker threads', 'json', 'snapshots-json'],
    ['inline', 'cose', 'snapshots'],
    ['inline', 'json', 'snapshots-json'],
  ] as const)(
    'replayed %s with %s receipts, its snapshots come out byte for byte',
    async (where, receipt, kept) => {
      const directory = join(out, name, `${where} ${receipt}`);
      const { failure, summary } = await replayLedger({
        ledger: join(service, 'ledger'),
        out: directory,
        memberKeys: await readMemberKeys(join(service, 'keys')),
        receipt,
        snapshots: join(service, kept),
        environment: { startExecutor: executors[where] },
      });
      expect(failure).toBeUndefined();
      expect(summary.identical).toBe(summary.evidences);
      const written = new Map(await readFiles(realFileSystem, directory));
      written.delete('lock');
      expect(written).toStrictEqual(await readFiles(realFileSystem, join(service, kept)));
      expect(written.size).toBe(summary.evidences);
    },
  );

  test.each(['snapshots', 'snapshots-json'])(
    'its %s verify under its certificate',
    async (kept) => {
      const pem = readFileSync(join(service, 'service_cert.pem'), 'utf8');
      const files = await readFiles(realFileSystem, join(service, kept));
      for (const [fileName, bytes] of files) {
        const options = { fileName, trustedKeys: [readCertificate(pem)] };
        expect((await verifySnapshotFile(bytes, options)).trusted).toBe(true);
      }
      expect(files.size).toBeGreaterThan(0);
    },
  );

  test('without the members’ keys the public half of each snapshot is still the same', async () => {
    const { snapshots } = await replayLedger({
      ledger: join(service, 'ledger'),
      out: join(out, name, 'publicly'),
      snapshots: join(service, 'snapshots'),
    });
    const results = new Set(snapshots.map(({ result }) => result));
    expect([...results]).toStrictEqual(['public-identical']);
  });
});
