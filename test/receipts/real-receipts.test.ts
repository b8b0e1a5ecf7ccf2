import { describe, expect } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { decodeEnvelope, writeSetDigest } from '../../src/formats/entries/entry.ts';
import { decodeServiceInfo, tables } from '../../src/formats/entries/tables.ts';
import type { Certificate } from '../../src/formats/keys/certificate.ts';
import { recoverLedgerSecrets } from '../../src/formats/keys/ledger-secrets.ts';
import { commitEvidence } from '../../src/formats/merkle/commit-evidence.ts';
import { encodeCoseReceipt } from '../../src/formats/receipts/cose-receipt.ts';
import { encodeJsonReceipt } from '../../src/formats/receipts/json-receipt.ts';
import type { ReceiptProof } from '../../src/formats/receipts/receipt-proof.ts';
import { decodeNodeSignature } from '../../src/formats/signatures/node-signature.ts';
import { decodeCoseSignatureValue } from '../../src/formats/signatures/root-signature.ts';
import { readTrustAnchors, verifyReceipt } from '../../src/receipts/entry.ts';
import { codeOf } from '../formats/expect-code.ts';
import { readSecretRecords, replayEntries, writtenValue } from '../formats/replay-proofs.ts';
import { type CcfService, testOnCcfData } from '../helpers/ccf-testdata.ts';

interface RealReceipt {
  readonly bytes: Uint8Array;
  readonly service: Certificate;
  readonly claimsDigest: Uint8Array;
  readonly txId: string;
}

/** Receipts of every form for the transactions with claims that a real ledger has, as its service would give them. */
function receiptsOf(ledger: CcfService): readonly RealReceipt[] {
  const secrets = recoverLedgerSecrets(readSecretRecords(ledger));
  const receipts: RealReceipt[] = [];
  const pending = new Map<number, Omit<ReceiptProof, 'path'>>();
  let service: Certificate | undefined;
  for (const { bytes, publicDomain, tree } of replayEntries(ledger)) {
    const { claimsDigest, commitEvidenceDigest, seqno } = publicDomain;
    const info = writtenValue(publicDomain, tables.serviceInfo);
    if (info !== undefined) service = decodeServiceInfo(info).certificate;
    const node = writtenValue(publicDomain, tables.signatures);
    const cose = writtenValue(publicDomain, tables.coseSignatures);
    if (service !== undefined && (node !== undefined || cose !== undefined)) {
      for (const [at, unsigned] of pending) {
        const proof = { ...unsigned, path: tree.path(at) };
        const [, txId = ''] = proof.commitEvidence.split(':');
        const common = { service, claimsDigest: proof.claimsDigest, txId };
        if (node !== undefined) receipts.push({ bytes: jsonOf(node, proof), ...common });
        const rootSignature = cose && decodeCoseSignatureValue(cose);
        if (rootSignature !== undefined) {
          receipts.push({ bytes: encodeCoseReceipt({ rootSignature, proof }), ...common });
        }
      }
      pending.clear();
    }
    if (claimsDigest === undefined || commitEvidenceDigest === undefined) continue;
    if (claimsDigest.every((byte) => byte === 0)) continue;
    const secret = secrets.secretAt(seqno) ?? new Uint8Array(32);
    const evidence = commitEvidence(secret, decodeEnvelope(bytes));
    pending.set(seqno, {
      writeSetDigest: writeSetDigest(bytes),
      commitEvidence: evidence,
      claimsDigest,
    });
  }
  return receipts;
}

function jsonOf(value: Uint8Array, proof: ReceiptProof): Uint8Array {
  const { certificate = '', node, signature } = decodeNodeSignature(value);
  const { path, ...leafComponents } = proof;
  return encodeJsonReceipt({ certificate, leafComponents, nodeId: node, path, signature });
}

describe('receipts of real ledgers', () => {
  testOnCcfData.each<[CcfService, { json: number; cose: number }]>([
    ['cose_flipflop_service', { json: 1, cose: 1 }],
    ['double_sealed_service', { json: 29, cose: 29 }],
  ])('%s: all are verified, and refused under another key or claim', async (ledger, counts) => {
    const receipts = receiptsOf(ledger);
    const found = { json: 0, cose: 0 };
    for (const { bytes, service, claimsDigest, txId } of receipts) {
      const services = readTrustAnchors(service.pem);
      const result = await verifyReceipt(bytes, { services, claimsDigest });
      expect(result).toMatchObject({
        trusted: true,
        serviceKeyId: service.keyId,
        claimsDigest: toHex(claimsDigest),
        txId,
        remarks: [],
      });
      if (result.form !== 'statement') found[result.form]++;
      const options = { services, claimsDigest: new Uint8Array(32) };
      expect(await codeOf(verifyReceipt(bytes, options))).toBe('CLAIMS_DIGEST_MISMATCH');
    }
    expect(found).toEqual(counts);
  });
});
