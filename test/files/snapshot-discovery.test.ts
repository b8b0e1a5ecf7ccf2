import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import { type FoundSnapshot, findSnapshots } from '../../src/files/snapshot-directory.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';

/** Finds in a directory with files of these names, all with a byte but the empty ones. */
async function found(
  names: readonly string[],
  empty: readonly string[] = [],
): Promise<readonly FoundSnapshot[]> {
  const fileSystem = new MemoryFileSystem();
  await fileSystem.makeDirectory('/s');
  for (const name of [...names, ...empty]) {
    const handle = await fileSystem.open(`/s/${name}`, { for: 'create' });
    if (!empty.includes(name)) await handle.write(toUtf8('x'), 0);
    await handle.close();
  }
  return findSnapshots('/s', fileSystem);
}

const namesOf = (snapshots: readonly FoundSnapshot[]) => snapshots.map(({ file }) => file);

const usable = (snapshots: readonly FoundSnapshot[]) =>
  namesOf(snapshots.filter(({ ignored }) => ignored === undefined));

const good = ['snapshot_20_21.committed', 'snapshot_9_10.committed'];

describe('FIL-1 a committed snapshot is named so from the first letter to the last', () => {
  test.each([
    'snapshots_30_31.committed',
    'snapshot_30_31.committed.bak',
    'snapshot_30_31.committed.1',
    'snapshot_30.committed_31',
    'snapshot_30_31_x.committed',
    'my_snapshot_30_31.committed',
    'snapshot_30_31.committed~',
    '.snapshot_30_31.committed',
  ])('FIL-1 %s is none, though it begins or contains what CCF looks for', async (name) => {
    const listed = await found([...good, name]);
    expect(usable(listed)).toEqual(good);
    expect(listed).toContainEqual({ file: name, bytes: 1, committed: false, ignored: 'BAD_NAME' });
  });
});

describe('FIL-2 seqno and evidence', () => {
  test('FIL-2 are the numbers between the underscores, up to the suffix', async () => {
    const [newest] = await found(['snapshot_30_41.committed']);
    expect(newest).toMatchObject({ seqno: 30, evidenceSeqno: 41, committed: true });
  });

  test('FIL-2 are read from a name of CCF 1.x too, whose third number is neither', async () => {
    const [newest] = await found(['snapshot_30_41.committed_50']);
    expect(newest).toMatchObject({ seqno: 30, evidenceSeqno: 41, committed: true });
  });

  test('FIL-2 are read from a name that is not committed', async () => {
    const [newest] = await found(['snapshot_30_41']);
    expect(newest).toMatchObject({ seqno: 30, committed: false, ignored: 'UNCOMMITTED' });
  });
});

/** Where CCF's own reader of names throws. */
const ccfThrowsOn = [
  'snapshot',
  'snapshot.committed',
  'snapshot_foo_1.committed',
  'snapshot_1_foo.committed',
  'snapshot_.committed',
  'snapshot__.committed',
  'snapshot_1_.committed',
  'snapshot__1.committed',
  'snapshot_1.committed',
  'snapshot_1x_2.committed',
  'snapshot_1_2x.committed',
  'snapshot_99999999999999999999_999999999999999999999.committed',
];

describe('FIL-3 FIL-4 a name that CCF cannot parse', () => {
  test.each(ccfThrowsOn)('FIL-3 FIL-4 %s is told as BAD_NAME, and hides nothing', async (name) => {
    const listed = await found([...good, name]);
    expect(usable(listed)).toEqual(good);
    expect(listed.find(({ file }) => file === name)?.ignored).toBe('BAD_NAME');
  });

  test('FIL-4 nor do all of them together', async () => {
    expect(usable(await found([...ccfThrowsOn, ...good]))).toEqual(good);
  });

  const anyName = fc.oneof(
    fc.string({ minLength: 1, maxLength: 40, unit: 'binary' }),
    fc.stringMatching(/^snapshot_?[0-9a-z.+-]{0,12}_?[0-9]{0,20}(\.committed)?[_.0-9]{0,4}$/),
    fc.constantFrom('__proto__', 'constructor', 'toString', 'quarantine', 'lock', 'lock.0'),
  );

  test('FIL-4 no set of names makes the listing throw, lose a name, or lose its order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(anyName, { maxLength: 12 }), async (drawn) => {
        const odd = drawn.filter((name) => !/[/\0\p{Surrogate}]|^\.{1,2}$/u.test(name));
        const all = [...new Set([...odd, ...good])];
        const listed = await found(all);
        expect(namesOf(listed).toSorted()).toEqual(all.toSorted());
        expect(usable(listed)).toEqual(expect.arrayContaining(good));
        const seqnos = listed.map(({ seqno }) => seqno ?? 0);
        expect(seqnos).toEqual(seqnos.toSorted((a, b) => b - a));
      }),
      { numRuns: 300 },
    );
  });

  test('FIL-4 nor does a name on a real disk that is not UTF-8', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'discovery-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    for (const name of good) writeFileSync(join(directory, name), 'x');
    const bytes = Buffer.from('/snapshot_30_31.committed\xff', 'latin1');
    writeFileSync(Buffer.concat([Buffer.from(directory), bytes]), 'x');
    expect(usable(await findSnapshots(directory))).toEqual(good);
  });
});

describe('FIL-10 what may be taken', () => {
  test('FIL-10 comes newest first, by numbers and not by letters', async () => {
    const names = ['snapshot_9_10.committed', 'snapshot_100_101.committed'];
    const listed = await found([...names, 'snapshot_20_21.committed']);
    expect(listed.map(({ seqno }) => seqno)).toEqual([100, 20, 9]);
  });

  test('FIL-10 of one seqno the later evidence comes first, whatever the directory says', async () => {
    const [early, late] = ['snapshot_20_21.committed', 'snapshot_20_105.committed'];
    expect(namesOf(await found([early, late]))).toEqual([late, early]);
    expect(namesOf(await found([late, early]))).toEqual([late, early]);
  });

  test('FIL-10 leaves out empty and uncommitted files, and says so', async () => {
    const listed = await found([...good, 'snapshot_30_31'], ['snapshot_40_41.committed']);
    expect(usable(listed)).toEqual(good);
    expect(listed.flatMap(({ ignored }) => ignored ?? [])).toEqual(['EMPTY_FILE', 'UNCOMMITTED']);
  });
});

test('FIL-11 the latest is the first, and the same however the files came there', async () => {
  const names = [3, 1, 2, 10, 7].map((at) => `snapshot_${at}_${at + 1}.committed`);
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray(names, { minLength: names.length }), async (shuffled) => {
      expect(usable(await found(shuffled))[0]).toBe('snapshot_10_11.committed');
    }),
    { numRuns: 20 },
  );
});

test('FIL-12 only the directory itself is searched, nothing below it', async () => {
  const fileSystem = new MemoryFileSystem();
  for (const directory of ['/s', '/s/quarantine', '/s/old']) {
    await fileSystem.makeDirectory(directory);
    const handle = await fileSystem.open(`${directory}/snapshot_${directory.length}_99.committed`, {
      for: 'create',
    });
    await handle.write(toUtf8('x'), 0);
    await handle.close();
  }
  expect(usable(await findSnapshots('/s', fileSystem))).toEqual(['snapshot_2_99.committed']);
});
