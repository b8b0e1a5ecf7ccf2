import { beforeAll, describe, expect, test } from 'vitest';
import { toUtf8 } from '../../src/core/bytes.ts';
import { assert } from '../../src/core/errors.ts';
import { seqno as toSeqno, view as toView } from '../../src/core/words.ts';
import { chunkName, encodeChunk } from '../../src/formats/entries/ledger-chunk.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import {
  decodeNodeSignature,
  encodeNodeSignature,
} from '../../src/formats/signatures/node-signature.ts';
import {
  decodeCoseSignatureValue,
  encodeCoseSignatureValue,
} from '../../src/formats/signatures/root-signature.ts';
import { replayLedger } from '../../src/replay/replay.ts';
import type { ReplayReport } from '../../src/replay/report.ts';
import { inCcfData } from '../cli/temporary.ts';
import { makeKey } from '../formats/make-keys.ts';
import { readCcfFile, testOnCcfData } from '../helpers/ccf-testdata.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import type { Files } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change, identityKeys, identityRow, signingIdentities } from '../helpers/make-tables.ts';
import { type ReplayMadeOptions, replayMade } from '../helpers/replay-made.ts';

let ledger: MadeLedger;

async function grow(made: MadeLedger, until: number): Promise<void> {
  while (made.entries.length < until) {
    made.transaction([change('public:app', { at: `${made.next}` })]);
    made.vouch(await made.signature());
    await made.signature();
  }
}

beforeAll(async () => {
  ledger = await MadeLedger.opened({ seed: 'levels', members: makeMembers(1) });
  await grow(ledger, 30);
});

const last = () => ledger.entries.length;

const committedName = (first: number, end: number) => chunkName(toSeqno(first), toSeqno(end), true);

type Range = readonly [first: number, last: number];

function chunks(ranges: readonly Range[], { entries } = ledger): Map<string, Uint8Array> {
  return new Map(
    ranges.map(([first, end]) => {
      const bytes = entries.slice(first - 1, end).map((entry) => entry.bytes);
      return [committedName(first, end), encodeChunk(bytes, { complete: true })] as const;
    }),
  );
}

async function checked(
  level: 'chunks' | 'tree',
  files: Files,
  options: ReplayMadeOptions = {},
): Promise<ReplayReport> {
  const { report } = await replayMade(ledger, { ...options, level, files });
  return report;
}

const pinned = () => [ledger.identity.serviceCertificate];
const signaturesIn = (from: number, to: number, { entries } = ledger) =>
  entries
    .slice(from - 1, to)
    .filter(({ maps }) => maps.some(({ name }) => name === tables.signatures)).length;

describe('a whole ledger', () => {
  const files = () =>
    chunks([
      [1, 12],
      [13, last()],
    ]);

  test('at the level chunks is read and its order checked, and nothing else said', async () => {
    const report = await checked('chunks', files(), { services: pinned() });
    expect(report).toMatchObject({
      level: 'chunks',
      checked: { files: 2, entries: last(), copies: 0, roots: 0, signatures: 0, notVerified: 0 },
      runs: [{ first: 1, last: last(), uncovered: [{ first: 1, last: last() }] }],
      gaps: [],
      snapshots: [],
      identities: [],
      trusted: false,
      failure: undefined,
    });
  });

  test('at the level tree has every root and signature verified, and no snapshot made', async () => {
    const report = await checked('tree', files(), { services: pinned() });
    const roots = signaturesIn(1, last());
    expect(report).toMatchObject({
      level: 'tree',
      checked: { files: 2, entries: last(), roots, signatures: 2 * roots, notVerified: 0 },
      runs: [{ first: 1, last: last(), uncovered: [] }],
      snapshots: [],
      identities: [{ keyId: ledger.identity.serviceCertificate.keyId }],
      trusted: true,
      failure: undefined,
    });
    const { trusted } = await checked('tree', files());
    expect(trusted).toBe(false);
  });

  test('at the level full says the same numbers', async () => {
    const { report } = await replayMade(ledger, { files: files(), services: pinned() });
    const roots = signaturesIn(1, last());
    expect(report).toMatchObject({
      level: 'full',
      checked: { files: 2, entries: last(), roots, signatures: 2 * roots, notVerified: 0 },
      runs: [{ first: 1, last: last(), uncovered: [] }],
    });
  });
});

