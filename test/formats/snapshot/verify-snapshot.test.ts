import { beforeAll, describe, expect, test } from 'vitest';
import { concatBytes, fromUtf8, toUtf8 } from '../../../src/core/bytes.ts';
import { seqno, view } from '../../../src/core/words.ts';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import { tables } from '../../../src/formats/entries/tables.ts';
import { readCertificate } from '../../../src/formats/keys/certificate.ts';
import { decodeCoseReceipt } from '../../../src/formats/receipts/cose-receipt.ts';
import { encodeCoseSign1 } from '../../../src/formats/signatures/cose-sign1.ts';
import {
  decodeSnapshot,
  encodeSnapshot,
  type SnapshotContent,
} from '../../../src/formats/snapshot/snapshot-body.ts';
import { verifySnapshotFile } from '../../../src/formats/snapshot/verify-snapshot.ts';
import { readCcfFile, testOnCcfData } from '../../helpers/ccf-testdata.ts';
import { bitFlips, truncations } from '../../helpers/hostile-bytes.ts';
import { slowTest } from '../../helpers/slow-test.ts';
import { codeOf, refusals } from '../expect-code.ts';
import {
  type MadeSnapshotFile,
  makeCoseReceipt,
  makeJsonReceipt,
  makeService,
  makeSnapshotFile,
} from '../make-snapshot-file.ts';

const made = makeService('snapshot', 'P-256');
const other = makeService('other', 'P-256');
const fileName = 'snapshot_10_12.committed';
let files: Record<'cose' | 'json', MadeSnapshotFile>;

beforeAll(async () => {
  files = {
    cose: await makeSnapshotFile(made, 'cose'),
    json: await makeSnapshotFile(made, 'json'),
  };
});

describe.each(['cose', 'json'] as const)('verifySnapshotFile() with a %s receipt', (form) => {
  const trustedKeys = [other.service.publicKey, made.serviceCertificate];
  const signer = form === 'cose' ? made.serviceCertificate : made.nodeCertificate;

  test('proves seqno, evidence, digest and signer under a pinned identity', async () => {
    const { bytes, digest } = files[form];
    const verified = await verifySnapshotFile(bytes, { fileName, trustedKeys });
    expect(verified).toMatchObject({
      seqno: 10,
      evidenceSeqno: 12,
      evidence: { view: 2, seqno: 12 },
      digest,
      receiptForm: form,
      signerKeyId: signer.keyId,
      serviceKeyId: made.serviceCertificate.keyId,
      trusted: true,
    });
  });

  test('CON-4 (differs) says that a file which only agrees with itself is not trusted', async () => {
    const verified = await verifySnapshotFile(files[form].bytes);
    expect(verified).toMatchObject({ trusted: false, serviceKeyId: made.serviceCertificate.keyId });
  });

  test('refuses a service that is not pinned', async () => {
    const verifying = verifySnapshotFile(files[form].bytes, {
      trustedKeys: [other.service.publicKey],
    });
    expect(await codeOf(verifying)).toBe('UNTRUSTED_SERVICE');
  });

  test.each([
    ['snapshot_11_12.committed', 'NAME_MISMATCH'],
    ['snapshot_10_13.committed', 'NAME_EVIDENCE_MISMATCH'],
    ['snapshot_10_12.committed.bak', 'BAD_NAME'],
    ['snapshot_12_10.committed', 'BAD_NAME'],
  ])('CON-6 refuses the name %s', async (name, code) => {
    expect(await codeOf(verifySnapshotFile(files[form].bytes, { fileName: name }))).toBe(code);
  });

  test('CON-4 refuses a receipt that another service made for the same bytes, pinned or not', async () => {
    const claims = sha256(files[form].entry);
    const foreign = await (form === 'cose'
      ? makeCoseReceipt(other, claims)
      : makeJsonReceipt(other, claims));
    const bytes = concatBytes([files[form].entry, foreign]);
    expect(
      await codeOf(verifySnapshotFile(bytes, { trustedKeys: [made.serviceCertificate] })),
    ).toBe('UNTRUSTED_SERVICE');
    expect(await codeOf(verifySnapshotFile(bytes))).toBe(
      form === 'cose' ? 'KID_MISMATCH' : 'NODE_CERT_NOT_ENDORSED',
    );
  });

  test('CON-3 CON-5 refuses the valid receipt of another snapshot', async () => {
    const receipt = await (form === 'cose' ? makeCoseReceipt : makeJsonReceipt)(
      made,
      new Uint8Array(32),
    );
    const bytes = concatBytes([files[form].entry, receipt]);
    expect(await codeOf(verifySnapshotFile(bytes))).toBe('CLAIMS_DIGEST_MISMATCH');
  });

  test('refuses evidence that is not after the snapshot', async () => {
    const { content } = decodeSnapshot(files[form].entry);
    const bytes = await fileOf(form, { ...content, seqno: seqno(12) });
    const verifying = verifySnapshotFile(bytes, { trustedKeys });
    expect(await codeOf(verifying)).toBe('EVIDENCE_NOT_AFTER_SNAPSHOT');
  });

  test('refuses a snapshot that names no service, unless one is pinned', async () => {
    const { content } = decodeSnapshot(files[form].entry);
    const bytes = await fileOf(form, { ...content, publicMaps: [] });
    expect(await codeOf(verifySnapshotFile(bytes))).toBe('SERVICE_UNKNOWN');
    expect((await verifySnapshotFile(bytes, { trustedKeys })).trusted).toBe(true);
  });

  slowTest('refuses every truncation; a cut receipt is called so', async () => {
    const { bytes, entry } = files[form];
    const cuts = truncations(bytes);
    await refusals(cuts.slice(0, entry.length), (cut) => verifySnapshotFile(cut));
    expect(await codeOf(verifySnapshotFile(cuts[entry.length] ?? bytes))).toBe('RECEIPT_MISSING');
    const codes = await refusals(cuts.slice(entry.length + 1), (cut) => verifySnapshotFile(cut));
    expect([...codes]).toStrictEqual(['RECEIPT_TRUNCATED']);
  });

  test('refuses bytes behind the receipt', async () => {
    const bytes = concatBytes([files[form].bytes, toUtf8('}')]);
    expect(await codeOf(verifySnapshotFile(bytes))).toBe('TRAILING_BYTES');
  });

  slowTest(
    'refuses the file with one bit of any byte flipped, without a pinned identity',
    async () => {
      const flips = bitFlips(files[form].bytes).filter((_, bit) => bit % 8 === (bit >> 3) % 8);
      await refusals(flips, (flipped) => verifySnapshotFile(flipped));
    },
  );
});

