import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../src/core/bytes.ts';
import { seqno } from '../../src/core/words.ts';
import { encodeTable } from '../../src/formats/entries/ledger-chunk.ts';
import type { RecoveredLedger } from '../../src/recovery/report.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { type Files, ledgerFiles, splitLast } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { SeededRandomness } from '../helpers/make-random.ts';
import { change } from '../helpers/make-tables.ts';
import { madeState, recoverMade, stateOf } from '../helpers/recover-made.ts';
import { replayMade } from '../helpers/replay-made.ts';

const members = makeMembers(1);

// The last open chunk has entries 4 to 11: a transaction, the signature at 5, another transaction, the
// evidence of the snapshot of 3, the signature at 8, and three transactions that no signature covers.
const ledger = await MadeLedger.opened({ seed: 'torn tail', members });
const version = await ledger.signature({ node: false });
ledger.transaction([change('app', { k: 'v' })]);
await ledger.signature({ node: false });
ledger.transaction([change('public:app', { k: 'v' })]);
ledger.vouch(version);
const signedAt = await ledger.signature({ node: false });
ledger.transaction([change('app', { k: 'x' })]);
ledger.transaction([change('public:app', { k: 'y' })]);
ledger.transaction([change('app', {}, ['k'])]);

const { files: snapshots } = await replayMade(ledger);
const files = ledgerFiles(ledger, { chunkEnds: [version], last: 'open' });
const { name, bytes, others } = splitLast(files);
const withLast = (last: Uint8Array): Files => new Map([...others, [name, last]]);

/** Where an entry begins in the last chunk; of the one after the last, the end. */
const offsetOf = (at: number): number =>
  ledger.entries.slice(version, at - 1).reduce((end, entry) => end + entry.bytes.length, 8);
const seqnoAt = (offset: number): number => {
  const next = ledger.entries.findIndex(
    (entry) => entry.seqno > version && offsetOf(entry.seqno + 1) > offset,
  );
  return next + 1;
};
const states = new Map(
  ledger.entries.map((entry) => [entry.seqno, madeState(ledger, entry.seqno)]),
);
const roots = new Map<number, string>();

const flip = (offset: number, mask = 1): Uint8Array => {
  const flipped = bytes.slice();
  flipped[offset] = (flipped[offset] ?? 0) ^ mask;
  return flipped;
};

const recoverLast = (last: Uint8Array, memberKeys?: readonly []) =>
  recoverMade(ledger, { files: withLast(last), snapshots, ...(memberKeys && { memberKeys }) });

/** The recovered state is that of the ledger up to and with `last`, by rules of its own. */
async function expectState(recovered: RecoveredLedger, last: number): Promise<void> {
  expect(recovered.seqno).toBe(last);
  expect(stateOf(recovered.store.tables.values())).toStrictEqual(states.get(seqno(last)));
  const root = roots.get(last) ?? (await wholeRoot(last));
  roots.set(last, root);
  expect(recovered.root).toBe(root);
}

async function wholeRoot(last: number): Promise<string> {
  const whole = ledgerFiles({ entries: ledger.entries.slice(0, last) }, { last: 'open' });
  return (await recoverMade(ledger, { files: whole })).root;
}

/** What was torn, from the entry behind `last` on, and where a writer goes on. */
function expectTorn({ torn, end }: RecoveredLedger, last: number, size: number): void {
  const offset = offsetOf(last + 1);
  expect(torn).toStrictEqual({
    file: name,
    offset,
    bytes: size - offset,
    reason: expect.any(String),
  });
  expect(end.open).toMatchObject({ file: name, first: version + 1, size: offset });
  expect(end).toMatchObject({ last, completed: [] });
  expect(end.open?.positions).toHaveLength(last - version);
}

const range = (from: number, to: number, step = 1): number[] =>
  Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, i) => from + i * step);

test('the whole file has no torn tail', async () => {
  const recovered = await recoverLast(bytes);
  expect(recovered).toMatchObject({ torn: undefined, verifiedUntil: signedAt });
  await expectState(recovered, 11);
});

