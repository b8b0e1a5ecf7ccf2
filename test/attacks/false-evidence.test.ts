import { describe, expect, test } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../src/core/bytes.ts';
import { assert } from '../../src/core/errors.ts';
import { digest, type Seqno } from '../../src/core/words.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import { decodeEnvelope, writeSetDigest } from '../../src/formats/entries/entry.ts';
import { encodeSnapshotEvidence, tables } from '../../src/formats/entries/tables.ts';
import {
  decodePublicDomain,
  entryLeaf,
  type MapWrites,
  mapWrites,
  singletonValue,
} from '../../src/formats/entries/write-set.ts';
import { commitEvidence } from '../../src/formats/merkle/commit-evidence.ts';
import { MerkleTree } from '../../src/formats/merkle/merkle-tree.ts';
import { encodeCoseReceipt } from '../../src/formats/receipts/cose-receipt.ts';
import { decodeCoseSignatureValue } from '../../src/formats/signatures/root-signature.ts';
import {
  decodeSnapshot,
  encodeSnapshot,
  splitSnapshotFile,
} from '../../src/formats/snapshot/snapshot-body.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { prune } from '../../src/recovery/prune.ts';
import { verifySnapshot } from '../../src/verification/verify.ts';
import { fakeProcesses } from '../files/fake-processes.ts';
import { AttackedNode } from '../helpers/attacked-node.ts';
import type { LedgerForger } from '../helpers/forge-ledger.ts';
import { MadeLedger, type MadeSnapshot } from '../helpers/make-ledger.ts';
import { ledgerFiles, writeFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change, singleton, snapshotEvidence } from '../helpers/make-tables.ts';
import { codeOf, makeNodeKeyFiles, plant } from '../helpers/node-host.ts';
import { madeState, receiptOf, recoverMade, stateOf } from '../helpers/recover-made.ts';

const members = makeMembers(1);

/** What an application's user makes of a real state: one record says something else. */
function falseSnapshot(ledger: MadeLedger, version: Seqno): MadeSnapshot {
  const { content } = ledger.snapshot(version);
  const publicMaps = content.publicMaps.map((map) =>
    map.name === 'public:app'
      ? {
          ...map,
          records: map.records.map((record) => ({ ...record, value: Uint8Array.of(0x21) })),
        }
      : map,
  );
  const changed = { ...content, publicMaps };
  const entry = encodeSnapshot(changed, ledger.secrets.at(version));
  return { seqno: version, content: changed, entry, digest: digest(toHex(sha256(entry))) };
}

type Writes = (forged: MadeSnapshot, real: MadeSnapshot) => readonly MapWrites[];

/** Transactions that claim the digest of the false snapshot, and do not record it as evidence of it. */
const claims: readonly (readonly [string, Writes])[] = [
  ['an application’s transaction', () => [change('public:app', { user: 'claims it' })]],
  ['one that writes nothing in the clear', () => [change('app', { user: 'claims it' })]],
  ['evidence of the real snapshot', (_, real) => snapshotEvidence(real.seqno, real.digest)],
  [
    'evidence of another seqno',
    ({ digest: hash, seqno }) => [
      singleton(
        tables.snapshotEvidence,
        encodeSnapshotEvidence({ hash, version: (seqno - 1) as Seqno }),
      ),
    ],
  ],
  [
    'evidence under another key of its table',
    ({ digest: hash, seqno: version }) => [
      change(tables.snapshotEvidence, { user: encodeSnapshotEvidence({ hash, version }) }),
    ],
  ],
  [
    'evidence in a table of nearly that name',
    ({ digest: hash, seqno: version }) => [
      singleton(`${tables.snapshotEvidence}s`, encodeSnapshotEvidence({ hash, version })),
    ],
  ],
  [
    'evidence in a private table of that name',
    ({ digest: hash, seqno: version }) => [
      singleton(
        tables.snapshotEvidence.replace('public:', ''),
        encodeSnapshotEvidence({ hash, version }),
      ),
    ],
  ],
  ['evidence that is removed', () => [change(tables.snapshotEvidence, {}, ['evidence'])]],
  ['evidence of no form', () => [singleton(tables.snapshotEvidence, 'not JSON')]],
  [
    'the status of a snapshot alone',
    ({ seqno, digest: hash }) => snapshotEvidence(seqno, hash).slice(1),
  ],
];

