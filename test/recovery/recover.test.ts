import { describe, expect, test } from 'vitest';
import type { InspectionEvent } from 'xstate';
import { concatBytes } from '../../src/core/bytes.ts';
import {
  decodeCoseSignatureValue,
  encodeCoseSignatureValue,
} from '../../src/formats/signatures/root-signature.ts';
import { splitSnapshotFile } from '../../src/formats/snapshot/snapshot-body.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { recover } from '../../src/recovery/recover.ts';
import type { RefusedSnapshot } from '../../src/verification/verdicts.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { type Files, flipBit, ledgerFiles, writeFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import type { SignatureValues } from '../helpers/make-signatures.ts';
import { change } from '../helpers/make-tables.ts';
import { madeState, recoverMade, stateOf } from '../helpers/recover-made.ts';
import { replayMade } from '../helpers/replay-made.ts';

const members = makeMembers(1);

const appTables = (value: string) => [
  change('public:app', { 'a key': value, [value]: 'once' }),
  change('app', { 'a secret': value }),
];

/** Three snapshots, of seqnos 4, 7 and 10, and a suffix behind the newest one's evidence. */
async function makeLedger(seed = 'recover'): Promise<MadeLedger> {
  const ledger = await MadeLedger.opened({ seed, members });
  for (const value of ['1', '2', '3']) {
    ledger.transaction(appTables(value));
    ledger.vouch(await ledger.signature());
  }
  ledger.transaction([change('app', { 'another secret': 'x' }, ['a secret'])]);
  await ledger.signature();
  ledger.transaction(appTables('behind the last signature'));
  return ledger;
}

const ledger = await makeLedger();
const snapshots = new Map([...(await replayMade(ledger)).files].toSorted());
const [oldest = '', middle = '', newest = ''] = [
  'snapshot_4_5.committed',
  'snapshot_7_8.committed',
  'snapshot_10_11.committed',
];
const bytesOf = (name: string) => snapshots.get(name) ?? new Uint8Array();
const withNewest = (bytes: Uint8Array): Files => new Map(snapshots).set(newest, bytes);
const only = (...names: string[]): Files => new Map(names.map((name) => [name, bytesOf(name)]));
const whole = await recoverMade(ledger);

const service = ledger.identity.serviceCertificate;
const foreign = await makeLedger('another service');

describe('recover()', () => {
  test('replays the whole ledger where no directory of snapshots is given', () => {
    expect(whole).toMatchObject({
      seqno: 14,
      view: 2,
      verifiedUntil: 13,
      snapshot: undefined,
      refused: [],
      transactions: 14,
      nodeSignatures: 4,
      coseSignatures: 4,
      isComplete: true,
      torn: undefined,
      trusted: false,
    });
    expect(stateOf(whole.tables.values())).toStrictEqual(madeState(ledger, 14));
  });

  test.each([oldest, middle, newest])('%s and the suffix are the whole ledger', async (name) => {
    const recovered = await recoverMade(ledger, { snapshots: only(name) });
    expect(recovered.snapshot?.file).toBe(name);
    expect(recovered.transactions).toBe(14 - Number(recovered.snapshot?.seqno));
    expect(recovered.root).toBe(whole.root);
    expect(recovered.viewHistory).toStrictEqual(whole.viewHistory);
    expect(stateOf(recovered.tables.values())).toStrictEqual(stateOf(whole.tables.values()));
  });

  test('takes the newest snapshot, and says what it is', async () => {
    const { snapshot, refused } = await recoverMade(ledger, { snapshots, services: [service] });
    const { digest } = ledger.vouched[2] ?? {};
    expect(snapshot).toStrictEqual({
      file: newest,
      seqno: 10,
      evidenceSeqno: 11,
      digest,
      trusted: true,
    });
    expect(refused).toStrictEqual([]);
  });

  test('gives the state alone to the public, and freezes it', async () => {
    const fileSystem = new MemoryFileSystem();
    await writeFiles(fileSystem, '/ledger', ledgerFiles(ledger));
    const recovered = await recover({ ledger: '/ledger', environment: { fileSystem } });
    expect(Object.keys(recovered)).not.toContain('secrets');
    expect(recovered.root).toBe(whole.root);
    expect(recovered.tables.get('public:app')?.version).toBe(14);
  });

  test('tells of progress, entry by entry', async () => {
    const seen: number[] = [];
    const onProgress = ({ seqno, last }: { seqno: number; last: number }) => {
      expect(last).toBe(14);
      seen.push(seqno);
    };
    await recoverMade(ledger, { snapshots, onProgress });
    expect(seen).toStrictEqual([11, 12, 13, 14]);
  });

  test('an observer sees the machine, and may throw', async () => {
    const states = new Set<unknown>();
    const inspect = (event: InspectionEvent) => {
      if (event.type === '@xstate.snapshot') states.add(Reflect.get(event.snapshot, 'value'));
      throw new Error('an observer’s fault');
    };
    const { root } = await recoverMade(ledger, { snapshots, inspect });
    expect(root).toBe(whole.root);
    expect([...states]).toStrictEqual(
      expect.arrayContaining(['listing', 'checking', 'replaying', 'recovered']),
    );
  });
});

