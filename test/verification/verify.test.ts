import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { LedgerSnapshotterError } from '../../src/core/errors.ts';
import { type Certificate, readCertificate } from '../../src/formats/keys/certificate.ts';
import { splitSnapshotFile } from '../../src/formats/snapshot/snapshot-body.ts';
import { openSnapshotVerifier, verifySnapshot } from '../../src/verification/verify.ts';
import { inCcfData, temporaryDirectory } from '../cli/temporary.ts';
import { ccfTestdata } from '../helpers/ccf-folder.ts';
import { testOnCcfData } from '../helpers/ccf-testdata.ts';
import { regenerateCcf } from '../helpers/regenerate-ccf.ts';

const directory = temporaryDirectory();
const fresh = (name: string) => join(directory, name);

const jsonFile = inCcfData('eol_service', 'snapshots', 'snapshot_493_494.committed');
const coseFile = fresh('snapshot_14_15.committed');
/** Signed by the identity before the last one. */
const olderFile = fresh('snapshot_21_22.committed');
const doubleLedger = inCcfData('double_sealed_service', 'ledger');

const pemOfService = (service: string) => inCcfData(service, 'common', 'service_cert.pem');
const certificateOf = (service: string): Certificate =>
  readCertificate(readFileSync(pemOfService(service), 'utf8'));

beforeAll(async () => {
  if (ccfTestdata === undefined) return;
  await regenerateCcf('cose_flipflop_service', 14, directory);
  await regenerateCcf('double_sealed_service', 21, directory);
});

/** The code that a verification is refused with, or `accepted`. */
async function codeOf(verifying: Promise<unknown>): Promise<string> {
  try {
    await verifying;
    return 'accepted';
  } catch (error) {
    if (!(error instanceof LedgerSnapshotterError)) throw error;
    return error.code;
  }
}