async function makeClaimed(writes: Writes | undefined) {
  const ledger = await MadeLedger.opened({ seed: 'claims', members });
  ledger.transaction([change('public:app', { k: 'real' })]);
  const version = await ledger.signature();
  const [forged, real] = [falseSnapshot(ledger, version), ledger.snapshot(version)];
  const subject = writes === undefined ? real : forged;
  const evidenceSeqno =
    writes === undefined
      ? ledger.evidence(real)
      : ledger.transaction(writes(forged, real), { claims: fromHex(forged.digest) });
  const signatureSeqno = await ledger.signature();
  const receipt = receiptOf(ledger, { seqno: evidenceSeqno, signatureSeqno });
  const file = `snapshot_${version}_${evidenceSeqno}.committed`;
  return { ledger, file, bytes: concatBytes([subject.entry, receipt]), last: signatureSeqno };
}

async function verify({ ledger, file, bytes }: Awaited<ReturnType<typeof makeClaimed>>) {
  const fileSystem = new MemoryFileSystem();
  await writeFiles(fileSystem, '/ledger', ledgerFiles(ledger));
  await writeFiles(fileSystem, '/snapshots', new Map([[file, bytes]]));
  const services = [ledger.identity.serviceCertificate];
  const options = { services, ledger: '/ledger', environment: { fileSystem } };
  return codeOf(verifySnapshot(`/snapshots/${file}`, options));
}

describe('a claim is no evidence where the ledger is at hand', () => {
  test('evidence is', async () => {
    const made = await makeClaimed(undefined);
    expect(await verify(made)).toBe('accepted');
  });

  test.for(claims)('verifySnapshot(): %s', async ([, writes]) => {
    expect(await verify(await makeClaimed(writes))).toBe('NOT_SNAPSHOT_EVIDENCE');
  });

  test.for(claims)('recover(): %s', async ([, writes]) => {
    const { ledger, file, bytes, last } = await makeClaimed(writes);
    const recovered = await recoverMade(ledger, {
      snapshots: new Map([[file, bytes]]),
      services: [ledger.identity.serviceCertificate],
    });
    expect(recovered.refused).toMatchObject([{ file, code: 'NOT_SNAPSHOT_EVIDENCE' }]);
    expect(stateOf(recovered.tables.values())).toStrictEqual(madeState(ledger, last));
  });

  test.for(claims)('recover() of a ledger that begins behind it: %s', async ([, writes]) => {
    const { ledger, file, bytes } = await makeClaimed(writes);
    const [version = 0] = file.match(/\d+/g)?.map(Number) ?? [];
    const files = [...ledgerFiles(ledger)].filter(([name]) => firstOf(name) > version);
    const refused: string[] = [];
    const recovering = recoverMade(ledger, {
      files: new Map(files),
      snapshots: new Map([[file, bytes]]),
      services: [ledger.identity.serviceCertificate],
      onRefused: ({ code }) => refused.push(code),
    });
    await expect(recovering).rejects.toThrow();
    expect(refused).toEqual(['NOT_SNAPSHOT_EVIDENCE']);
  });

  test.for(claims)('prune(): %s', async ([, writes]) => {
    const { report, file } = await pruned(await makeClaimed(writes));
    expect(report.newestValid).toBeUndefined();
    expect(report.refused).toMatchObject([{ file, code: 'NOT_SNAPSHOT_EVIDENCE' }]);
  });

  test('prune() takes one with evidence', async () => {
    const { report, file } = await pruned(await makeClaimed(undefined));
    expect(report.newestValid?.file).toBe(file);
  });
});