describe('a snapshot that cannot be used', () => {
  const flipped = (at: number): Uint8Array => {
    const bytes = bytesOf(newest).slice();
    const position = at < 0 ? bytes.length + at : at;
    bytes[position] = (bytes[position] ?? 0) ^ 1;
    return bytes;
  };
  const { entry, receipt } = splitSnapshotFile(bytesOf(newest));

  test.each<[string, string, Uint8Array]>([
    ['a bit of its body flipped', 'CLAIMS_DIGEST_MISMATCH', flipped(entry.length >> 1)],
    ['a bit of its private part flipped', 'CLAIMS_DIGEST_MISMATCH', flipped(entry.length - 1)],
    ['a bit of its version flipped', 'BAD_VERSION', flipped(0)],
    ['empty', 'EMPTY_FILE', new Uint8Array()],
    ['cut in its body', 'TRUNCATED_BODY', entry.subarray(0, -1)],
    ['without its receipt', 'RECEIPT_MISSING', entry],
    ['cut in its receipt', 'RECEIPT_TRUNCATED', bytesOf(newest).subarray(0, -1)],
    ['zeros', 'BAD_VERSION', new Uint8Array(4096)],
    ['another snapshot under its name', 'NAME_MISMATCH', bytesOf(middle)],
    [
      'with the receipt of another',
      'CLAIMS_DIGEST_MISMATCH',
      concatBytes([entry, splitSnapshotFile(bytesOf(middle)).receipt]),
    ],
    [
      'with another body',
      'CLAIMS_DIGEST_MISMATCH',
      concatBytes([ledger.vouched[1]?.entry ?? entry, receipt]),
    ],
  ])('%s: %s, and the next older one is taken', async (_, code, bytes) => {
    const told: RefusedSnapshot[] = [];
    const recovered = await recoverMade(ledger, {
      snapshots: withNewest(bytes),
      onRefused: (refused) => told.push(refused),
    });
    expect(recovered.snapshot?.file).toBe(middle);
    expect(recovered.refused).toStrictEqual([
      { file: newest, seqno: 10, code, message: expect.stringMatching(/./) },
    ]);
    expect(told).toStrictEqual(recovered.refused);
    expect(recovered.root).toBe(whole.root);
    expect(stateOf(recovered.tables.values())).toStrictEqual(stateOf(whole.tables.values()));
  });

  test('CON-24 all of them: the whole ledger is replayed', async () => {
    const broken = new Map([...snapshots.keys()].map((name) => [name, new Uint8Array(9)]));
    const recovered = await recoverMade(ledger, { snapshots: broken });
    expect(recovered.snapshot).toBeUndefined();
    expect(recovered.refused.map(({ file }) => file)).toStrictEqual([newest, middle, oldest]);
    expect(recovered.root).toBe(whole.root);
  });

  test('FIL-10 a name that is not committed, a spool and a lock are no snapshots', async () => {
    const files = new Map([
      ['snapshot_13_14', new Uint8Array(9)],
      ['spool_13_0.tmp', new Uint8Array(9)],
      ['lock', new Uint8Array(9)],
    ]);
    const recovered = await recoverMade(ledger, { snapshots: files });
    expect(recovered).toMatchObject({ snapshot: undefined, refused: [] });
  });

  test('a directory under the name of one', async () => {
    const fileSystem = new MemoryFileSystem();
    await writeFiles(fileSystem, '/ledger', ledgerFiles(ledger));
    await fileSystem.makeDirectory(`/snapshots/${newest}`);
    const places = { ledger: '/ledger', snapshots: '/snapshots' };
    const { refused } = await recover({ ...places, environment: { fileSystem } });
    expect(refused).toMatchObject([{ file: newest, code: 'NOT_A_REGULAR_FILE' }]);
  });

  test('of another service, with nothing pinned: its seqno holds another transaction', async () => {
    const { files } = await replayMade(foreign);
    const recovered = await recoverMade(ledger, { snapshots: files });
    expect(recovered.refused.map(({ code }) => code)).toStrictEqual([
      'LEAF_MISMATCH',
      'LEAF_MISMATCH',
      'LEAF_MISMATCH',
    ]);
    expect(recovered.root).toBe(whole.root);
  });

  test('of another service, with its own pinned: it is not trusted', async () => {
    const { files } = await replayMade(foreign);
    const { refused } = await recoverMade(ledger, { snapshots: files, services: [service] });
    expect(new Set(refused.map(({ code }) => code))).toStrictEqual(new Set(['UNTRUSTED_SERVICE']));
  });

  test('of another service, beyond the end of the ledger: nothing pinned does not mean anyone', async () => {
    const { files } = await replayMade(foreign);
    const short = ledgerFiles({ entries: ledger.entries.slice(0, 5) });
    const recovered = await recoverMade(ledger, { files: short, snapshots: files });
    expect(recovered.refused.map(({ code }) => code)).toStrictEqual([
      'UNTRUSTED_SERVICE',
      'UNTRUSTED_SERVICE',
      'LEAF_MISMATCH',
    ]);
    expect(recovered.seqno).toBe(5);
  });
});