describe('a crash', () => {
  test('cuts at any byte of the last three entries: the whole ones are kept', async () => {
    for (const size of range(offsetOf(9), bytes.length)) {
      const recovered = await recoverLast(bytes.subarray(0, size));
      const last = seqnoAt(size) - 1;
      await expectState(recovered, last);
      if (size === offsetOf(last + 1)) expect(recovered.torn).toBeUndefined();
      else expectTorn(recovered, last, size);
    }
  });

  test('cuts in the signature: what it covered is kept', async () => {
    for (const size of [offsetOf(8) + 1, offsetOf(8) + 100, offsetOf(9) - 1]) {
      const recovered = await recoverLast(bytes.subarray(0, size));
      await expectState(recovered, 7);
      expect(recovered.verifiedUntil).toBe(5);
      expectTorn(recovered, 7, size);
    }
  });

  test('leaves zeros from anywhere in the last three entries on', async () => {
    for (const from of range(offsetOf(9), bytes.length, 5)) {
      const last = concatBytes([bytes.subarray(0, from), new Uint8Array(bytes.length - from)]);
      const whole = seqnoAt(from) - (isSame(last, seqnoAt(from)) ? 0 : 1);
      const recovered = await recoverLast(last);
      await expectState(recovered, whole);
      if (whole < 11) expectTorn(recovered, whole, bytes.length);
    }
  });

  test.each([1, 8, 61, 4096, 100_000])('leaves %i zeros behind the last entry', async (count) => {
    const size = bytes.length + count;
    const recovered = await recoverLast(concatBytes([bytes, new Uint8Array(count)]));
    await expectState(recovered, 11);
    expectTorn(recovered, 11, size);
  });

  test.each([1, 8, 61, 4096, 100_000])('leaves %i bytes of garbage', async (count) => {
    const garbage = new SeededRandomness(`garbage ${count}`).bytes(count);
    const recovered = await recoverLast(concatBytes([bytes, garbage]));
    await expectState(recovered, 11);
    expectTorn(recovered, 11, bytes.length + count);
  });

  test('leaves garbage from any of the last three entries on', async () => {
    for (const last of [8, 9, 10]) {
      const from = offsetOf(last + 1);
      const garbage = new SeededRandomness(`from ${from}`).bytes(bytes.length - from);
      const recovered = await recoverLast(concatBytes([bytes.subarray(0, from), garbage]));
      await expectState(recovered, last);
      expectTorn(recovered, last, bytes.length);
    }
  });

  test('leaves the middle entry of the tail as zeros, and the last one whole', async () => {
    const last = bytes.slice().fill(0, offsetOf(10), offsetOf(11));
    const recovered = await recoverLast(last);
    await expectState(recovered, 9);
    expectTorn(recovered, 9, bytes.length);
  });

  test('leaves the table of a chunk whose header does not name it, or the begin of one', async () => {
    const table = encodeTable(range(4, 12).map((at) => offsetOf(at)));
    for (const length of range(1, table.length + 1, 3)) {
      const recovered = await recoverLast(concatBytes([bytes, table.subarray(0, length)]));
      await expectState(recovered, 11);
      expectTorn(recovered, 11, bytes.length + length);
    }
  });

  test.each([0, 3, 8, 50])('leaves a new chunk of %i zeros', async (length) => {
    const next = `ledger_${ledger.next}`;
    const complete = ledgerFiles(ledger, { chunkEnds: [version], last: 'complete' });
    const recovered = await recoverMade(ledger, {
      files: complete.set(next, new Uint8Array(length)),
    });
    await expectState(recovered, 11);
    const at = length < 8 ? 0 : 8;
    const torn = { file: next, offset: at, bytes: length - at, reason: expect.any(String) };
    expect(recovered.torn).toStrictEqual(length === at ? undefined : torn);
    expect(recovered.end).toStrictEqual({
      last: 11,
      open: { file: next, first: 12, positions: [], size: 8 },
      completed: [{ file: name, first: 4, last: 11 }],
    });
  });
});

/** Zeros where zeros were: the entry is as it was. */
function isSame(last: Uint8Array, at: number): boolean {
  const [from, to] = [offsetOf(at), offsetOf(at + 1)];
  return Buffer.compare(bytes.subarray(from, to), last.subarray(from, to)) === 0;
}

/** The two known flags: the tag does not cover them, only the next signature does. */
const isKnownFlag = (offset: number, mask: number): boolean =>
  offset === offsetOf(seqnoAt(offset)) + 1 && (mask & 3) !== 0;

