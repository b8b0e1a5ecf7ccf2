import { constants, privateDecrypt } from 'node:crypto';
import { describe, expect } from 'vitest';
import { toHex } from '../../../src/core/bytes.ts';
import { seqno } from '../../../src/core/words.ts';
import { decodeEnvelope, openPrivateDomain } from '../../../src/formats/entries/entry.ts';
import {
  decodeSnapshotEvidence,
  encodeSnapshotEvidence,
  tables,
} from '../../../src/formats/entries/tables.ts';
import {
  decodeHistoricalSecret,
  encodeHistoricalSecret,
  type LedgerSecrets,
  recoverLedgerSecrets,
} from '../../../src/formats/keys/ledger-secrets.ts';
import {
  decodeRecoveryShares,
  encodeRecoveryShares,
  type RecoveryShares,
} from '../../../src/formats/keys/recovery-shares.ts';
import { type CcfService, ccfServices, testOnCcfData } from '../../helpers/ccf-testdata.ts';
import {
  readMemberKeys,
  readSecretRecords,
  replayEntries,
  writtenValue,
} from '../replay-proofs.ts';

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
    expect(sizes).toStrictEqual([113, 113, 113, 44, 44]);
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