describe.each(['cose', 'json'] as const)('verifySnapshotFile() says of a %s receipt', (form) => {
  const trustedKeys = [made.serviceCertificate];
  const trusted = made.serviceCertificate.keyId;
  const foreign = other.serviceCertificate.keyId;

  test('which key signed, and which were pinned', async () => {
    const pinned = { trustedKeys: [other.service.publicKey, other.serviceCertificate] };
    const signer = form === 'cose' ? trusted : `that endorsed node ${made.nodeCertificate.keyId}`;
    await expect(verifySnapshotFile(files[form].bytes, pinned)).rejects.toMatchObject({
      code: 'UNTRUSTED_SERVICE',
      actual: signer,
      message: `the service key ${signer} is not among the pinned ones (${foreign}, ${foreign})`,
    });
  });

  test('what another name must be', async () => {
    const verify = (name: string) =>
      verifySnapshotFile(files[form].bytes, { fileName: name, trustedKeys });
    await expect(verify('snapshot_11_12.committed')).rejects.toMatchObject({
      message: 'snapshot_11_12.committed holds the snapshot of 10',
      file: 'snapshot_11_12.committed',
      actual: 11,
      expected: 10,
    });
    await expect(verify('snapshot_10_13.committed')).rejects.toMatchObject({
      message: 'snapshot_10_13.committed has its evidence at 12',
      file: 'snapshot_10_13.committed',
      actual: 13,
      expected: 12,
    });
    await expect(verify('snapshot_10')).rejects.toMatchObject({
      message: 'not a snapshot file name',
      file: 'snapshot_10',
    });
  });

  test('where its evidence cannot be', async () => {
    const { content } = decodeSnapshot(files[form].entry);
    const bytes = await fileOf(form, { ...content, seqno: seqno(13) });
    await expect(verifySnapshotFile(bytes, { trustedKeys })).rejects.toMatchObject({
      code: 'EVIDENCE_NOT_AFTER_SNAPSHOT',
      message: 'evidence at 12 cannot be of a snapshot at 13',
      seqno: 13,
    });
  });

  test('where it is missing, and where it is cut off', async () => {
    const { bytes, entry } = files[form];
    await expect(verifySnapshotFile(entry)).rejects.toMatchObject({
      code: 'RECEIPT_MISSING',
      message: 'the file ends after the snapshot entry',
      offset: entry.length,
    });
    await expect(verifySnapshotFile(bytes.slice(0, -1))).rejects.toMatchObject({
      code: 'RECEIPT_TRUNCATED',
      message: expect.stringMatching(/^the receipt is cut off: ./),
      offset: bytes.length - 1,
      cause: expect.objectContaining({ name: 'FormatError' }),
    });
  });

  test('that the snapshot names no service, where that table is missing or empty', async () => {
    const { content } = decodeSnapshot(files[form].entry);
    const named =
      form === 'cose'
        ? `key ${made.serviceCertificate.keyId}`
        : `node ${made.nodeCertificate.keyId}`;
    const withoutRecords = content.publicMaps.map((map) => ({ ...map, records: [] }));
    for (const publicMaps of [[], withoutRecords]) {
      const bytes = await fileOf(form, { ...content, publicMaps });
      await expect(verifySnapshotFile(bytes)).rejects.toMatchObject({
        code: 'SERVICE_UNKNOWN',
        message: `the snapshot has no ${tables.serviceInfo}, and so names no service: pin the service's public key or certificate (its receipt names ${named})`,
        actual: named,
      });
    }
  });

  test('the service that the table names, whatever table comes first', async () => {
    const { content } = decodeSnapshot(files[form].entry);
    const first = { name: 'public:a', version: 1, records: [] };
    const bytes = await fileOf(form, { ...content, publicMaps: [first, ...content.publicMaps] });
    expect((await verifySnapshotFile(bytes)).serviceKeyId).toBe(trusted);
  });
});

