import { describe, expect, test } from 'vitest';
import { concatBytes, toUtf8 } from '../../src/core/bytes.ts';
import { seqno } from '../../src/core/words.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import { encodeSnapshot } from '../../src/formats/snapshot/snapshot-body.ts';
import type { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { recover } from '../../src/recovery/recover.ts';
import { probed } from '../files/crash-states.ts';
import { fakeProcesses } from '../files/fake-processes.ts';
import { makeCoseReceipt, makeService } from '../formats/make-snapshot-file.ts';
import { codeOf, makeNodeKeyFiles, plant, put, takeSnapshot } from '../helpers/node-host.ts';
import {
  damage,
  livedWith,
  pathOf,
  quarantined,
  remembering,
  snapshotNames,
} from '../helpers/node-snapshots.ts';

const keys = makeNodeKeyFiles();

describe('a snapshot of its own that does not verify', () => {
  test('FIL-13 createNode() sets it aside, starts from the next older one, and says so', async () => {
    const host = await livedWith(keys, 3);
    const [, second = '', third = ''] = await snapshotNames(host);
    await damage(host, third);
    const { messages, logger } = remembering();
    const node = await host.start({ logger });
    expect(node.recovered.snapshot?.file).toBe(second);
    expect(node.recovered.refused).toMatchObject([{ file: third }]);
    expect(await quarantined(host)).toEqual([third]);
    expect(await snapshotNames(host)).not.toContain(third);
    expect(messages).toContain('a snapshot that does not verify was set aside');
  });

  test('FIL-13 createNode() sets all of them aside that are newer than the valid one', async () => {
    const host = await livedWith(keys, 3);
    const [first = '', second = '', third = ''] = await snapshotNames(host);
    await damage(host, second);
    await plant(host.disk, pathOf(third), new Uint8Array());
    const node = await host.start();
    expect(node.recovered.snapshot?.file).toBe(first);
    expect(await quarantined(host)).toEqual([second, third].toSorted());
  });

  test('10.4/17 createNode() then prunes against the good ones alone', async () => {
    const host = await livedWith(keys, 3);
    const [, second = '', third = ''] = await snapshotNames(host);
    await damage(host, third);
    const node = await host.start({ keepSnapshots: 2 });
    await takeSnapshot(node);
    await node.snapshots.untilIdle();
    const [kept, newest] = await snapshotNames(host);
    expect(kept).toBe(second);
    expect(newest).not.toBe(third);
  });

  test('I16 createNode() keeps the newest 16 of more', async () => {
    const host = await livedWith(keys, 1);
    const junk = Array.from({ length: 18 }, (_, i) => `snapshot_${100 + i}_${200 + i}.committed`);
    for (const name of junk) await plant(host.disk, pathOf(name), toUtf8('junk'));
    await host.start();
    expect(await quarantined(host)).toEqual(junk.slice(2));
    expect(await snapshotNames(host)).toHaveLength(1);
  });

  test('createNode() numbers one that comes under the same name', async () => {
    const host = await livedWith(keys, 1);
    const [name = ''] = await snapshotNames(host);
    for (let i = 0; i < 2; i++) {
      await plant(host.disk, pathOf(name), toUtf8('junk'));
      await (await host.open()).close();
    }
    expect(await quarantined(host)).toEqual([name, `${name}.1`]);
  });

  test('createNode() starts though it cannot be moved, and leaves it', async () => {
    const host = await livedWith(keys, 2);
    const [, second = ''] = await snapshotNames(host);
    await damage(host, second);
    host.disk.failNext('rename', 'EIO', { path: (path) => path.endsWith(second) });
    const { messages, logger } = remembering();
    const node = await host.start({ logger });
    expect(messages).toContain('a snapshot could not be set aside');
    expect(await snapshotNames(host)).toContain(second);
    expect(await put(node, 'key', 'value')).toBeGreaterThan(5);
  });

  test('createNode() is refused while another process has the snapshots, and moves nothing', async () => {
    const host = await livedWith(keys, 2);
    const [, second = ''] = await snapshotNames(host);
    await damage(host, second);
    await plant(host.disk, pathOf('lock'), toUtf8('{"pid":7,"start":"b","nonce":"n"}'));
    const processes = fakeProcesses({ 1: 'a', 7: 'b' });
    expect(await codeOf(host.open({ environment: { processes } }))).toBe('LOCKED');
    expect(await snapshotNames(host)).toContain(second);
    expect(await quarantined(host)).toEqual([]);
  });

  test('10.4/17 a power cut while it is set aside costs no other snapshot', async () => {
    const host = await livedWith(keys, 2);
    const [first = '', second = ''] = await snapshotNames(host);
    await damage(host, second);
    const cuts: MemoryFileSystem[] = [];
    const fileSystem = probed(host.disk, async () => {
      for (const survival of ['lost', 'kept'] as const) cuts.push(host.disk.crash(() => survival));
    });
    await (await host.open({ environment: { fileSystem } })).close();
    for (const cut of cuts.filter((_, i) => i % 30 === 0)) {
      const after = host.on(cut);
      const node = await after.open();
      expect(node.recovered.snapshot?.file).toBe(first);
      await node.close();
      expect(await quarantined(after)).toEqual([second]);
    }
  });
});

describe('createNode() leaves where it is', () => {
  test('what cannot be read now', async () => {
    const host = await livedWith(keys, 2);
    const [, second = ''] = await snapshotNames(host);
    host.disk.failNext('read', 'EIO', { path: (path) => path.endsWith(second) });
    const node = await host.start();
    expect(node.recovered.refused).toMatchObject([{ file: second, code: 'READ_FAILED' }]);
    expect(host.disk.faultsPending).toBe(0);
    expect(await snapshotNames(host)).toContain(second);
  });

  test('what was put right meanwhile', async () => {
    const host = await livedWith(keys, 2);
    const [, second = ''] = await snapshotNames(host);
    host.disk.failNext('read', 'EIO', { path: (path) => path.endsWith(second) });
    await host.start();
    expect(await snapshotNames(host)).toContain(second);
  });

  test('another service’s snapshot: it is good, elsewhere', async () => {
    const host = await livedWith(keys, 1);
    const stranger = await livedWith(makeNodeKeyFiles(), 3);
    const [, , newest = ''] = await snapshotNames(stranger);
    const bytes = (await stranger.snapshotFiles()).get(newest) ?? new Uint8Array();
    await plant(host.disk, pathOf(newest), bytes);
    const node = await host.start();
    expect(node.recovered.refused).toMatchObject([{ file: newest }]);
    expect(await snapshotNames(host)).toContain(newest);
    expect(await quarantined(host)).toEqual([]);
  });

  test('a link, a directory, and a snapshot of CCF 1.x', async () => {
    const host = await livedWith(keys, 1);
    host.disk.addSpecial(pathOf('snapshot_900_901.committed'), 'symlink');
    await host.disk.makeDirectory(pathOf('snapshot_901_902.committed'));
    const [bytes = new Uint8Array()] = [...(await host.snapshotFiles()).values()];
    await plant(host.disk, pathOf('snapshot_902_903.committed_904'), bytes);
    const node = await host.start();
    expect(node.recovered.refused).toHaveLength(3);
    const names = (await host.disk.list('/node/snapshots')).map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'snapshot_900_901.committed',
        'snapshot_901_902.committed',
        'snapshot_902_903.committed_904',
      ]),
    );
    expect(await quarantined(host)).toEqual([]);
  });

  test('one that names no identity: nobody can judge it', async () => {
    const host = await livedWith(keys, 1);
    const entry = encodeSnapshot(
      {
        seqno: seqno(10),
        maxConflictVersion: 0,
        leaf: new Uint8Array(32),
        viewHistory: [1, 1],
        publicMaps: [],
        privateMaps: [],
      },
      new Uint8Array(32),
    );
    const receipt = await makeCoseReceipt(makeService('nameless'), sha256(entry));
    const nameless = 'snapshot_10_12.committed';
    await plant(host.disk, pathOf(nameless), concatBytes([entry, receipt]));
    const node = await host.start();
    expect(node.recovered.refused).toMatchObject([{ file: nameless, code: 'UNTRUSTED_SERVICE' }]);
    expect(await snapshotNames(host)).toContain(nameless);
  });

  test('everything, when it does not start', async () => {
    const host = await livedWith(keys, 2);
    const [, second = ''] = await snapshotNames(host);
    await damage(host, second);
    await host.disk.remove('/node/keys/service_key.pem');
    expect(await codeOf(host.open())).toBe('NOT_FOUND');
    expect(await snapshotNames(host)).toContain(second);
  });
});

test('FIL-13 recover() never alters a file, though snapshots do not verify', async () => {
  const host = await livedWith(keys, 3);
  const [, second = '', third = ''] = await snapshotNames(host);
  await damage(host, second);
  await damage(host, third);
  const from = host.disk.journal.length;
  const recovered = await recover({
    ledger: '/node/ledger',
    snapshots: '/node/snapshots',
    environment: { fileSystem: host.disk },
  });
  expect(recovered.refused).toHaveLength(2);
  const operations = host.disk.journal.slice(from).map(({ operation }) => operation);
  const reading = ['open', 'read', 'size', 'close', 'list', 'stat'];
  expect(operations.filter((operation) => !reading.includes(operation))).toEqual([]);
});
