import type { KeyObject } from 'node:crypto';
import { describe, expect } from 'vitest';
import { fromHex, fromUtf8, toHex } from '../../../src/core/bytes.ts';
import { seqno } from '../../../src/core/words.ts';
import {
  decodeEndorsedCertificate,
  decodeNodeInfo,
  decodePreviousServiceRoot,
  decodeServiceInfo,
  type ServiceInfo,
  tables,
} from '../../../src/formats/entries/tables.ts';
import { mapWrites } from '../../../src/formats/entries/write-set.ts';
import {
  type Certificate,
  encodeTbsCertificate,
  readCertificate,
  verifyEndorsed,
} from '../../../src/formats/keys/certificate.ts';
import { keyIdOf } from '../../../src/formats/keys/ec-key.ts';
import { crossCheckSign1 } from '../../../src/formats/signatures/cose-cross-check.ts';
import { verifyCoseSign1 } from '../../../src/formats/signatures/cose-sign1.ts';
import {
  decodeIdentityEndorsement,
  encodeIdentityEndorsement,
  verifyEndorsementChain,
  verifyIdentityEndorsement,
  type WrittenEndorsement,
} from '../../../src/formats/signatures/identity-endorsement.ts';
import {
  decodeNodeSignature,
  encodeNodeSignature,
  verifyNodeSignature,
} from '../../../src/formats/signatures/node-signature.ts';
import {
  checkServiceKeyId,
  decodeCoseSignatureValue,
  decodeRootSignature,
  encodeCoseSignatureValue,
} from '../../../src/formats/signatures/root-signature.ts';
import { type CcfService, testOnCcfData } from '../../helpers/ccf-testdata.ts';
import { type ReplayedEntry, replayEntries, writtenValue } from '../replay-proofs.ts';

/** The identities in force while a ledger is walked. */
class Identities {
  service: ServiceInfo | undefined;
  readonly nodes = new Map<string, Certificate>();
  endorsed = 0;
  /** Certificates in nodes.info, as CCF 1.x had them. */
  old = 0;

  /** Takes in one entry; certificates are checked against the service after the whole transaction. */
  apply({ publicDomain }: ReplayedEntry): void {
    const info = writtenValue(publicDomain, tables.serviceInfo);
    if (info !== undefined) this.service = decodeServiceInfo(info);
    for (const { key, value } of mapWrites(publicDomain, tables.nodesInfo)?.writes ?? []) {
      const { certificate } = decodeNodeInfo(value);
      const isNew = !this.nodes.has(fromUtf8(key));
      if (certificate === undefined || !isNew) continue;
      this.#add(fromUtf8(key), certificate);
      this.old++;
    }
    for (const { key, value } of mapWrites(publicDomain, tables.endorsedCertificates)?.writes ??
      []) {
      this.#add(fromUtf8(key), decodeEndorsedCertificate(value));
      this.endorsed++;
    }
  }

  #add(id: string, certificate: Certificate): void {
    expect(certificate.keyId).toBe(id);
    verifyEndorsed(certificate, this.service?.certificate ?? certificate);
    this.nodes.set(id, certificate);
  }
}