const firstOf = (name: string) => Number(name.match(/\d+/)?.[0]);

async function pruned({ ledger, file, bytes }: Awaited<ReturnType<typeof makeClaimed>>) {
  const fileSystem = new MemoryFileSystem();
  await writeFiles(fileSystem, '/ledger', ledgerFiles(ledger));
  await writeFiles(fileSystem, '/copies', ledgerFiles(ledger));
  await writeFiles(fileSystem, '/snapshots', new Map([[file, bytes]]));
  const report = await prune({
    snapshots: '/snapshots',
    keep: 1,
    services: [ledger.identity.serviceCertificate],
    ledger: { directory: '/ledger', copies: '/copies' },
    environment: { fileSystem, processes: fakeProcesses() },
  });
  return { report, file };
}

/** A node whose last snapshot was changed, and an application's user who has claimed the digest of that. */
async function claimedAtNode() {
  const attacked = await AttackedNode.lived(makeNodeKeyFiles(), { snapshots: 1 });
  const { host, forger, secret } = attacked;
  const [real] = [...(await host.snapshotFiles())].toSorted(([a], [b]) => firstOf(b) - firstOf(a));
  assert(real !== undefined, 'a snapshot was taken');
  const { content } = decodeSnapshot(splitSnapshotFile(real[1]).entry, secret);
  const publicMaps = [...content.publicMaps, { name: 'public:false', version: 1, records: [] }];
  const { seqno } = content;
  const entry = encodeSnapshot({ ...content, publicMaps }, secret);
  const claims = new Uint8Array(sha256(entry));
  const evidenceSeqno = forger.append([change('records', { user: 'claims it' })], {
    secret,
    claims,
  });
  await forger.write();
  await (await host.open()).close();
  const receipt = nodeReceipt(await attacked.forgerNow(), evidenceSeqno, { secret, claims });
  const file = `snapshot_${seqno}_${evidenceSeqno}.committed`;
  return { host, file, bytes: concatBytes([entry, receipt]), real: real[0] };
}

/** What the node's own next signature proves of a transaction. */
function nodeReceipt(
  { entries }: LedgerForger,
  seqno: Seqno,
  { secret, claims }: { readonly secret: Uint8Array; readonly claims: Uint8Array },
): Uint8Array {
  const signature = entries.find((entry) => entry.isSignature && entry.seqno > seqno);
  const proven = entries[seqno - 1];
  assert(signature !== undefined && proven !== undefined, `${seqno} is signed`);
  const tree = MerkleTree.genesis();
  for (const { bytes } of entries.slice(0, signature.seqno - 1)) {
    tree.append(entryLeaf(bytes, decodePublicDomain(decodeEnvelope(bytes).publicDomain)));
  }
  const writes = mapWrites(signature, tables.coseSignatures);
  const value = writes && singletonValue(writes);
  assert(value !== undefined, 'it has a COSE signature');
  return encodeCoseReceipt({
    rootSignature: decodeCoseSignatureValue(value),
    proof: {
      writeSetDigest: writeSetDigest(proven.bytes),
      commitEvidence: commitEvidence(secret, proven),
      claimsDigest: claims,
      path: tree.path(seqno),
    },
  });
}

test('a node’s own start refuses a snapshot that its ledger only claims', async () => {
  const { host, file, bytes, real } = await claimedAtNode();
  await plant(host.disk, `/node/snapshots/${file}`, bytes);
  const fileSystem = host.disk;
  const options = { services: [host.servicePublicKey], environment: { fileSystem } };
  const alone = await verifySnapshot(`/node/snapshots/${file}`, options);
  expect(alone.trusted, 'a receipt alone cannot tell').toBe(true);
  const node = await host.start();
  expect(node.recovered.refused).toMatchObject([{ file, code: 'NOT_SNAPSHOT_EVIDENCE' }]);
  expect(node.recovered.snapshot?.file).toBe(real);
  expect(node.get('public:false', 'k')).toBeUndefined();
});
