import { beforeAll, describe, expect, test } from 'vitest';
import { assert } from '../../src/core/errors.ts';
import { chunkName, encodeChunk } from '../../src/formats/entries/ledger-chunk.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import type { Files } from '../helpers/make-ledger-files.ts';
import { ledgerFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import type { MadeEntry } from '../helpers/make-snapshots.ts';
import { change } from '../helpers/make-tables.ts';
import { expectIdentical, replayMade } from '../helpers/replay-made.ts';

let ledger: MadeLedger;
/** The same but for the last two entries, which a node wrote that lost its view. */
let stale: { readonly entries: readonly MadeEntry[] };

async function makeLedger(seed: string, view: number): Promise<MadeLedger> {
  const made = await MadeLedger.opened({ seed, members: makeMembers(1) });
  for (let round = 0; made.entries.length < 24; round++) {
    made.transaction([change('public:app', { round: `${round}` })]);
    if (round % 2 === 0) made.vouch(await made.signature());
    else await made.signature();
  }
  made.changeView(view);
  made.transaction([change('public:app', { 'later view': `${view}` })]);
  await made.signature();
  return made;
}

beforeAll(async () => {
  ledger = await makeLedger('copies', 9);
  const other = await makeLedger('copies', 5);
  stale = { entries: [...ledger.entries.slice(0, -2), ...other.entries.slice(-2)] };
});

const last = () => ledger.entries.length;

/** Chunks of one ledger, each from its first to its last seqno, under the name of its kind. */
function chunks(
  ranges: readonly (readonly [first: number, last: number, kind?: 'open' | 'complete'])[],
  { entries }: { readonly entries: readonly MadeEntry[] } = ledger,
): Map<string, Uint8Array> {
  return new Map(
    ranges.map(([first, end, kind]) => {
      const bytes = entries.slice(first - 1, end).map((entry) => entry.bytes);
      const [from, to] = [entries[first - 1]?.seqno, entries[end - 1]?.seqno];
      assert(from !== undefined && to !== undefined, 'the ledger has these');
      const name = kind === undefined ? chunkName(from, to, true) : chunkName(from);
      return [name, encodeChunk(bytes, { complete: kind !== 'open' })] as const;
    }),
  );
}

const joined = (...sets: readonly Files[]): Files => new Map(sets.flatMap((set) => [...set]));

function edited(files: Files, name: string, edit: (bytes: Uint8Array) => Uint8Array): Files {
  const bytes = files.get(name);
  assert(bytes !== undefined, `${name} is there`);
  return new Map([...files, [name, edit(bytes.slice())]]);
}

const flipped = (at: number) => (bytes: Uint8Array) => {
  const i = at < 0 ? bytes.length + at : at;
  bytes[i] = (bytes[i] ?? 0) ^ 1;
  return bytes;
};

describe('chunks of two nodes with other boundaries', () => {
  test('in one directory, one set without its end, give every snapshot as before', async () => {
    const files = joined(
      chunks([
        [1, 10],
        [11, 20],
        [21, last()],
      ]),
      chunks([
        [1, 6],
        [7, 17],
      ]),
    );
    const replay = await replayMade(ledger, { files });
    await expectIdentical(ledger, replay);
    expect(replay.report.passedOver).toEqual([
      { file: 'ledger_1-6.committed', directory: '/ledger', reason: 'SUPERSEDED' },
      { file: 'ledger_7-17.committed', directory: '/ledger', reason: 'OVERLAP' },
    ]);
    expect(replay.report.overlaps.map(({ file, first, last: end }) => [file, first, end])).toEqual([
      ['ledger_1-6.committed', 1, 6],
      ['ledger_7-17.committed', 7, 10],
      ['ledger_7-17.committed', 11, 17],
    ]);
    expect(replay.report.checked).toMatchObject({ entries: last(), copies: 17, notVerified: 0 });
  });

  test('in two directories', async () => {
    const files = chunks([[11, 20]]);
    const readOnly = [
      chunks([[1, 13]]),
      chunks([
        [18, last()],
        [11, 20],
      ]),
    ];
    const replay = await replayMade(ledger, { files, readOnly });
    await expectIdentical(ledger, replay);
    expect(
      replay.report.overlaps.map(({ with: { file }, first, last: end }) => [file, first, end]),
    ).toEqual([
      ['ledger_1-13.committed', 11, 13],
      ['ledger_1-13.committed', 11, 13],
      ['ledger_11-20.committed', 18, 20],
      ['ledger_11-20.committed', 14, 20],
    ]);
    expect(replay.report.passedOver).toEqual([
      { file: 'ledger_11-20.committed', directory: '/ro1', reason: 'COPY' },
    ]);
  });

  test.each([
    [
      'the longest first leads astray',
      [
        [1, 10],
        [5, 22],
        [11, 20],
        [21, 26],
      ],
    ],
    [
      'a long chunk swallows short ones',
      [
        [1, 4],
        [5, 8],
        [9, 12],
        [1, 22],
        [23, 26],
      ],
    ],
    [
      'each overlaps the next',
      [
        [1, 9],
        [6, 15],
        [12, 21],
        [19, 26],
      ],
    ],
    [
      'several ways of the same reach',
      [
        [1, 13],
        [5, 13],
        [14, 26],
        [10, 26],
      ],
    ],
  ] as const)('a cover is found where %s', async (_, ranges) => {
    const cover = ranges.map(([first, end]) => [first, Math.min(end, last())] as const);
    const replay = await replayMade(ledger, { files: chunks(cover) });
    await expectIdentical(ledger, replay);
    expect(replay.report.overlaps.length).toBeGreaterThan(0);
  });

  test.each([
    ['a byte of an entry', 'ledger_7-17.committed', 60],
    ['a size in an entry’s header', 'ledger_7-17.committed', 8 + 3],
    ['a byte of the table', 'ledger_7-17.committed', -2],
    ['the offset of the table', 'ledger_7-17.committed', 1],
    ['a byte of an entry of the file that is read', 'ledger_1-10.committed', 60],
    ['a size in the file that is read', 'ledger_1-10.committed', 8 + 3],
    ['the table of the file that is read', 'ledger_1-10.committed', -2],
  ])('one bit changed in %s is refused with the seqno and both files', async (_, name, at) => {
    const files = joined(
      chunks([
        [1, 10],
        [11, last()],
      ]),
      chunks([
        [1, 6],
        [7, 17],
      ]),
    );
    const { report } = await replayMade(ledger, { files: edited(files, name, flipped(at)) });
    expect(report.failure).toMatchObject({
      code: 'LEDGER_COPIES_DIFFER',
      seqno: expect.any(Number),
      message: expect.stringMatching(/seqno \d+ .*\/ledger\/ledger_\S+ .*\/ledger\/ledger_/),
    });
    expect(report.failure?.message).toContain(name);
  });

  test('a copy that is cut off is told, and the rest of it compared', async () => {
    const files = joined(
      chunks([
        [1, 10],
        [11, last()],
      ]),
      chunks([[7, 17]]),
    );
    const cut = edited(files, 'ledger_7-17.committed', (bytes) => bytes.subarray(0, 2000));
    const replay = await replayMade(ledger, { files: cut });
    await expectIdentical(ledger, replay);
    expect(replay.report.passedOver).toMatchObject([{ reason: 'TRUNCATED' }]);
    expect(replay.report.overlaps.some(({ cutFrom }) => cutFrom !== undefined)).toBe(true);
    const changed = edited(cut, 'ledger_7-17.committed', flipped(60));
    const { report } = await replayMade(ledger, { files: changed });
    expect(report.failure).toMatchObject({ code: 'LEDGER_COPIES_DIFFER', seqno: 7 });
  });

  test('a chunk that alone holds its entries is refused when it is cut off', async () => {
    const files = chunks([
      [1, 10],
      [8, last()],
    ]);
    const cut = edited(files, 'ledger_1-10.committed', (bytes) => bytes.subarray(0, 1500));
    const { report } = await replayMade(ledger, { files: cut });
    expect(report.failure).toMatchObject({
      code: 'BAD_OFFSET_TABLE',
      file: 'ledger_1-10.committed',
    });
  });

  test('of a chunk that is cut off the beginning counts where another goes on', async () => {
    const files = chunks([
      [1, 12],
      [8, last()],
    ]);
    const whole = files.get('ledger_1-12.committed')?.length ?? 0;
    const cut = edited(files, 'ledger_1-12.committed', (bytes) => bytes.subarray(0, whole - 60));
    const replay = await replayMade(ledger, { files: cut });
    await expectIdentical(ledger, replay);
    const alone = new Map([...cut].filter(([name]) => name === 'ledger_1-12.committed'));
    const { report } = await replayMade(ledger, { files: alone });
    expect(report.failure?.code).toBe('BAD_OFFSET_TABLE');
  });
});

describe('uncommitted chunks beside others', () => {
  test('an open chunk that lies within committed ones is compared', async () => {
    const files = joined(
      chunks([
        [1, 20],
        [21, last()],
      ]),
      chunks([[15, 22, 'open']]),
    );
    const replay = await replayMade(ledger, { files });
    await expectIdentical(ledger, replay);
    expect(replay.report.overlaps.map(({ first, last: end }) => [first, end])).toEqual([
      [15, 20],
      [21, 22],
    ]);
  });

  test('an open chunk that begins in a committed one goes on behind it', async () => {
    const files = joined(
      chunks([[1, 20]]),
      chunks([[15, last(), 'open']]),
      chunks([[18, 19, 'complete']]),
    );
    const replay = await replayMade(ledger, { files });
    await expectIdentical(ledger, replay);
  });

  test('one that a view change overtook is told of and left out', async () => {
    const files = joined(
      chunks([
        [1, 20],
        [21, last()],
      ]),
      chunks([[22, last(), 'open']], stale),
    );
    const replay = await replayMade(ledger, { files });
    await expectIdentical(ledger, replay);
    expect(replay.report.overlaps).toMatchObject([
      { first: 22, last: last() - 2, differsFrom: last() - 1 },
    ]);
  });

  test('of two tails the one of the later view is read', async () => {
    const files = joined(
      chunks([[1, 20]]),
      chunks([[21, last(), 'open']], stale),
      chunks([[19, last(), 'open']]),
    );
    const replay = await replayMade(ledger, { files });
    await expectIdentical(ledger, replay);
    expect(replay.report.overlaps.at(-1)).toMatchObject({ differsFrom: last() - 1 });
  });

  test('another entry of the same view is a contradiction', async () => {
    const files = joined(
      chunks([
        [1, 20],
        [21, last()],
      ]),
      chunks([[15, 22, 'open']]),
    );
    const { report } = await replayMade(ledger, { files: edited(files, 'ledger_15', flipped(60)) });
    expect(report.failure).toMatchObject({ code: 'LEDGER_COPIES_DIFFER', seqno: 15 });
  });

  test('what a later view wrote is a contradiction where it is said to be committed', async () => {
    const files = joined(
      chunks([
        [1, 20],
        [21, last()],
      ]),
      chunks([[22, last() - 1]], stale),
    );
    const { report } = await replayMade(ledger, { files });
    expect(report.failure).toMatchObject({ code: 'LEDGER_COPIES_DIFFER', seqno: last() - 1 });
  });
});

describe('a .committed_prefix file', () => {
  const prefixes = (end: number) => {
    const [bytes = new Uint8Array()] = chunks([[21, end]]).values();
    const open = chunks([[21, end, 'open']]).get('ledger_21') ?? new Uint8Array();
    const zeroed = bytes.slice();
    zeroed.fill(0, 0, 8);
    return { whole: bytes, open, zeroed, partial: bytes.subarray(0, -3) };
  };

  test.each(['whole', 'open', 'zeroed', 'partial'] as const)(
    'is read as the tail, %s',
    async (form) => {
      for (const name of [`ledger_21-${last()}.committed_prefix`, 'ledger_21.committed_prefix']) {
        const files = joined(chunks([[1, 20]]), new Map([[name, prefixes(last())[form]]]));
        await expectIdentical(ledger, await replayMade(ledger, { files }));
      }
    },
  );

  test('is read beside its open chunk, which goes on, and must be the same', async () => {
    const files = joined(
      chunks([
        [1, 20],
        [21, last(), 'open'],
      ]),
      new Map([['ledger_21-24.committed_prefix', prefixes(24).whole]]),
    );
    await expectIdentical(ledger, await replayMade(ledger, { files }));
    const changed = edited(files, 'ledger_21', flipped(60));
    const { report } = await replayMade(ledger, { files: changed });
    expect(report.failure).toMatchObject({ code: 'LEDGER_COPIES_DIFFER', seqno: 21 });
  });

  test('is refused when it is shorter than its name says', async () => {
    const files = joined(
      chunks([[1, 20]]),
      new Map([[`ledger_21-${last()}.committed_prefix`, prefixes(24).whole]]),
    );
    const { report } = await replayMade(ledger, { files });
    expect(report.failure?.code).toBe('BAD_OFFSET_TABLE');
  });
});

test('a ledger without overlaps has none, and reads no file twice', async () => {
  const { report } = await replayMade(ledger, { files: ledgerFiles(ledger) });
  expect(report).toMatchObject({ overlaps: [], gaps: [], level: 'full' });
});