/** A snapshot of this content with the valid receipt for it. */
async function fileOf(form: 'cose' | 'json', content: SnapshotContent): Promise<Uint8Array> {
  const entry = encodeSnapshot(content, new Uint8Array(32));
  const receipt = await (form === 'cose' ? makeCoseReceipt : makeJsonReceipt)(made, sha256(entry));
  return concatBytes([entry, receipt]);
}

/** The service of the made files, as one that another service endorses. */
const endorsed = { endorsedKey: made.service.publicKey, from: { view: view(1), seqno: seqno(1) } };

test('verifySnapshotFile() pins nothing for JSON by endorsed keys alone', async () => {
  const verifying = verifySnapshotFile(files.json.bytes, {
    endorsed: [endorsed],
  });
  await expect(verifying).rejects.toMatchObject({
    code: 'UNTRUSTED_SERVICE',
    message: expect.stringContaining('(none)'),
  });
});

test('verifySnapshotFile() refuses malformed JSON that is not cut off', async () => {
  const bytes = concatBytes([files.cose.entry, toUtf8('{"cert":x}')]);
  expect(await codeOf(verifySnapshotFile(bytes))).toBe('BAD_JSON');
});

test('verifySnapshotFile() says which byte no receipt begins with', async () => {
  const bytes = concatBytes([files.cose.entry, toUtf8('[]')]);
  await expect(verifySnapshotFile(bytes)).rejects.toMatchObject({
    message: 'a receipt of no known form, its first byte is 91',
    offset: files.cose.entry.length,
    actual: 0x5b,
  });
});

test.each([
  ['zeros', new Uint8Array(64)],
  ['a byte-order mark', toUtf8('\ufeff{}')],
  ['an array', toUtf8('[]')],
])('CON-2 verifySnapshotFile() refuses a receipt of %s', async (_what, receipt) => {
  const bytes = concatBytes([files.cose.entry, receipt]);
  expect(await codeOf(verifySnapshotFile(bytes))).toBe('RECEIPT_FORMAT');
});

test('CON-21 verifySnapshotFile() trusts an endorsed identity for COSE, and like CCF not for JSON', async () => {
  const options = {
    trustedKeys: [other.service.publicKey],
    endorsed: [endorsed],
  };
  expect((await verifySnapshotFile(files.cose.bytes, options)).trusted).toBe(true);
  expect(await codeOf(verifySnapshotFile(files.json.bytes, options))).toBe('UNTRUSTED_SERVICE');
});

test('verifySnapshotFile() refuses a forged signature that names the pinned identity', async () => {
  const { message } = decodeCoseReceipt(files.cose.receipt).signature;
  const signature = decodeCoseReceipt(await makeCoseReceipt(made, new Uint8Array(32))).signature
    .message.signature;
  const bytes = concatBytes([files.cose.entry, encodeCoseSign1({ ...message, signature })]);
  expect(await codeOf(verifySnapshotFile(bytes))).toBe('SIG_INVALID');
  expect(await codeOf(verifySnapshotFile(bytes, { trustedKeys: [made.service.publicKey] }))).toBe(
    'SIG_INVALID',
  );
});

describe('the real snapshot_493_494 of eol_service', () => {
  const name = 'snapshot_493_494.committed';
  const read = () => readCcfFile('eol_service', 'snapshots', name);
  const certificate = (service: string) =>
    readCertificate(fromUtf8(readCcfFile(service, 'common', 'service_cert.pem')));

  testOnCcfData("verifies under its service's certificate", async () => {
    const options = { fileName: name, trustedKeys: [certificate('eol_service')] };
    expect(await verifySnapshotFile(read(), options)).toMatchObject({
      seqno: 493,
      evidence: { view: 10, seqno: 494 },
      digest: '3c4e60b6a4d16c542f62cd15c5e079df2a2235ee4c63c3badb86251de305a379',
      receiptForm: 'json',
      trusted: true,
    });
  });

  testOnCcfData('is refused under a foreign certificate', async () => {
    const options = { trustedKeys: [certificate('double_sealed_service')] };
    expect(await codeOf(verifySnapshotFile(read(), options))).toBe('UNTRUSTED_SERVICE');
  });

  testOnCcfData('agrees with itself, which is no trust', async () => {
    expect((await verifySnapshotFile(read())).trusted).toBe(false);
  });
});
