import type { KeyObject } from 'node:crypto';
import { describe, expect } from 'vitest';
import { fromHex, fromUtf8, toHex } from '../../src/core/bytes.ts';
import { seqno } from '../../src/core/words.ts';
import {
  type Certificate,
  encodeTbsCertificate,
  readCertificate,
  verifyEndorsed,
} from '../../src/formats/certificate.ts';
import { crossCheckSign1 } from '../../src/formats/cose-cross-check.ts';
import { verifyCoseSign1 } from '../../src/formats/cose-sign1.ts';
import { decodeEnvelope, openPrivateDomain } from '../../src/formats/entry.ts';
import {
  decodeIdentityEndorsement,
  encodeIdentityEndorsement,
  verifyEndorsementChain,
  verifyIdentityEndorsement,
  type WrittenEndorsement,
} from '../../src/formats/identity-endorsement.ts';
import { type LedgerSecrets, recoverLedgerSecrets } from '../../src/formats/ledger-secrets.ts';
import {
  decodeNodeSignature,
  encodeNodeSignature,
  verifyNodeSignature,
} from '../../src/formats/node-signature.ts';
import {
  checkServiceKeyId,
  decodeCoseSignatureValue,
  decodeRootSignature,
  encodeCoseSignatureValue,
} from '../../src/formats/root-signature.ts';
import {
  decodeEndorsedCertificate,
  decodeNodeInfo,
  decodePreviousServiceRoot,
  decodeServiceInfo,
  decodeSnapshotEvidence,
  encodeSnapshotEvidence,
  type ServiceInfo,
  tables,
} from '../../src/formats/tables.ts';
import { mapWrites } from '../../src/formats/write-set.ts';
import { type CcfService, testOnCcfData } from '../helpers/ccf-testdata.ts';
import {
  type ReplayedEntry,
  readMemberKeys,
  readSecretRecords,
  replayEntries,
  writtenValue,
} from './replay-proofs.ts';

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
    checkServiceKeyId(signature, key);
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

describe('ledger secrets of real ledgers', () => {
  function countTags(service: CcfService, secrets: LedgerSecrets): number {
    let opened = 0;
    for (const { bytes, publicDomain } of replayEntries(service)) {
      const secret = secrets.secretAt(publicDomain.seqno) ?? new Uint8Array(32);
      openPrivateDomain(decodeEnvelope(bytes), secret);
      opened++;
    }
    return opened;
  }

  testOnCcfData.each<[CcfService, number[], number]>([
    ['cose_flipflop_service', [1], 46],
    ['double_sealed_service', [1, 484], 509],
    ['eol_service', [1, 36, 66, 160, 329], 500],
  ])('%s: all are recovered and open every entry', (service, starts, entries) => {
    const secrets = recoverLedgerSecrets(readSecretRecords(service));
    expect(secrets.ranges.map(({ from }) => from)).toStrictEqual(starts);
    expect(countTags(service, secrets)).toBe(entries);
  });

  testOnCcfData.each([
    [32, 1],
    [61, 2],
    [92, 3],
    [186, 4],
    [358, 5],
  ])('eol_service: the shares at %i open all %i secrets up to then', (upTo, count) => {
    const all = recoverLedgerSecrets(readSecretRecords('eol_service'));
    const secrets = recoverLedgerSecrets(readSecretRecords('eol_service', { upTo }));
    expect(secrets.ranges).toStrictEqual(all.ranges.slice(0, count));
  });

  testOnCcfData('eol_service: its shares are of both forms', () => {
    const sizes = readSecretRecords('eol_service').shareRecords.map(({ value }) =>
      shareBytes(value),
    );
    expect(sizes).toStrictEqual([113, 113, 113, 113, 44]);
  });

  /** Size of the first member's share. */
  function shareBytes({ encryptedShares }: RecoveryShares): number {
    const [, encrypted = new Uint8Array()] = [...encryptedShares][0] ?? [];
    for (const key of readMemberKeys('eol_service', 3)) {
      const padding = constants.RSA_PKCS1_OAEP_PADDING;
      try {
        return privateDecrypt({ key, padding, oaepHash: 'sha256' }, encrypted).length;
      } catch {
        // another member's key
      }
    }
    return 0;
  }

  testOnCcfData.each([
    [481, false],
    [482, true],
  ])('double_sealed_service: up to %i one key is enough: %s', (upTo, enough) => {
    const records = readSecretRecords('double_sealed_service', { upTo, members: 1 });
    expect(recoverLedgerSecrets(records).secretAt(seqno(1)) !== undefined).toBe(enough);
  });

  testOnCcfData('keys of another service recover nothing', () => {
    const memberKeys = readMemberKeys('double_sealed_service', 3);
    const secrets = recoverLedgerSecrets({ ...readSecretRecords('eol_service'), memberKeys });
    expect(secrets.ranges.filter(({ secret }) => secret !== undefined)).toStrictEqual([]);
  });

  testOnCcfData.each<[string, number, (value: Uint8Array) => Uint8Array]>([
    [tables.recoveryShares, 10, (value) => encodeRecoveryShares(decodeRecoveryShares(value))],
    [tables.historicalSecrets, 9, (value) => encodeHistoricalSecret(decodeHistoricalSecret(value))],
    [tables.snapshotEvidence, 56, (value) => encodeSnapshotEvidence(decodeSnapshotEvidence(value))],
  ])('%s: all %i values survive decoding and encoding', (table, count, recode) => {
    const values = ccfServices.flatMap((service) =>
      [...replayEntries(service)].flatMap(
        ({ publicDomain }) => writtenValue(publicDomain, table) ?? [],
      ),
    );
    expect(values).toHaveLength(count);
    expect(values.map((value) => toHex(recode(value)))).toStrictEqual(values.map(toHex));
  });
});
