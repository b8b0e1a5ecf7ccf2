import { describe, expect, test } from 'vitest';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { type Files, ledgerFiles, splitLast } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change } from '../helpers/make-tables.ts';
import { expectIdentical, replayMade } from '../helpers/replay-made.ts';

const members = makeMembers(1);

/** Evidence in a last chunk that is still open, and a small signature behind it. */
async function makeSmall(): Promise<MadeLedger> {
  const ledger = new MadeLedger({ seed: 'torn', members });
  ledger.transaction([change('app', { k: 'v' })]);
  const version = await ledger.signature({ node: false });
  ledger.transaction([change('app', { k: 'w' })]);
  ledger.vouch(version);
  await ledger.signature({ node: false });
  return ledger;
}

const openLast = { last: 'open' } as const;

/** How many whole entries a cut leaves, counted from the entries' sizes alone. */
function wholeEntries(ledger: MadeLedger, file: string, bytes: number): number {
  const first = Number(file.split('_')[1]);
  let end = 8;
  const fits = ledger.entries.slice(first - 1).filter((entry) => {
    end += entry.bytes.length;
    return end <= bytes;
  });
  return first - 1 + fits.length;
}

/** Replays a ledger whose last file is cut, and says what came of it. */
async function replayCut(ledger: MadeLedger, files: Files, length: number, withKeys: boolean) {
  const { name, bytes, others } = splitLast(files);
  const cut = new Map([...others, [name, bytes.subarray(0, length)]]);
  const keys = withKeys ? {} : { memberKeys: [] };
  const { report, files: published } = await replayMade(ledger, { files: cut, ...keys });
  return {
    failure: report.failure,
    transactions: report.summary.transactions,
    results: report.snapshots.map(({ result, receipt }) => [result, receipt]),
    published: [...published.keys()],
  };
}

function expectedOf(ledger: MadeLedger, whole: number, withKeys: boolean) {
  const [vouched] = ledger.vouched;
  const isThere = whole >= (vouched?.evidenceSeqno ?? 0);
  const isSigned = whole === ledger.entries.length;
  const file = `snapshot_${vouched?.seqno}_${vouched?.evidenceSeqno}.committed`;
  const result = withKeys ? ['identical', isSigned ? 'cose' : 'none'] : ['not-comparable', 'none'];
  return {
    failure: undefined,
    transactions: whole,
    results: isThere ? [result] : [],
    published: withKeys && isSigned ? [file] : [],
  };
}

async function sweep(
  ledger: MadeLedger,
  files: Files,
  lengths: readonly number[],
  withKeys: boolean,
) {
  const { name } = splitLast(files);
  for (const length of lengths) {
    const whole = wholeEntries(ledger, name, length);
    const outcome = await replayCut(ledger, files, length, withKeys);
    expect({ length, ...outcome }).toStrictEqual({
      length,
      ...expectedOf(ledger, whole, withKeys),
    });
  }
}

describe('a torn tail of the last open chunk', () => {
  test.each([
    ['a transaction', 4],
    ['the evidence', 5],
    ['the signature', 6],
  ])('cut at every byte of %s: the whole entries before it are replayed', async (_, seqno) => {
    const ledger = await makeSmall();
    const files = ledgerFiles(ledger, openLast);
    const ends = [8];
    for (const { bytes } of ledger.entries.slice(3)) ends.push((ends.at(-1) ?? 0) + bytes.length);
    const [start = 0, end = 0] = ends.slice(seqno - 4);
    const lengths = Array.from({ length: end - start + 1 }, (_, i) => start + i);
    await sweep(ledger, files, lengths, false);
  });

  test('with the secrets: no file whose signature is cut off by a single byte', async () => {
    const ledger = await MadeLedger.opened({ seed: 'torn with secrets', members });
    ledger.vouch(await ledger.signature({ node: false }));
    await ledger.signature({ node: false });
    const files = ledgerFiles(ledger, openLast);
    const { bytes } = splitLast(files);
    const last = ledger.entries.at(-1)?.bytes.length ?? 0;
    const inLast = [1, 2, 7, 8, 9, 24, 36, 43, 44, 45, 100, 200, 300, last - 1, last, last + 1];
    await sweep(
      ledger,
      files,
      [0, ...inLast].map((cut) => bytes.length - cut),
      true,
    );
  });

  test('a chunk whose table was being written when its header was not yet', async () => {
    const ledger = await makeSmall();
    const open = ledgerFiles(ledger, openLast);
    const complete = splitLast(ledgerFiles(ledger, { last: 'complete' })).bytes;
    const { name, bytes, others } = splitLast(open);
    const torn = Uint8Array.from([...bytes, ...complete.subarray(bytes.length)]);
    const lengths = Array.from(
      { length: torn.length - bytes.length + 1 },
      (_, i) => bytes.length + i,
    );
    await sweep(ledger, new Map([...others, [name, torn]]), lengths, false);
  });

  test.each([0, 1, 7, 8])('an open last chunk of %i bytes holds nothing', async (length) => {
    const ledger = await MadeLedger.opened({ seed: 'empty chunk', members });
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    const files = ledgerFiles(ledger).set(`ledger_${ledger.next}`, new Uint8Array(length));
    await expectIdentical(ledger, await replayMade(ledger, { files }));
  });

  test('a complete last chunk that is not committed yet', async () => {
    const ledger = await MadeLedger.opened({ seed: 'complete', members });
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    const files = ledgerFiles(ledger, { last: 'complete' });
    expect([...files.keys()]).toStrictEqual(['ledger_1-3.committed', 'ledger_4']);
    await expectIdentical(ledger, await replayMade(ledger, { files }));
  });
});

