import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import { decodeServiceInfo, tables } from '../../src/formats/entries/tables.ts';
import type { Certificate } from '../../src/formats/keys/certificate.ts';
import { publicKeyOfSpki } from '../../src/formats/keys/ec-key.ts';
import { decodeCoseReceipt, verifyCoseReceipt } from '../../src/formats/receipts/cose-receipt.ts';
import { crossCheckSign1 } from '../../src/formats/signatures/cose-cross-check.ts';
import {
  type SnapshotContent,
  splitSnapshotFile,
} from '../../src/formats/snapshot/snapshot-body.ts';
import { verifySnapshotFile } from '../../src/formats/snapshot/verify-snapshot.ts';
import { readMemberKeys } from '../../src/ledger/member-keys.ts';
import { replayLedger } from '../../src/replay/replay.ts';
import type { ReplayReport } from '../../src/replay/report.ts';
import { ccfTestdata } from '../helpers/ccf-folder.ts';
import { testOnCcfData } from '../helpers/ccf-testdata.ts';

const services = ['eol', 'double_sealed', 'cose_flipflop'] as const;
type Service = (typeof services)[number];

const pathOf = (service: Service, ...names: string[]) =>
  join(ccfTestdata ?? '', `${service}_service`, ...names);

let out = '';
const reports = new Map<Service, ReplayReport>();

beforeAll(async () => {
  if (ccfTestdata === undefined) return;
  out = await mkdtemp(join(tmpdir(), 'replay-'));
  for (const service of services) {
    const report = await replayLedger({
      ledger: pathOf(service, 'ledger'),
      out: join(out, service),
      memberKeys: await readMemberKeys(pathOf(service, 'common')),
    });
    reports.set(service, report);
  }
}, 120_000);

afterAll(async () => {
  if (out !== '') await rm(out, { recursive: true });
});

describe('a ledger that CCF wrote', () => {
  testOnCcfData.for([
    [
      'eol',
      {
        transactions: 500,
        nodeSignatures: 85,
        coseSignatures: 0,
        privateDomains: 110,
        evidences: 28,
      },
    ],
    [
      'double_sealed',
      {
        transactions: 509,
        nodeSignatures: 156,
        coseSignatures: 156,
        privateDomains: 0,
        evidences: 27,
      },
    ],
    [
      'cose_flipflop',
      { transactions: 46, nodeSignatures: 23, coseSignatures: 5, privateDomains: 13, evidences: 1 },
    ],
  ] as const)('%s is verified whole, and every snapshot in it regenerated', ([service, counts]) => {
    const report = reports.get(service);
    expect(report?.failure).toBeUndefined();
    expect(report?.summary).toEqual({
      ...counts,
      verifiedUntil: counts.transactions,
      identical: counts.evidences,
    });
    expect(report?.snapshots.map(({ result }) => result)).toEqual(
      Array.from({ length: counts.evidences }, () => 'identical'),
    );
    expect(report?.snapshots.map(({ outcome }) => outcome)).toEqual(
      Array.from({ length: counts.evidences }, () => 'committed'),
    );
  });

  testOnCcfData('leaves nothing beside the snapshots', async () => {
    const files = (
      await Promise.all(services.map((service) => readdir(join(out, service))))
    ).flat();
    expect(files).toHaveLength(56);
    expect(files.filter((file) => !/^snapshot_\d+_\d+\.committed(_\d+)?$/.test(file))).toEqual([]);
  });

  testOnCcfData(
    'eol has the snapshot that its node wrote, byte for byte, receipt included',
    async () => {
      const file = 'snapshot_493_494.committed';
      const theirs = await readFile(pathOf('eol', 'snapshots', file));
      expect(await readFile(join(out, 'eol', file))).toEqual(theirs);
    },
  );

  testOnCcfData('eol shows the three producer profiles, and the names of CCF 1.x', () => {
    const snapshots = reports.get('eol')?.snapshots ?? [];
    const profiles = snapshots.map(
      ({ seqno, profile, receipt }) => `${seqno} ${profile} ${receipt}`,
    );
    expect(profiles.slice(0, 7)).toEqual([
      '11 1 none',
      '18 1 none',
      '23 1 none',
      '28 1 none',
      '33 1 none',
      '63 2 json',
      '93 3+ json',
    ]);
    expect(snapshots[0]?.file).toBe('snapshot_11_12.committed_14');
  });
});

describe('the COSE receipts of double_sealed and cose_flipflop', () => {
  const withCose = ['double_sealed', 'cose_flipflop'] as const;

  testOnCcfData('are accepted by our verifier and by cose-js, all 28', async () => {
    let accepted = 0;
    for (const service of withCose) {
      for (const { file = '', receipt } of reports.get(service)?.snapshots ?? []) {
        expect(receipt).toBe('cose');
        const bytes = new Uint8Array(await readFile(join(out, service, file)));
        const { content } = await verifySnapshotFile(bytes, { fileName: file });
        const { entry, receipt: received } = splitSnapshotFile(bytes);
        const { spki } = serviceOf(content);
        const key = publicKeyOfSpki(spki, 'BAD_CERTIFICATE');
        const decoded = decodeCoseReceipt(received);
        const { root } = await verifyCoseReceipt(decoded, key, sha256(entry));
        await crossCheckSign1(received, root, spki);
        accepted++;
      }
    }
    expect(accepted).toBe(28);
  });
});

/** The service identity in a snapshot's own state. */
function serviceOf({ publicMaps }: SnapshotContent): Certificate {
  const records = publicMaps.find(({ name }) => name === tables.serviceInfo)?.records ?? [];
  const value = records[0]?.value ?? new Uint8Array(0);
  return decodeServiceInfo(value).certificate;
}