describe('ledger and snapshot', () => {
  test.each([
    ['missing', 'missing'],
    ['without a chunk', new Map([['README', new Uint8Array(1)]])],
  ] as const)('the ledger is %s: the state is the snapshot’s', async (_, files) => {
    const recovered = await recoverMade(ledger, { files, snapshots });
    expect(recovered).toMatchObject({ seqno: 10, verifiedUntil: 10, transactions: 0 });
    expect(recovered.end).toStrictEqual({ last: 0, open: undefined, completed: [] });
    expect(stateOf(recovered.tables.values())).toStrictEqual(madeState(ledger, 10));
    const upTo = ledgerFiles({ entries: ledger.entries.slice(0, 10) });
    expect(recovered.root).toBe((await recoverMade(ledger, { files: upTo })).root);
  });

  test.each([10, 9, 5])('the ledger ends at %i: the suffix is empty', async (last) => {
    const files = ledgerFiles({ entries: ledger.entries.slice(0, last) });
    const recovered = await recoverMade(ledger, { files, snapshots });
    expect(recovered).toMatchObject({ seqno: 10, verifiedUntil: 10, transactions: 0, refused: [] });
    expect(recovered.end.last).toBe(last);
    expect(stateOf(recovered.tables.values())).toStrictEqual(madeState(ledger, 10));
  });

  test('the ledger begins right behind the snapshot', async () => {
    const files = ledgerFiles(ledger, { chunkEnds: [10] });
    files.delete('ledger_1-10.committed');
    const recovered = await recoverMade(ledger, { files, snapshots });
    expect(recovered).toMatchObject({ snapshot: { file: newest }, root: whole.root });
  });

  test('the ledger begins behind a gap: an older snapshot cannot be used', async () => {
    const files = ledgerFiles(ledger, { chunkEnds: [10] });
    files.delete('ledger_1-10.committed');
    const recovering = recoverMade(ledger, { files, snapshots: only(oldest, middle) });
    await expect(recovering).rejects.toMatchObject({ code: 'CHUNK_GAP', seqno: 11 });
  });

  test('the ledger begins one entry too late', async () => {
    const files = ledgerFiles(ledger, { chunkEnds: [11] });
    files.delete('ledger_1-11.committed');
    const told: RefusedSnapshot[] = [];
    const onRefused = (refused: RefusedSnapshot) => told.push(refused);
    const recovering = recoverMade(ledger, { files, snapshots: only(newest), onRefused });
    await expect(recovering).rejects.toMatchObject({ code: 'CHUNK_GAP', seqno: 12 });
    expect(told).toMatchObject([{ file: newest, code: 'CHUNK_GAP' }]);
  });

  test('a chunk is missing before the snapshot, which leads over the gap', async () => {
    const files = ledgerFiles(ledger);
    expect([...files.keys()]).toContain('ledger_5-7.committed');
    files.delete('ledger_5-7.committed');
    const recovered = await recoverMade(ledger, { files, snapshots });
    expect(recovered).toMatchObject({ snapshot: { file: newest }, root: whole.root });
  });

  test('a chunk is missing behind the snapshot', async () => {
    const files = ledgerFiles(ledger);
    files.delete('ledger_11-13.committed');
    const recovering = recoverMade(ledger, { files, snapshots });
    await expect(recovering).rejects.toMatchObject({ code: 'CHUNK_GAP' });
  });

  test('neither is there', async () => {
    const recovering = recoverMade(ledger, { files: 'missing', snapshots: new Map() });
    await expect(recovering).rejects.toMatchObject({ name: 'FormatError', code: 'EMPTY_LEDGER' });
  });

  test('the snapshots directory is missing', async () => {
    const fileSystem = new MemoryFileSystem();
    await writeFiles(fileSystem, '/ledger', ledgerFiles(ledger));
    const places = { ledger: '/ledger', snapshots: '/nowhere' };
    const recovering = recover({ ...places, environment: { fileSystem } });
    await expect(recovering).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('a ledger that cannot be listed is no missing one', async () => {
    const fileSystem = new MemoryFileSystem();
    await writeFiles(fileSystem, '/', new Map([['ledger', new Uint8Array(1)]]));
    const recovering = recover({ ledger: '/ledger', environment: { fileSystem } });
    await expect(recovering).rejects.toMatchObject({ code: 'NOT_A_DIRECTORY' });
  });
});

describe('a ledger that does not hold', () => {
  test.each([11, 12, 13])('a bit of seqno %i, in a committed chunk, is flipped', async (seqno) => {
    const entry = ledger.entries[seqno - 1];
    const files = ledgerFiles(flipBit(ledger, entry?.seqno ?? ledger.next, -1));
    const recovering = recoverMade(ledger, { files, snapshots });
    await expect(recovering).rejects.toMatchObject({
      file: 'ledger_11-13.committed',
      seqno,
      offset: expect.any(Number),
    });
  });

  test('before the snapshot nothing is read', async () => {
    const entry = ledger.entries[1];
    const files = ledgerFiles(flipBit(ledger, entry?.seqno ?? ledger.next, -1));
    const recovered = await recoverMade(ledger, { files, snapshots });
    expect(recovered.root).toBe(whole.root);
  });

  test.each(['committed', 'open'] as const)(
    'a forged signature at the end of a chunk that is %s is never a torn tail',
    async (last) => {
      const forged = await MadeLedger.opened({ seed: 'forged', members });
      const forge = ({ cose = new Uint8Array(), ...rest }: SignatureValues) => ({
        ...rest,
        cose: encodeCoseSignatureValue(withLastFlipped(decodeCoseSignatureValue(cose))),
      });
      await forged.signature({ forge });
      const recovering = recoverMade(forged, { files: ledgerFiles(forged, { last }) });
      await expect(recovering).rejects.toMatchObject({ code: 'SIG_INVALID', seqno: 3 });
    },
  );
});

function withLastFlipped(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));
}