describe('root signatures of real ledgers', () => {
  testOnCcfData.each<[CcfService, { cose: number; node: number; endorsed: number; old: number }]>([
    ['cose_flipflop_service', { cose: 5, node: 23, endorsed: 1, old: 0 }],
    ['double_sealed_service', { cose: 156, node: 156, endorsed: 6, old: 0 }],
    ['eol_service', { cose: 0, node: 85, endorsed: 17, old: 1 }],
  ])('%s: all COSE and node signatures and node certificates verify', async (service, expected) => {
    const identities = new Identities();
    const checks: Promise<void>[] = [];
    const counts = { cose: 0, node: 0 };
    for (const entry of replayEntries(service)) {
      identities.apply(entry);
      const { publicDomain, tree } = entry;
      const cose = writtenValue(publicDomain, tables.coseSignatures);
      if (cose !== undefined) {
        checks.push(checkCose(cose, entry, identities));
        counts.cose++;
      }
      const node = writtenValue(publicDomain, tables.signatures);
      if (node !== undefined) {
        checks.push(checkNode(node, tree.rootPreimage(), toHex(tree.root()), identities));
        counts.node++;
      }
    }
    await Promise.all(checks);
    const { endorsed, old } = identities;
    expect({ ...counts, endorsed, old }).toStrictEqual(expected);
  });

  async function checkCose(
    value: Uint8Array,
    entry: ReplayedEntry,
    identities: Identities,
  ): Promise<void> {
    const bytes = decodeCoseSignatureValue(value);
    expect(toHex(encodeCoseSignatureValue(bytes))).toBe(toHex(value));
    const signature = decodeRootSignature(bytes);
    const key = identities.service?.certificate.publicKey as KeyObject;
    const root = entry.tree.root();
    checkServiceKeyId(signature, keyIdOf(key));
    expect(signature.txId.seqno).toBe(entry.publicDomain.seqno);
    await verifyCoseSign1(signature.message, key, root);
  }

  async function checkNode(
    value: Uint8Array,
    preimage: Uint8Array,
    root: string,
    identities: Identities,
  ): Promise<void> {
    const decoded = decodeNodeSignature(value);
    expect(toHex(encodeNodeSignature(decoded))).toBe(toHex(value));
    expect(toHex(decoded.root)).toBe(root);
    const certificate = identities.nodes.get(decoded.node);
    const embedded = decoded.certificate ?? certificate?.pem ?? '';
    expect(readCertificate(embedded).keyId).toBe(decoded.node);
    await verifyNodeSignature({
      signature: decoded.signature,
      preimage,
      key: certificate?.publicKey as KeyObject,
    });
  }

  testOnCcfData(
    'cose-js accepts all 5 of cose_flipflop_service and every 30th of double_sealed_service',
    async () => {
      let checked = 0;
      for (const [service, step] of [
        ['cose_flipflop_service', 1],
        ['double_sealed_service', 30],
      ] as const) {
        let spki = new Uint8Array();
        let seen = 0;
        for (const { publicDomain, tree } of replayEntries(service)) {
          const info = writtenValue(publicDomain, tables.serviceInfo);
          if (info !== undefined) spki = new Uint8Array(decodeServiceInfo(info).certificate.spki);
          const value = writtenValue(publicDomain, tables.coseSignatures);
          if (value === undefined || seen++ % step !== 0) continue;
          await crossCheckSign1(decodeCoseSignatureValue(value), tree.root(), spki);
          checked++;
        }
      }
      expect(checked).toBe(11);
    },
  );
});

testOnCcfData('encodeTbsCertificate() writes the bytes that real CCF nodes signed', () => {
  let reproduced = 0;
  for (const { publicDomain } of replayEntries('cose_flipflop_service')) {
    const value = writtenValue(publicDomain, tables.serviceInfo);
    if (value === undefined) continue;
    const { certificate } = decodeServiceInfo(value);
    const { x509, publicKey, der } = certificate;
    const subject = x509.subject.replace('CN=', '');
    const profile = {
      subject,
      publicKey,
      serial: fromHex(x509.serialNumber.toLowerCase()),
      notBeforeMs: Date.parse(x509.validFrom),
      notAfterMs: Date.parse(x509.validTo),
      ca: true,
    };
    const tbs = encodeTbsCertificate(profile, { subject, key: publicKey });
    expect(toHex(der.subarray(4, 4 + tbs.length))).toBe(toHex(tbs));
    reproduced++;
  }
  expect(reproduced).toBe(2);
});

describe('identity endorsements of real ledgers', () => {
  function readRecords(service: CcfService): {
    records: WrittenEndorsement[];
    service: ServiceInfo | undefined;
    root?: string;
  } {
    const records: WrittenEndorsement[] = [];
    const last: { service?: ServiceInfo; root?: string } = {};
    for (const { publicDomain } of replayEntries(service)) {
      const value = writtenValue(publicDomain, tables.identityEndorsement);
      if (value !== undefined) records.push({ seqno: publicDomain.seqno, value });
      const info = writtenValue(publicDomain, tables.serviceInfo);
      if (info !== undefined) last.service = decodeServiceInfo(info);
      const root = writtenValue(publicDomain, tables.previousServiceRoot);
      if (root !== undefined) last.root = toHex(decodePreviousServiceRoot(root));
    }
    return {
      records,
      service: last.service,
      ...(last.root === undefined ? {} : { root: last.root }),
    };
  }

  testOnCcfData.each<[CcfService, number]>([
    ['cose_flipflop_service', 1],
    ['double_sealed_service', 3],
  ])('%s: all records verify, the ill-formed one too', async (service, count) => {
    const { records } = readRecords(service);
    expect(records).toHaveLength(count);
    for (const { value } of records) {
      const record = decodeIdentityEndorsement(value);
      expect(toHex(encodeIdentityEndorsement(record))).toBe(toHex(value));
      await verifyIdentityEndorsement(record);
    }
  });

  testOnCcfData('double_sealed_service: the last identity vouches for the first', async () => {
    const { records, service, root } = readRecords('double_sealed_service');
    const trustedKeys = [service?.certificate.publicKey as KeyObject];
    const { createTxId } = service ?? {};
    const links = await verifyEndorsementChain(records, {
      trustedKeys,
      seqno: seqno(481),
      ...(createTxId === undefined ? {} : { serviceStart: createTxId }),
    });
    expect(links).toHaveLength(1);
    expect(links[0]).toMatchObject({ from: { seqno: 1 }, to: { seqno: 483 }, endRoot: root });
  });
});