describe('chunks', () => {
  async function makeChunks(): Promise<MadeLedger> {
    const ledger = await MadeLedger.opened({ seed: 'chunks', members });
    for (const value of ['1', '2', '3']) {
      ledger.transaction([change('app', { k: value })]);
      ledger.vouch(await ledger.signature());
    }
    await ledger.signature();
    return ledger;
  }

  test.each([
    ['one chunk', []],
    ['a chunk for each entry', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
    ['ends that are not signatures', [1, 3, 6]],
    ['ten and more, sorted as numbers', [2, 9, 10]],
  ])('%s: where chunks end means nothing', async (_, chunkEnds) => {
    const ledger = await makeChunks();
    const files = ledgerFiles(ledger, { chunkEnds });
    await expectIdentical(ledger, await replayMade(ledger, { files }));
  });

  test('files that are set aside, and others that are no chunks, are passed over', async () => {
    const ledger = await makeChunks();
    const files = ledgerFiles(ledger);
    const noise = new Uint8Array(100).fill(7);
    for (const name of [
      'ledger_1-4.committed.ignored',
      'ledger_5-7.committed.recovery',
      'ledger_5.recovery',
      'ledger_11.ignored',
      'ledger_011',
      'ledger_12-14.committed.tmp',
      'README',
    ]) {
      files.set(name, noise);
    }
    await expectIdentical(ledger, await replayMade(ledger, { files }));
  });

  test('ranges without .committed, as after a copy', async () => {
    const ledger = await makeChunks();
    const files = [...ledgerFiles(ledger)].map(
      ([name, bytes]) => [name.replace('.committed', ''), bytes] as const,
    );
    await expectIdentical(ledger, await replayMade(ledger, { files: new Map(files) }));
  });

  test.each([
    ['without .committed', 'ledger_5-7'],
    ['open', 'ledger_5'],
  ])('the same range twice, once %s: the committed one is taken', async (_, name) => {
    const ledger = await makeChunks();
    const files = ledgerFiles(ledger);
    expect(files.has('ledger_5-7.committed')).toBe(true);
    files.set(name, new Uint8Array(100).fill(7));
    await expectIdentical(ledger, await replayMade(ledger, { files }));
  });

  test('a chunk in the middle that is torn is a failure with file and offset', async () => {
    const ledger = await makeChunks();
    const files = ledgerFiles(ledger);
    const whole = files.get('ledger_5-7.committed') ?? new Uint8Array();
    files.delete('ledger_5-7.committed');
    const [fifth = 0, sixth = 0] = ledger.entries.slice(4).map(({ bytes }) => bytes.length);
    const cut = 8 + fifth + sixth + 100;
    files.set('ledger_5', Uint8Array.from([...new Uint8Array(8), ...whole.subarray(8, cut)]));
    const { report, files: published } = await replayMade(ledger, { files });
    expect(report.failure).toMatchObject({
      name: 'FormatError',
      code: 'TRUNCATED_BODY',
      file: 'ledger_5',
      offset: cut - 100,
    });
    expect(report.summary.verifiedUntil).toBe(4);
    expect(published.size).toBe(0);
  });

  test('a committed chunk cut short at its table is a failure with file and offset', async () => {
    const ledger = await makeChunks();
    const files = ledgerFiles(ledger);
    const name = 'ledger_5-7.committed';
    files.set(name, (files.get(name) ?? new Uint8Array()).subarray(0, -1));
    const { report } = await replayMade(ledger, { files });
    expect(report.failure).toMatchObject({ code: 'BAD_OFFSET_TABLE', file: name });
    expect(report.failure?.offset).toBeTypeOf('number');
  });

  test('a missing chunk is a gap', async () => {
    const ledger = await makeChunks();
    const files = ledgerFiles(ledger);
    files.delete('ledger_5-7.committed');
    await expect(replayMade(ledger, { files })).rejects.toMatchObject({
      code: 'CHUNK_GAP',
      seqno: 5,
      file: 'ledger_8-10.committed',
    });
  });

  test('a gap behind an open chunk is found where that one ends', async () => {
    const ledger = await makeChunks();
    const files = ledgerFiles(ledger);
    const first = ledgerFiles({ entries: ledger.entries.slice(0, 3) });
    files.delete('ledger_1-4.committed');
    files.set('ledger_1', first.get('ledger_1') ?? new Uint8Array());
    const { report } = await replayMade(ledger, { files });
    expect(report.failure).toMatchObject({ code: 'CHUNK_GAP', seqno: 4 });
    expect(report.snapshots).toStrictEqual([]);
  });

  test('a directory without a chunk is no ledger', async () => {
    const ledger = await makeChunks();
    const files = new Map([['README', new Uint8Array(1)]]);
    await expect(replayMade(ledger, { files })).rejects.toMatchObject({ code: 'EMPTY_LEDGER' });
  });
});