describe('a flipped bit', () => {
  test('in any byte that no signature covers: that entry and those behind it are torn', async () => {
    for (const offset of range(offsetOf(9), bytes.length)) {
      const mask = 1 << (offset % 8);
      if (isKnownFlag(offset, mask)) continue;
      const last = seqnoAt(offset) - 1;
      const recovered = await recoverLast(flip(offset, mask));
      await expectState(recovered, last);
      expectTorn(recovered, last, bytes.length);
    }
  });

  test('in an entry that a signature behind it covers: damage, with its place', async () => {
    for (const [at, step] of [
      [6, 1],
      [7, 11],
    ] as const) {
      for (const offset of range(offsetOf(at), offsetOf(at + 1), step)) {
        const mask = 1 << (offset % 8);
        const isFlag = isKnownFlag(offset, mask);
        const place = isFlag ? signedAt : at;
        await expect(recoverLast(flip(offset, mask))).rejects.toMatchObject({
          name: expect.stringMatching(/^(?:Format|Verification)Error$/),
          file: name,
          offset: offsetOf(place),
          seqno: place,
        });
      }
    }
  });

  test('in the body of the last signature: it is torn, with all behind it', async () => {
    for (const offset of range(offsetOf(8) + 8, offsetOf(9), 13)) {
      const recovered = await recoverLast(flip(offset));
      await expectState(recovered, 7);
      expect(recovered.verifiedUntil).toBe(5);
      expectTorn(recovered, 7, bytes.length);
    }
  });

  test('in the header of the last signature, whose body is whole: damage', async () => {
    for (const offset of range(offsetOf(8), offsetOf(8) + 8)) {
      await expect(recoverLast(flip(offset, 4))).rejects.toMatchObject({
        file: name,
        offset: offsetOf(8),
        seqno: 8,
      });
    }
  });

  test('in the chunk’s own header: what is no open chunk is read strictly', async () => {
    for (const offset of range(0, 8)) {
      await expect(recoverLast(flip(offset, 64))).rejects.toMatchObject({
        name: expect.stringMatching(/^(?:Format|Verification)Error$/),
        file: name,
      });
    }
  });

  test('in a chunk that is committed, at its last entry: damage', async () => {
    const committed = ledgerFiles(ledger, { chunkEnds: [version], last: 'committed' });
    const last = splitLast(committed);
    const broken = last.bytes.slice();
    broken[offsetOf(12) - 1] = (broken[offsetOf(12) - 1] ?? 0) ^ 1;
    const recovering = recoverMade(ledger, {
      files: new Map([...last.others, [last.name, broken]]),
      snapshots,
    });
    await expect(recovering).rejects.toMatchObject({ code: 'GCM_TAG_MISMATCH', seqno: 11 });
  });
});

describe('where a signature lies behind it', () => {
  test.each([
    ['zeros instead of an entry', (last: Uint8Array) => last.fill(0, offsetOf(7), offsetOf(8))],
    ['an entry cut out, and the rest moved up', (last: Uint8Array) => without(last, 7)],
    [
      'a size that swallows all the rest',
      (last: Uint8Array) => last.fill(0xff, offsetOf(7) + 2, offsetOf(7) + 5),
    ],
    [
      'a size that ends within the entry',
      (last: Uint8Array) => last.fill(40, offsetOf(7) + 2, offsetOf(7) + 3),
    ],
    [
      'garbage over several entries',
      (last: Uint8Array) => {
        last.set(new SeededRandomness('g').bytes(offsetOf(8) - offsetOf(6)), offsetOf(6));
        return last;
      },
    ],
  ])('%s is damage', async (_, change) => {
    await expect(recoverLast(change(bytes.slice()))).rejects.toMatchObject({
      file: name,
      message: expect.stringContaining('the signature of seqno 8 lies beyond it'),
    });
  });

  test('strict replay refuses what recover forgives', async () => {
    const last = flip(offsetOf(10) + 60);
    const { report } = await replayMade(ledger, { files: withLast(last) });
    expect(report.failure).toMatchObject({ code: expect.any(String) });
  });
});

function without(last: Uint8Array, at: number): Uint8Array {
  return concatBytes([last.subarray(0, offsetOf(at)), last.subarray(offsetOf(at + 1))]);
}

describe('below a snapshot that is beyond the end of the ledger', () => {
  const beyond = new Map([...snapshots]);

  test('a cut entry is no more than a ledger that ends there', async () => {
    const first = ledger.entries.slice(0, 2);
    const short = splitLast(ledgerFiles({ entries: first }, { last: 'open' }));
    const cut = new Map([[short.name, short.bytes.subarray(0, -3)]]);
    const recovered = await recoverMade(ledger, { files: cut, snapshots: beyond });
    expect(recovered).toMatchObject({ seqno: version, torn: { file: 'ledger_1' } });
    expect(recovered.end.last).toBe(1);
  });

  test('anything else is damage: the entry was there when the snapshot was signed', async () => {
    const first = ledger.entries.slice(0, 1);
    const short = splitLast(ledgerFiles({ entries: first }, { last: 'open' }));
    const torn = new Map([[short.name, concatBytes([short.bytes, new Uint8Array(100)])]]);
    await expect(recoverMade(ledger, { files: torn, snapshots: beyond })).rejects.toMatchObject({
      file: 'ledger_1',
      seqno: 2,
    });
  });
});

describe('without the ledger secret', () => {
  test('zeros and garbage are torn all the same', async () => {
    for (const count of [1, 8, 4096]) {
      const recovered = await recoverLast(concatBytes([bytes, new Uint8Array(count)]), []);
      expect(recovered).toMatchObject({ seqno: 11, torn: { bytes: count }, isComplete: false });
    }
  });

  test('what has the shape of a signature behind a flaw is taken for one', async () => {
    const last = flip(offsetOf(9) - 40);
    last[offsetOf(7)] = 0;
    await expect(recoverLast(last, [])).rejects.toMatchObject({ code: 'BAD_VERSION', seqno: 7 });
  });

  test('a signature with a flipped bit is never torn', async () => {
    await expect(recoverLast(flip(offsetOf(9) - 40), [])).rejects.toMatchObject({ seqno: 8 });
  });
});
