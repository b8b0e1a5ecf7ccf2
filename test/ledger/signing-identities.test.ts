import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { concatBytes, toBase64, toUtf8 } from '../../src/core/bytes.ts';
import type { FoundSnapshot } from '../../src/files/snapshot-directory.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import { keyIdOf, spkiOf } from '../../src/formats/keys/ec-key.ts';
import { decodeCoseReceipt, encodeCoseReceipt } from '../../src/formats/receipts/cose-receipt.ts';
import { foldReceiptProof } from '../../src/formats/receipts/receipt-proof.ts';
import { signRootSignature } from '../../src/formats/signatures/root-signature.ts';
import { splitSnapshotFile } from '../../src/formats/snapshot/snapshot-body.ts';
import { verifySnapshotFile } from '../../src/formats/snapshot/verify-snapshot.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { checkOneService } from '../../src/verification/one-service.ts';
import { openSnapshotVerifier } from '../../src/verification/verify.ts';
import { type MadeKey, makeKey } from '../formats/make-keys.ts';
import { MadeLedger, type Signing } from '../helpers/make-ledger.ts';
import { type Files, ledgerFiles, writeFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import type { SignatureValues } from '../helpers/make-signatures.ts';
import {
  classicalRow,
  identityKeys,
  identityRow,
  signingIdentities,
} from '../helpers/make-tables.ts';
import { recoverMade } from '../helpers/recover-made.ts';
import { expectIdentical, replayMade } from '../helpers/replay-made.ts';

const members = makeMembers(1);
const separate: Signing = { signerOf: (i) => makeKey(`signer ${i}`, 'P-256') };
const opened = (seed: string, signing: Signing = separate) =>
  MadeLedger.opened({ seed, members, signing });

/** A snapshot, its evidence and the signature of that. */
async function vouched(ledger: MadeLedger): Promise<MadeLedger> {
  ledger.vouch(await ledger.signature());
  await ledger.signature();
  return ledger;
}

/** The same ledger, whose signatures are made by another key than it names. */
function signedBy(ledger: MadeLedger, signer: MadeKey): void {
  const identity = { ...ledger.identity, signer };
  ledger.identities.splice(-1, 1, identity);
}

async function failureOf(ledger: MadeLedger) {
  const { report } = await replayMade(ledger);
  return report.failure;
}

/** The files of a replay, verified under pins or under what the ledger names. */
async function verdictsOf(ledger: MadeLedger, files: Files, services: readonly KeyObject[]) {
  const fileSystem = new MemoryFileSystem();
  await writeFiles(fileSystem, '/ledger', ledgerFiles(ledger));
  await writeFiles(fileSystem, '/snapshots', files);
  const verifier = await openSnapshotVerifier({
    ledger: '/ledger',
    services,
    environment: { fileSystem },
  });
  const verdicts = [];
  for (const name of files.keys()) {
    try {
      const { trusted, serviceKeyId, unverified } = await verifier.verify(`/snapshots/${name}`);
      verdicts.push({ trusted, serviceKeyId, unverified });
    } catch (error) {
      verdicts.push(error);
    }
  }
  await verifier.close();
  return verdicts;
}

describe('a service that signs with a key of its own', () => {
  test('is read: its roots, receipts and endorsements are under that key', async () => {
    const ledger = await vouched(await opened('own key'));
    ledger.recover();
    await ledger.signature();
    await ledger.open();
    await vouched(ledger);
    const replay = await replayMade(ledger, { receipt: 'json' });
    await expectIdentical(ledger, replay);
    expect(replay.report.identities.map(({ endorsed }) => endorsed)).toEqual([true, undefined]);
    expect(replay.report.identities.map(({ keyId }) => keyId)).toEqual([
      idOf(ledger, 0),
      idOf(ledger, 1),
    ]);
    expect(replay.report.otherSignatures).toEqual([]);
  });

  test('is trusted by that key, and not by its certificate’s', async () => {
    const ledger = await vouched(await opened('pins'));
    const { files } = await replayMade(ledger, { receipt: 'cose' });
    const { signer, service, serviceCertificate } = ledger.identity;
    expect(await verdictsOf(ledger, files, [signer.publicKey])).toMatchObject([{ trusted: true }]);
    expect(await verdictsOf(ledger, files, [])).toMatchObject([
      { trusted: false, serviceKeyId: idOf(ledger, 0) },
    ]);
    expect(await verdictsOf(ledger, files, [service.publicKey])).toMatchObject([
      { code: 'UNTRUSTED_SERVICE' },
    ]);
    const { files: json } = await replayMade(ledger, { receipt: 'json' });
    expect(await verdictsOf(ledger, json, [])).toMatchObject([
      { trusted: false, serviceKeyId: serviceCertificate.keyId },
    ]);
    expect(await verdictsOf(ledger, json, [service.publicKey])).toMatchObject([{ trusted: true }]);
  });

  test('is recovered, from a snapshot too, under that key', async () => {
    const ledger = await vouched(await opened('recovered'));
    const { files: snapshots } = await replayMade(ledger, { receipt: 'cose' });
    const services = [ledger.identity.signer.publicKey];
    expect(await recoverMade(ledger, { services })).toMatchObject({ trusted: true });
    expect(await recoverMade(ledger, { services, snapshots })).toMatchObject({
      trusted: true,
      snapshot: { trusted: true },
    });
    const [from] = snapshots;
    const { report } = await replayMade(ledger, from ? { from } : {});
    expect(report.failure).toBeUndefined();
    expect(report.identities.map(({ keyId }) => keyId)).toEqual([idOf(ledger, 0)]);
  });

  test('may have the table join an older ledger, with the key that it signs with already', async () => {
    const ledger = await vouched(await opened('joins', {}));
    ledger.transaction([signingIdentities([classicalRow(ledger.identity.service)])]);
    await vouched(ledger);
    const replay = await replayMade(ledger);
    await expectIdentical(ledger, replay);
    expect(replay.report.identities).toHaveLength(1);
  });

  test('may change the key in mid-ledger, and take it back', async () => {
    const ledger = await vouched(await opened('changes'));
    const first = ledger.identity.signer;
    const second = makeKey('changed', 'P-256');
    ledger.transaction([signingIdentities([classicalRow(second)])]);
    signedBy(ledger, second);
    await vouched(ledger);
    ledger.transaction([signingIdentities([classicalRow(first)])]);
    signedBy(ledger, first);
    await vouched(ledger);
    ledger.transaction([signingIdentities([], [identityKeys.classical])]);
    signedBy(ledger, ledger.identity.service);
    await vouched(ledger);
    const { report } = await replayMade(ledger, { receipt: 'json' });
    expect(report.failure).toBeUndefined();
    expect(report.summary).toMatchObject({ identical: 4, evidences: 4 });
    expect(report.identities).toHaveLength(4);
  });
});

test('prune without a pin knows the service by both of its keys, and no other', async () => {
  const own = await vouched(await opened('prune'));
  const stranger = await vouched(
    await opened('stranger', { signerOf: () => makeKey('stranger', 'P-256') }),
  );
  const fileSystem = new MemoryFileSystem();
  const found: FoundSnapshot[] = [];
  for (const ledger of [own, stranger]) {
    for (const receipt of ['cose', 'json'] as const) {
      const { files } = await replayMade(ledger, { receipt });
      const [bytes] = files.values();
      const file = `snapshot_${3 + found.length}_9.committed`;
      await writeFiles(fileSystem, '/snapshots', new Map([[file, bytes ?? new Uint8Array()]]));
      found.push({ file, bytes: bytes?.length ?? 0, committed: true });
    }
  }
  const place = { fileSystem, directory: '/snapshots' };
  for (const newest of found.slice(0, 2)) {
    const bytes = await fileSystem.readFile(`/snapshots/${newest.file}`, { bytesMax: 1e6 });
    const newer = { file: newest.file, newest: await verifySnapshotFile(bytes) };
    await checkOneService(newer, found.slice(0, 2), place);
    for (const other of found.slice(2)) {
      await expect(checkOneService(newer, [other], place)).rejects.toMatchObject({
        code: 'UNTRUSTED_SERVICE',
      });
    }
  }
});

const idOf = (ledger: MadeLedger, i: number) => {
  const { signer, service } = ledger.identities[i] ?? ledger.identity;
  expect(keyIdOf(signer.publicKey)).not.toBe(keyIdOf(service.publicKey));
  return keyIdOf(signer.publicKey);
};

const goodKey = toBase64(spkiOf(makeKey('kind 0', 'P-256').publicKey));

describe('refused', () => {
  test('the certificate’s key, where the table names another', async () => {
    const ledger = await opened('certificate');
    signedBy(ledger, ledger.identity.service);
    await ledger.signature();
    expect(await failureOf(ledger)).toMatchObject({ code: 'KID_MISMATCH' });
  });

  test('the certificate’s key from the transaction on that writes the table', async () => {
    const ledger = await vouched(await opened('from then on', {}));
    ledger.transaction([signingIdentities([classicalRow(makeKey('new', 'P-256'))])]);
    await ledger.signature();
    expect(await failureOf(ledger)).toMatchObject({ code: 'KID_MISMATCH', seqno: 7 });
  });

  test('the key of before, once it has changed', async () => {
    const ledger = await vouched(await opened('of before'));
    ledger.transaction([signingIdentities([classicalRow(makeKey('next', 'P-256'))])]);
    await ledger.signature();
    expect(await failureOf(ledger)).toMatchObject({ code: 'KID_MISMATCH' });
  });

  test('a table without the classical identity', async () => {
    const ledger = await opened('headless', {
      rows: ({ publicKey }) => [identityRow(identityKeys.pq, spkiOf(publicKey))],
    });
    await ledger.signature();
    const failure = await failureOf(ledger);
    expect(failure).toMatchObject({ code: 'SERVICE_UNKNOWN', table: tables.signingIdentities });
    expect(failure?.message).toContain('no row of the CLASSICAL identity, only PQ');
  });

  test.each([
    ['without the classical identity', identityRow(identityKeys.pq, new Uint8Array(7))],
    ['of another kind', identityRow(identityKeys.classical, new Uint8Array(7), 'COSE_KEY')],
  ])('a table %s, where only nodes sign', async (what, row) => {
    const ledger = await opened(`nodes ${what}`, { rows: () => [row] });
    await ledger.signature({ cose: false });
    expect(await failureOf(ledger)).toMatchObject({ table: tables.signingIdentities });
  });

  test('a table that loses the classical identity, and keeps another', async () => {
    const ledger = await vouched(await opened('loses'));
    const pq = identityRow(identityKeys.pq, new Uint8Array(7));
    ledger.transaction([signingIdentities([pq], [identityKeys.classical])]);
    await ledger.signature();
    expect(await failureOf(ledger)).toMatchObject({ code: 'SERVICE_UNKNOWN' });
  });

  test.each([
    ['another kind', { kind: 'COSE_KEY', value: goodKey }, 'BAD_KEY'],
    ['no kind', { value: 'AAAA' }, 'BAD_JSON'],
    ['no value', { kind: 'X509_SPKI_DER' }, 'BAD_JSON'],
    ['a value that is no base64', { kind: 'X509_SPKI_DER', value: '?' }, 'BAD_BASE64'],
    ['a value that is no key', { kind: 'X509_SPKI_DER', value: 'AAAA' }, 'BAD_KEY'],
  ])('a classical identity of %s, with its place', async (_what, value, code) => {
    const row = { key: identityKeys.classical, value: toUtf8(JSON.stringify(value)) };
    const ledger = await opened('kind', { rows: () => [row] });
    await ledger.signature();
    const failure = await failureOf(ledger);
    const key = '0000000000000000';
    expect(failure).toMatchObject({ code, table: tables.signingIdentities, key });
    expect(failure?.message).toContain(`${tables.signingIdentities}, key ${key}, seqno 1: `);
  });

  test('a classical identity that is post-quantum or of another curve', async () => {
    for (const { publicKey } of [makeKey('curve', 'P-521'), generateKeyPairSync('ed25519')]) {
      const ledger = await opened('curve', { rows: () => [classicalRow({ publicKey })] });
      await ledger.signature();
      expect(await failureOf(ledger)).toMatchObject({ code: 'BAD_KEY' });
    }
  });

  test('a signature of other identities alone', async () => {
    for (const node of [true, false]) {
      const ledger = await opened('pq alone');
      await ledger.signature({
        node,
        forge: ({ cose, ...values }) => ({ ...values, cose: undefined, others: pqRows(cose) }),
      });
      expect(await failureOf(ledger)).toMatchObject({
        code: 'NO_SIGNATURE',
        table: tables.coseSignatures,
        key: '0100000000000000',
      });
    }
  });

  test('a receipt under the certificate’s key, pinned or not', async () => {
    const honest = await vouched(await opened('receipts'));
    const { files } = await replayMade(honest, { receipt: 'cose' });
    // The same state, evidence and place; only the receipt's signature is made with the other key.
    const forged = await signedAnew(files, honest.identity.service);
    for (const services of [[], [honest.identity.service.publicKey]]) {
      const [verdict] = await verdictsOf(honest, forged, services);
      const code = services.length === 0 ? 'UNTRUSTED_SERVICE' : 'KID_MISMATCH';
      expect(verdict).toMatchObject({ code });
    }
  });
});

const pqRows = (value: Uint8Array | undefined) => [
  { key: identityKeys.pq, value: value ?? toUtf8('"AAAA"') },
];

/** The same snapshots, whose receipts another key has signed. */
async function signedAnew(files: Files, { privateKey }: MadeKey): Promise<Files> {
  const signed = [...files].map(async ([name, bytes]) => {
    const { entry, receipt } = splitSnapshotFile(bytes);
    const { proof, signature } = decodeCoseReceipt(receipt);
    const { root } = foldReceiptProof(proof);
    const claims = { iat: 1, iss: 'service.example.com', sub: 'ledger.signature' };
    const txId = signature.txId;
    const rootSignature = await signRootSignature(root, { ...claims, txId }, privateKey);
    const made = concatBytes([entry, encodeCoseReceipt({ rootSignature, proof })]);
    return [name, made] as const;
  });
  return new Map(await Promise.all(signed));
}

describe('rows of other identities', () => {
  const rows = (signer: MadeKey) => [
    classicalRow(signer),
    identityRow(identityKeys.pq, new Uint8Array(1974).fill(7)),
  ];
  const others = (value: string) => [
    { key: identityKeys.pq, value: toUtf8(value) },
    { key: identityKeys.later, value: toUtf8(value) },
  ];

  test.each(['"AAAA"', 'no JSON', ''])(
    'are counted and reported, whatever is in them, and decide nothing: %s',
    async (value) => {
      const ledger = await opened('hybrid', { ...separate, rows });
      const forge = (values: SignatureValues) => ({ ...values, others: others(value) });
      ledger.vouch(await ledger.signature({ forge }));
      await ledger.signature({ forge });
      ledger.transaction([
        { name: tables.identityEndorsement, writes: others(value), removes: [] },
      ]);
      await ledger.signature({ forge });
      const replay = await replayMade(ledger);
      await expectIdentical(ledger, replay);
      expect(replay.report.otherSignatures).toEqual([
        { identity: 'PQ', verified: 0, unverified: 4 },
        { identity: '0200000000000000', verified: 0, unverified: 4 },
      ]);
      const unverified = ['PQ', '0200000000000000'];
      expect(replay.report.unverified).toEqual(unverified);
      const services = [ledger.identity.signer.publicKey];
      expect(await verdictsOf(ledger, replay.files, services)).toMatchObject([
        { trusted: true, unverified },
      ]);
      expect((await recoverMade(ledger, { services })).otherSignatures).toHaveLength(2);
    },
  );

  test('are no endorsements of the classical chain', async () => {
    const ledger = await vouched(await opened('chain'));
    ledger.recover();
    await ledger.signature();
    await ledger.open();
    const opening = ledger.entries.at(-1);
    const endorsement = opening?.maps.find(({ name }) => name === tables.identityEndorsement);
    expect(endorsement?.writes).toHaveLength(1);
    const moved = await vouched(await opened('chain'));
    moved.recover();
    await moved.signature();
    const value = endorsement?.writes[0]?.value ?? new Uint8Array();
    moved.transaction([{ name: tables.identityEndorsement, writes: pqRows(value), removes: [] }]);
    await moved.signature();
    const { report } = await replayMade(moved);
    expect(report.failure).toBeUndefined();
    expect(report.identities.map(({ endorsed }) => endorsed)).toEqual([false, undefined]);
    expect(report.otherSignatures).toEqual([{ identity: 'PQ', verified: 0, unverified: 1 }]);
  });

  test('are counted under few names, however many there are', async () => {
    const ledger = await opened('many');
    const many = Array.from({ length: 300 }, (_, i) => ({
      key: Uint8Array.of(0, 1, i >> 8, i & 255, 0, 0, 0, 0),
      value: toUtf8('"AAAA"'),
    }));
    await ledger.signature({ forge: (values) => ({ ...values, others: many }) });
    const { report } = await replayMade(ledger);
    expect(report.failure).toBeUndefined();
    expect(report.otherSignatures).toHaveLength(17);
  });
});
