import { describe, expect, test } from 'vitest';
import { tables } from '../../src/formats/entries/tables.ts';
import type { MapWrites } from '../../src/formats/entries/write-set.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change } from '../helpers/make-tables.ts';
import { recoverMade } from '../helpers/recover-made.ts';
import { replayMade } from '../helpers/replay-made.ts';

const members = makeMembers(1);
const data = change('app', { k: 'acknowledged' });

/** A ledger whose last signature has an entry behind it that changes a table, and one of data behind that. */
async function makeTail(changed: MapWrites) {
  const ledger = await MadeLedger.opened({ seed: 'steering', members });
  const signed = await ledger.signature();
  const seqno = ledger.transaction([changed]);
  const last = ledger.transaction([data]);
  return { ledger, signed, seqno, last, services: [ledger.identity.serviceCertificate] };
}

/** Everything that says who and what is believed, as `tables` names it. */
const steering = [
  'serviceInfo',
  'serviceConfig',
  'signingIdentities',
  'nodesInfo',
  'endorsedCertificates',
  'memberInfo',
  'memberCertificates',
  'memberEncryptionKeys',
  'historicalSecrets',
  'recoveryShares',
  'encryptedSecrets',
  'identityEndorsement',
  'previousServiceRoot',
  'signatures',
  'coseSignatures',
  'tree',
] as const satisfies readonly (keyof typeof tables)[];

describe('behind the last signature nothing counts once an entry changes a table that steers', () => {
  test.for(steering)('recover(): %s', async (name) => {
    const { ledger, signed, seqno, last, services } = await makeTail(
      change(tables[name], {}, ['a key']),
    );
    expect(await recoverMade(ledger, { services })).toMatchObject({
      seqno: signed,
      verifiedUntil: signed,
      trusted: true,
      unsigned: { seqno, last, steering: { seqno, table: tables[name] }, acknowledged: last },
    });
  });

  test.for(steering)('replayLedger(): %s', async (name) => {
    const { ledger, signed, seqno } = await makeTail(change(tables[name], {}, ['a key']));
    const { report } = await replayMade(ledger);
    expect(report).toMatchObject({
      failure: undefined,
      summary: { transactions: signed, verifiedUntil: signed },
      unsigned: { seqno, table: tables[name] },
    });
  });

  test.for(['memberCertificates', 'encryptedSecrets'] as const)(
    'written as well as removed: %s',
    async (name) => {
      const { ledger, signed, services } = await makeTail(change(tables[name], { k: 'v' }));
      expect(await recoverMade(ledger, { services })).toMatchObject({ seqno: signed });
    },
  );

  test('an entry that names such a table and changes nothing of it steers nothing', async () => {
    const { ledger, last, services } = await makeTail(change(tables.serviceInfo, {}));
    expect(await recoverMade(ledger, { services })).toMatchObject({
      seqno: last,
      unsigned: undefined,
    });
  });

  test('evidence of a snapshot and data steer nothing', async () => {
    const { ledger, last, services } = await makeTail(change(tables.snapshotStatus, { k: 'v' }));
    expect(await recoverMade(ledger, { services })).toMatchObject({
      seqno: last,
      unsigned: undefined,
    });
    expect((await replayMade(ledger)).report).toMatchObject({
      summary: { transactions: last },
      unsigned: undefined,
    });
  });
});