describe('abort', () => {
  test('before it begins', async () => {
    const recovering = recoverMade(ledger, { snapshots, signal: AbortSignal.abort() });
    await expect(recovering).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test('in the midst of the replay: nothing goes on', async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const onProgress = ({ seqno }: { seqno: number }) => {
      seen.push(seqno);
      if (seqno === 5) controller.abort();
    };
    const recovering = recoverMade(ledger, { onProgress, signal: controller.signal });
    await expect(recovering).rejects.toMatchObject({ code: 'ABORTED' });
    expect(seen.at(-1)).toBe(5);
  });

  test('while a file is read: it is answered when that has ended', async () => {
    const fileSystem = new MemoryFileSystem();
    await writeFiles(fileSystem, '/ledger', ledgerFiles(ledger));
    const controller = new AbortController();
    const hold = fileSystem.holdNext('read');
    const options = { ledger: '/ledger', environment: { fileSystem }, signal: controller.signal };
    let isSettled = false;
    const recovering = recover(options).finally(() => {
      isSettled = true;
    });
    await hold.reached;
    controller.abort();
    await new Promise(setImmediate);
    expect(isSettled).toBe(false);
    hold.release();
    await expect(recovering).rejects.toMatchObject({ code: 'ABORTED' });
    expect(fileSystem.openHandles).toBe(0);
  });

  test('without a ledger it is a mistake of the caller', async () => {
    await expect(recover({ ledger: undefined as unknown as string })).rejects.toThrow(TypeError);
  });
});
