import type { KeyObject } from 'node:crypto';
import { expect } from 'vitest';
import { concatBytes } from '../../src/core/bytes.ts';
import { splitSnapshotFile } from '../../src/formats/snapshot/snapshot-body.ts';
import { verifySnapshotFile } from '../../src/formats/snapshot/verify-snapshot.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import type { ReplayOptions } from '../../src/replay/options.ts';
import { replayLedger } from '../../src/replay/replay.ts';
import type { ReplayedSnapshot, ReplayReport } from '../../src/replay/report.ts';
import type { MadeLedger } from './make-ledger.ts';
import { type Files, ledgerFiles, readFiles, writeFiles } from './make-ledger-files.ts';

export interface ReplayMadeOptions
  extends Pick<
    ReplayOptions,
    | 'level'
    | 'services'
    | 'receipt'
    | 'at'
    | 'memberKeys'
    | 'onSnapshot'
    | 'onPassedOver'
    | 'onIndexProgress'
    | 'onProgress'
  > {
  /** The ledger directory. @default as {@link ledgerFiles} lays it out */
  readonly files?: Files;
  /** Files of read-only directories. @default none */
  readonly readOnly?: readonly Files[];
  /** Existing snapshots to compare with. @default none */
  readonly snapshots?: Files;
  /** Name and bytes of the snapshot to start from. @default the whole ledger is replayed */
  readonly from?: readonly [string, Uint8Array];
}

export interface MadeReplay {
  readonly report: ReplayReport;
  /** What was published. */
  readonly files: Files;
}

/** What each evidence came to, by its seqno. */
export function resultsOf({ snapshots }: ReplayReport): readonly (readonly [number, string])[] {
  return snapshots.map(({ evidenceSeqno, result }) => [evidenceSeqno, result]);
}

/** The members' private keys. */
export function keysOf({ options }: MadeLedger): readonly KeyObject[] {
  return options.members.map(({ privateKey }) => privateKey);
}

/** Replays a made ledger in memory, with the members' keys unless others are given. */
export async function replayMade(
  ledger: MadeLedger,
  options: ReplayMadeOptions = {},
): Promise<MadeReplay> {
  const { files = ledgerFiles(ledger), readOnly = [], snapshots, from, ...rest } = options;
  const fileSystem = new MemoryFileSystem();
  await writeFiles(fileSystem, '/ledger', files);
  for (const [i, other] of readOnly.entries()) await writeFiles(fileSystem, `/ro${i}`, other);
  if (snapshots) await writeFiles(fileSystem, '/snapshots', snapshots);
  if (from) await writeFiles(fileSystem, '/from', new Map([from]));
  const report = await replayLedger({
    ledger: '/ledger',
    readOnlyLedgers: readOnly.map((_, i) => `/ro${i}`),
    out: '/out',
    snapshots: snapshots && '/snapshots',
    from: from && `/from/${from[0]}`,
    memberKeys: keysOf(ledger),
    environment: { fileSystem },
    ...rest,
  });
  expect(fileSystem.openHandles).toBe(0);
  const isFull = rest.level === undefined || rest.level === 'full';
  const published = new Map(isFull ? await readFiles(fileSystem, '/out') : []);
  published.delete('lock');
  return { report, files: published };
}

/**
 * Asserts that a replay brought forth every snapshot that the ledger vouches for, byte for byte, and
 * that every file verifies under the service's own identities.
 */
export async function expectIdentical(ledger: MadeLedger, replay: MadeReplay): Promise<void> {
  const { report, files } = replay;
  expect(report.failure).toBeUndefined();
  expect(report.snapshots.map(essence)).toStrictEqual(
    ledger.vouched.map(({ seqno, evidenceSeqno, digest }) => ({
      seqno,
      evidenceSeqno,
      digest,
      evidence: digest,
      result: 'identical',
    })),
  );
  expect(report.summary.identical).toBe(ledger.vouched.length);
  const named = report.snapshots.flatMap(({ file }) => file ?? []);
  expect([...files.keys()].toSorted()).toStrictEqual(named.toSorted());
  for (const snapshot of report.snapshots) await expectFile(ledger, snapshot, files);
}

const essence = ({ seqno, evidenceSeqno, digest, evidence, result }: ReplayedSnapshot) => ({
  seqno,
  evidenceSeqno,
  digest,
  evidence,
  result,
});

async function expectFile(
  ledger: MadeLedger,
  { file, seqno, receipt }: ReplayedSnapshot,
  files: Files,
): Promise<void> {
  const bytes = files.get(file ?? '');
  if (file === undefined || bytes === undefined) return;
  const made = ledger.vouched.find((vouched) => vouched.seqno === seqno);
  const parts = splitSnapshotFile(bytes);
  expect(concatBytes([parts.entry])).toStrictEqual(concatBytes([made?.entry ?? new Uint8Array()]));
  if (receipt === 'none') {
    expect(parts.receipt).toHaveLength(0);
    return;
  }
  const trustedKeys = ledger.identities.map(({ serviceCertificate, signer }) =>
    receipt === 'cose' ? signer.publicKey : serviceCertificate,
  );
  const verified = await verifySnapshotFile(bytes, { fileName: file, trustedKeys });
  expect(verified).toMatchObject({
    seqno,
    digest: made?.digest,
    receiptForm: receipt,
    trusted: true,
  });
}