describe('verifySnapshot()', () => {
  testOnCcfData.each([
    ['json', jsonFile, 'eol_service'],
    ['cose', coseFile, 'cose_flipflop_service'],
  ])('trusts a %s receipt under the pinned service', async (receiptForm, file, service) => {
    const services = [certificateOf(service)];
    const verified = await verifySnapshot(file, { services });
    expect(verified).toMatchObject({ receiptForm, trusted: true, endorsements: 0 });
    const keys = services.map(({ publicKey }) => publicKey);
    expect((await verifySnapshot(file, { services: keys })).trusted).toBe(true);
    expect((await verifySnapshot(file)).trusted).toBe(false);
  });

  testOnCcfData('finds the right one of several pinned services', async () => {
    const services = ['cose_flipflop_service', 'eol_service'].map(certificateOf);
    expect((await verifySnapshot(jsonFile, { services })).trusted).toBe(true);
  });

  testOnCcfData('asks cose-js about a COSE receipt, and not about a JSON one', async () => {
    const services = ['cose_flipflop_service', 'eol_service'].map(certificateOf);
    const verifier = await openSnapshotVerifier({ services, crossCheck: true });
    expect((await verifier.verify(coseFile)).crossChecked).toBe(true);
    expect((await verifier.verify(jsonFile)).crossChecked).toBe(false);
    await verifier.close();
    expect((await verifySnapshot(coseFile, { crossCheck: true })).crossChecked).toBe(true);
  });

  testOnCcfData('follows the endorsements of a ledger from the pinned identity', async () => {
    const options = {
      services: [certificateOf('double_sealed_service')],
      ledger: doubleLedger,
      crossCheck: true,
    };
    expect(await verifySnapshot(olderFile, options)).toMatchObject({
      trusted: true,
      endorsements: 1,
      crossChecked: true,
    });
  });

  testOnCcfData('refuses an older identity that nothing leads to', async () => {
    const ledger = doubleLedger;
    const pinned = [certificateOf('double_sealed_service')];
    expect(await codeOf(verifySnapshot(olderFile, { services: pinned }))).toBe('UNTRUSTED_SERVICE');
    const foreign = [certificateOf('eol_service')];
    const verifying = verifySnapshot(olderFile, { services: foreign, ledger });
    expect(await codeOf(verifying)).toBe('UNTRUSTED_SERVICE');
  });

  testOnCcfData('starts from the current identity of a ledger, which is no trust', async () => {
    expect(await verifySnapshot(olderFile, { ledger: doubleLedger })).toMatchObject({
      trusted: false,
      endorsements: 1,
    });
    const verifying = verifySnapshot(coseFile, { ledger: doubleLedger });
    expect(await codeOf(verifying)).toBe('UNTRUSTED_SERVICE');
  });

  testOnCcfData('refuses the receipt of another snapshot', async () => {
    const [a, b] = [coseFile, olderFile].map((file) => new Uint8Array(readFileSync(file)));
    if (a === undefined || b === undefined) return;
    for (const [entry, receipt, name] of [
      [splitSnapshotFile(a).entry, splitSnapshotFile(b).receipt, basename(coseFile)],
      [splitSnapshotFile(b).entry, splitSnapshotFile(a).receipt, basename(olderFile)],
    ] as const) {
      mkdirSync(fresh('moved'), { recursive: true });
      const moved = join(fresh('moved'), name);
      writeFileSync(moved, Buffer.concat([entry, receipt]));
      expect(await codeOf(verifySnapshot(moved))).toBe('CLAIMS_DIGEST_MISMATCH');
    }
  });

  testOnCcfData.each([
    ['snapshot_492_494.committed', 'NAME_MISMATCH'],
    ['snapshot_493_495.committed', 'NAME_EVIDENCE_MISMATCH'],
    ['snapshot_494_493.committed', 'BAD_NAME'],
    ['snapshot_0493_494.committed', 'BAD_NAME'],
    ['snapshot_493_494.committed.bak', 'BAD_NAME'],
    ['snapshot_493_494.COMMITTED', 'BAD_NAME'],
    ['another', 'BAD_NAME'],
  ])('refuses the name %s', async (name, code) => {
    copyFileSync(jsonFile, fresh(name));
    const services = [certificateOf('eol_service')];
    expect(await codeOf(verifySnapshot(fresh(name), { services }))).toBe(code);
  });

  describe.each([
    ['JSON', jsonFile, 'eol_service'],
    ['COSE', coseFile, 'cose_flipflop_service'],
  ])('with a %s receipt', (_form, file, service) => {
    testOnCcfData('refuses a bit flipped at any of 200 places', async () => {
      const bytes = new Uint8Array(readFileSync(file));
      const receiptAt = splitSnapshotFile(bytes).entry.length;
      const spread = (from: number, to: number) =>
        Array.from({ length: 100 }, (_, i) => from + Math.floor(((to - from) * i) / 100));
      const verifier = await openSnapshotVerifier({ services: [certificateOf(service)] });
      const codes: string[] = [];
      mkdirSync(fresh('flipped'), { recursive: true });
      const path = join(fresh('flipped'), basename(file));
      for (const at of [...spread(0, receiptAt), ...spread(receiptAt, bytes.length)]) {
        const flipped = bytes.slice();
        flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
        writeFileSync(path, flipped);
        codes.push(await codeOf(verifier.verify(path)));
      }
      expect(codes).toHaveLength(200);
      expect(codes).not.toContain('accepted');
    });
  });

  test.each([
    ['nothing', new Uint8Array(), 'EMPTY_FILE'],
    ['5 bytes', new Uint8Array(5), 'TRUNCATED_HEADER'],
    ['64 zeros', new Uint8Array(64), 'BAD_VERSION'],
  ])('refuses a file of %s', async (_what, bytes, code) => {
    writeFileSync(fresh('snapshot_7_8.committed'), bytes);
    expect(await codeOf(verifySnapshot(fresh('snapshot_7_8.committed')))).toBe(code);
  });

  test('refuses a ledger that is none', async () => {
    mkdirSync(fresh('empty'));
    const options = { ledger: fresh('empty') };
    expect(await codeOf(verifySnapshot(fresh('x'), options))).toBe('EMPTY_LEDGER');
  });

  test('stops when it is aborted', async () => {
    const signal = AbortSignal.abort();
    expect(await codeOf(verifySnapshot(fresh('x'), { signal }))).toBe('ABORTED');
  });
});
