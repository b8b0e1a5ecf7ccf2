import { describe, expect, test } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../src/core/bytes.ts';
import { digest, type Seqno } from '../../src/core/words.ts';
import { verifySnapshot } from '../../src/engine/verify.ts';
import { sha256 } from '../../src/formats/sha256.ts';
import { encodeSnapshot } from '../../src/formats/snapshot-body.ts';
import { encodeSnapshotEvidence, tables } from '../../src/formats/tables.ts';
import type { MapWrites } from '../../src/formats/write-set.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { MadeLedger, type MadeSnapshot } from '../helpers/make-ledger.ts';
import { ledgerFiles, writeFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change, singleton, snapshotEvidence } from '../helpers/make-tables.ts';
import { codeOf } from '../helpers/node-host.ts';
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
});