describe('a part of a ledger', () => {
  test('alone is checked from the tree that its first signature carries', async () => {
    const report = await checked('tree', chunks([[13, last()]]), { services: pinned() });
    const roots = signaturesIn(13, last());
    expect(report).toMatchObject({
      checked: { files: 1, entries: last() - 12, roots, signatures: 2 * roots, notVerified: 0 },
      runs: [{ first: 13, last: last(), uncovered: [] }],
      gaps: [{ first: 1, last: 12 }],
      trusted: true,
      failure: undefined,
    });
  });

  test('without a key that is known has its roots computed, and no signature verified', async () => {
    const report = await checked('tree', chunks([[13, last()]]));
    const roots = signaturesIn(13, last());
    expect(report.checked).toMatchObject({ roots, signatures: 0, notVerified: 2 * roots });
    expect(report).toMatchObject({ trusted: false, identities: [], failure: undefined });
    const other = { services: [makeKey('other').publicKey] };
    const stranger = await checked('tree', chunks([[13, last()]]), other);
    expect(stranger).toMatchObject({ checked: { notVerified: 2 * roots }, trusted: false });
  });

  test('with gaps has each run checked by itself', async () => {
    const files = chunks([
      [1, 9],
      [13, 20],
      [25, last()],
    ]);
    const report = await checked('tree', files, { services: pinned() });
    expect(report.runs.map(({ first, last: end }) => [first, end])).toEqual([
      [1, 9],
      [13, 20],
      [25, last()],
    ]);
    expect(report.gaps).toEqual([
      { first: 10, last: 12 },
      { first: 21, last: 24 },
    ]);
    const roots = signaturesIn(1, 9) + signaturesIn(13, 20) + signaturesIn(25, last());
    expect(report.checked).toMatchObject({ roots, notVerified: 0 });
    expect(report).toMatchObject({ trusted: true, failure: undefined });
    expect(await checked('chunks', files)).toMatchObject({
      checked: { roots: 0, entries: 9 + 8 + last() - 24 },
      gaps: report.gaps,
    });
    const replaying = replayMade(ledger, { files });
    await expect(replaying).rejects.toMatchObject({ code: 'CHUNK_GAP' });
  });

  test('of which nothing is signed is covered by no root', async () => {
    const unsigned = ledger.entries.findIndex(
      ({ maps }, i) => i > 12 && !maps.some(({ name }) => name === tables.signatures),
    );
    const report = await checked('tree', chunks([[unsigned + 1, unsigned + 1]]), {
      services: pinned(),
    });
    expect(report).toMatchObject({
      checked: { roots: 0, signatures: 0 },
      runs: [{ uncovered: [{ first: unsigned + 1, last: unsigned + 1 }] }],
      trusted: false,
    });
  });
});

describe('identities beside the classical one, in a part of a ledger', () => {
  const pq = { key: identityKeys.pq, value: toUtf8('"0oRDoQE4MKD2QQA="') };

  async function partOf(seed: string, grown: (made: MadeLedger) => Promise<unknown>) {
    const made = await MadeLedger.opened({ seed, members: makeMembers(1), signing: separate });
    await made.signature();
    const from = made.next;
    await grown(made);
    const services = [made.identity.signer.publicKey, made.identity.serviceCertificate];
    const files = chunks([[from, made.entries.length]], made);
    return (await replayMade(made, { files, services, level: 'tree' })).report;
  }

  const separate = { signerOf: (i: number) => makeKey(`part signer ${i}`, 'P-256') };

  test('a row that joins later says nothing of the classical one, written before', async () => {
    const report = await partOf('part joins', async (made) => {
      made.transaction([signingIdentities([identityRow(identityKeys.pq, new Uint8Array(9))])]);
      await made.signature();
    });
    expect(report).toMatchObject({ failure: undefined, trusted: true });
  });

  test('their signatures are counted, and alone refused', async () => {
    const counted = await partOf('part counts', (made) =>
      made.signature({ forge: (values) => ({ ...values, others: [pq] }) }),
    );
    expect(counted).toMatchObject({ failure: undefined, unverified: ['PQ'] });
    const alone = await partOf('part alone', async (made) => {
      await made.signature();
      await made.signature({
        forge: ({ tree }) => ({ node: undefined, cose: undefined, tree, others: [pq] }),
      });
    });
    expect(alone.failure).toMatchObject({ code: 'NO_SIGNATURE' });
  });
});

