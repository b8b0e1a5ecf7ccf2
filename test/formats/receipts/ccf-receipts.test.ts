import { describe, expect } from 'vitest';
import { equalBytes, toHex } from '../../../src/core/bytes.ts';
import { decodeEnvelope, writeSetDigest } from '../../../src/formats/entries/entry.ts';
import { decodeServiceInfo, tables } from '../../../src/formats/entries/tables.ts';
import type { Certificate } from '../../../src/formats/keys/certificate.ts';
import { recoverLedgerSecrets } from '../../../src/formats/keys/ledger-secrets.ts';
import { commitEvidence } from '../../../src/formats/merkle/commit-evidence.ts';
import {
  decodeCoseReceipt,
  encodeCoseReceipt,
  verifyCoseReceipt,
} from '../../../src/formats/receipts/cose-receipt.ts';
import {
  decodeJsonReceipt,
  encodeJsonReceipt,
  verifyJsonReceipt,
} from '../../../src/formats/receipts/json-receipt.ts';
import type { ReceiptProof } from '../../../src/formats/receipts/receipt-proof.ts';
import { decodeNodeSignature } from '../../../src/formats/signatures/node-signature.ts';
import { decodeCoseSignatureValue } from '../../../src/formats/signatures/root-signature.ts';
import { splitSnapshotFile } from '../../../src/formats/snapshot/snapshot-body.ts';
import { type CcfService, readCcfFile, testOnCcfData } from '../../helpers/ccf-testdata.ts';
import { readSecretRecords, replayEntries, writtenValue } from '../replay-proofs.ts';

type Unsigned = Omit<ReceiptProof, 'path'>;

interface MadeReceipts {
  readonly cose: Uint8Array[];
  readonly json: Uint8Array[];
}

/** Makes and verifies every receipt for a snapshot's evidence that a real ledger has the parts of. */
async function makeReceipts(service: CcfService): Promise<MadeReceipts> {
  const secrets = recoverLedgerSecrets(readSecretRecords(service));
  const made: MadeReceipts = { cose: [], json: [] };
  const pending = new Map<number, Unsigned>();
  let identity: Certificate | undefined;
  for (const { bytes, publicDomain, tree } of replayEntries(service)) {
    const info = writtenValue(publicDomain, tables.serviceInfo);
    if (info !== undefined) identity = decodeServiceInfo(info).certificate;
    const node = writtenValue(publicDomain, tables.signatures);
    const cose = writtenValue(publicDomain, tables.coseSignatures);
    if (identity !== undefined && (node ?? cose) !== undefined) {
      for (const [seqno, unsigned] of pending) {
        const proof = { ...unsigned, path: tree.path(seqno) };
        if (node !== undefined) made.json.push(await makeJson(node, proof, identity));
        if (cose !== undefined) made.cose.push(await makeCose(cose, proof, identity));
      }
      pending.clear();
    }
    const { claimsDigest, commitEvidenceDigest } = publicDomain;
    const isEvidence = writtenValue(publicDomain, tables.snapshotEvidence) !== undefined;
    if (!isEvidence || claimsDigest === undefined || commitEvidenceDigest === undefined) continue;
    const secret = secrets.secretAt(publicDomain.seqno) ?? new Uint8Array(32);
    const text = commitEvidence(secret, decodeEnvelope(bytes));
    pending.set(publicDomain.seqno, {
      writeSetDigest: writeSetDigest(bytes),
      commitEvidence: text,
      claimsDigest,
    });
  }
  return made;
}

async function makeJson(
  value: Uint8Array,
  proof: ReceiptProof,
  service: Certificate,
): Promise<Uint8Array> {
  const { certificate = '', node, signature } = decodeNodeSignature(value);
  const { path, ...leafComponents } = proof;
  const receipt = encodeJsonReceipt({ certificate, leafComponents, nodeId: node, path, signature });
  await verifyJsonReceipt(decodeJsonReceipt(receipt), {
    claimsDigest: proof.claimsDigest,
    service,
  });
  return receipt;
}

async function makeCose(
  value: Uint8Array,
  proof: ReceiptProof,
  service: Certificate,
): Promise<Uint8Array> {
  const receipt = encodeCoseReceipt({ rootSignature: decodeCoseSignatureValue(value), proof });
  await verifyCoseReceipt(decodeCoseReceipt(receipt), service.publicKey, proof.claimsDigest);
  return receipt;
}

describe('receipts made from real ledgers', () => {
  testOnCcfData.each<
    [CcfService, { json: number; cose: number; lastCoseBytes: number | undefined }]
  >([
    ['cose_flipflop_service', { json: 1, cose: 1, lastCoseBytes: 544 }],
    ['double_sealed_service', { json: 27, cose: 27, lastCoseBytes: 654 }],
    ['eol_service', { json: 23, cose: 0, lastCoseBytes: undefined }],
  ])('%s: all that are possible verify', async (service, expected) => {
    const { cose, json } = await makeReceipts(service);
    const counts = { json: json.length, cose: cose.length, lastCoseBytes: cose.at(-1)?.length };
    expect(counts).toStrictEqual(expected);
  });

  testOnCcfData(
    'eol_service: the last one is the receipt of the real snapshot file, byte for byte',
    async () => {
      const file = readCcfFile('eol_service', 'snapshots', 'snapshot_493_494.committed');
      const { receipt } = splitSnapshotFile(file);
      const { json } = await makeReceipts('eol_service');
      expect(json.filter((made) => equalBytes(made, receipt)).map(toHex)).toStrictEqual([
        toHex(receipt),
      ]);
    },
  );
});