describe('what does not hold', () => {
  /** One bit of what an application wrote, which the form of the entry does not notice. */
  function changed(files: Map<string, Uint8Array>, seqno: number): Files {
    const entry = ledger.entries[seqno - 1];
    assert(entry !== undefined, 'the ledger has it');
    const [[name, bytes] = ['', new Uint8Array()]] = files;
    const edited = bytes.slice();
    const at = Buffer.from(bytes).indexOf(Buffer.from(entry.bytes));
    const value = at + Buffer.from(entry.bytes).lastIndexOf(`${seqno}`);
    edited[value] = (edited[value] ?? 0) ^ 1;
    return files.set(name, edited);
  }

  const application = () =>
    ledger.entries.findIndex(
      ({ maps }, i) => i > 13 && maps.some(({ name }) => name === 'public:app'),
    ) + 1;

  test('a changed entry is found at the level tree, and not at the level chunks', async () => {
    const seqno = application();
    for (const first of [1, 13, seqno]) {
      const files = changed(chunks([[first, last()]]), seqno);
      expect(await checked('chunks', files)).toMatchObject({ failure: undefined });
      const { failure } = await checked('tree', files, { services: pinned() });
      expect(failure?.name).toBe('VerificationError');
      expect(failure?.seqno).toBeGreaterThanOrEqual(seqno);
    }
  });

  test('entries in another order are found at the level chunks', async () => {
    const files = chunks([[13, last()]]);
    const entries = ledger.entries.slice(12).map(({ bytes }) => bytes);
    const [a, b, ...rest] = entries;
    const swapped = encodeChunk(
      [b, a, ...rest].flatMap((bytes) => bytes ?? []),
      { complete: true },
    );
    files.set(committedName(13, last()), swapped);
    expect((await checked('chunks', files)).failure).toMatchObject({ code: 'SEQNO_MISMATCH' });
  });

  test('a key that the signing identity of the run does not name is refused', async () => {
    const signing = { signerOf: (i: number) => makeKey(`levels signer ${i}`, 'P-256') };
    const members = makeMembers(1);
    const separate = await MadeLedger.opened({ seed: 'levels separate', members, signing });
    await separate.signature();
    const from = separate.next;
    separate.recover();
    const { serviceCertificate, service } = separate.identity;
    separate.identities.splice(-1, 1, { ...separate.identity, signer: service });
    await separate.signature();
    const files = chunks([[from, separate.entries.length]], separate);
    const services = [serviceCertificate];
    const { report } = await replayMade(separate, { files, services, level: 'tree' });
    expect(report.failure).toMatchObject({ code: 'KID_MISMATCH' });
  });

  test.each([
    ['a changed signature of a node', 'node', changedNodeSignature],
    ['a changed signature of the service', 'cose', changedCoseSignature],
    ['a node’s signature of another view', 'node', ofAnotherView],
  ] as const)('%s is refused under a known key', async (...args) => {
    const [, which, forge] = args;
    const forged = await MadeLedger.opened({ seed: `levels ${args[0]}`, members: makeMembers(1) });
    await grow(forged, 20);
    const from = forged.next;
    await forged.signature();
    forged.transaction([change('public:app', { at: 'between' })]);
    await forged.signature({
      forge: (values) => ({ ...values, [which]: forge(values[which] ?? new Uint8Array()) }),
    });
    const files = chunks([[from, forged.entries.length]], forged);
    const services = [forged.identity.serviceCertificate];
    const { report } = await replayMade(forged, { files, services, level: 'tree' });
    expect(report.failure?.name).toBe('VerificationError');
    expect(report.failure?.seqno).toBe(forged.entries.length);
  });

  test('a ledger is trusted only when each of its runs is', async () => {
    const other = await MadeLedger.opened({ seed: 'levels other', members: makeMembers(1) });
    await grow(other, 9);
    const end = other.entries.length;
    const files = new Map([...chunks([[1, end]], other), ...chunks([[end + 2, last()]])]);
    const report = await checked('tree', files, { services: pinned() });
    expect(report).toMatchObject({ failure: undefined, trusted: false });
    expect(report.runs).toHaveLength(2);
  });

  test('a level that is none is refused', async () => {
    const options = { ledger: '/l', out: '/o', level: 'most' as 'full' };
    await expect(replayLedger(options)).rejects.toBeInstanceOf(RangeError);
  });
});

function changedNodeSignature(value: Uint8Array): Uint8Array {
  const { signature, ...rest } = decodeNodeSignature(value);
  return encodeNodeSignature({ ...rest, signature: lastChanged(signature) });
}

function ofAnotherView(value: Uint8Array): Uint8Array {
  const signature = decodeNodeSignature(value);
  return encodeNodeSignature({ ...signature, view: toView(signature.view + 1) });
}

const changedCoseSignature = (value: Uint8Array): Uint8Array =>
  encodeCoseSignatureValue(lastChanged(decodeCoseSignatureValue(value)));

function lastChanged(bytes: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  return changed;
}

describe('real ledgers', () => {
  testOnCcfData.for([
    ['eol_service', 500, 85],
    ['double_sealed_service', 509, 312],
    ['cose_flipflop_service', 46, 28],
  ] as const)(
    '%s: %i entries, %i signatures at the level tree',
    async ([service, entries, signatures]) => {
      const ledgerOf = inCcfData(service, 'ledger');
      const report = await replayLedger({ ledger: ledgerOf, level: 'tree' });
      expect(report).toMatchObject({ failure: undefined, checked: { entries, signatures } });
      expect(await replayLedger({ ledger: ledgerOf, level: 'chunks' })).toMatchObject({
        failure: undefined,
        checked: { entries, roots: 0, signatures: 0 },
      });
    },
  );

  testOnCcfData('one chunk alone, and its service pinned', async () => {
    const service = 'double_sealed_service';
    const name = 'ledger_452-473.committed';
    const files = new Map([[name, readCcfFile(service, 'ledger', name)]]);
    const { trusted, checked: found } = await checked('tree', files);
    expect(trusted).toBe(false);
    expect(found).toMatchObject({ entries: 22, signatures: 0 });
    expect(found.roots).toBeGreaterThan(0);
    expect(found.notVerified).toBe(2 * found.roots);
  });
});
