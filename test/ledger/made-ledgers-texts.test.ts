import { describe, expect, test } from 'vitest';
import { fromUtf8, toUtf8 } from '../../src/core/bytes.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import { makeService } from '../formats/make-snapshot-file.ts';
import { pemForms } from '../formats/pem-forms.ts';
import { MadeLedger, type MadeLedgerOptions } from '../helpers/make-ledger.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change, nodeJoins } from '../helpers/make-tables.ts';
import { recoverMade } from '../helpers/recover-made.ts';
import { expectIdentical, replayMade } from '../helpers/replay-made.ts';

const members = makeMembers(1);
const opened = (seed: string, options: Partial<MadeLedgerOptions> = {}) =>
  MadeLedger.opened({ seed, members, ...options });

/** A disaster, and a snapshot on each side of it. */
async function makeRecovered(options: Partial<MadeLedgerOptions>): Promise<MadeLedger> {
  const ledger = await opened('texts', options);
  ledger.transaction([change('public:app', { a: '1' }), change('app', { b: '2' })]);
  ledger.vouch(await ledger.signature());
  await ledger.signature();
  ledger.recover();
  await ledger.signature();
  await ledger.open();
  ledger.vouch(await ledger.signature());
  await ledger.signature();
  return ledger;
}

describe.each(pemForms)('certificates with %s', (_form, pemForm) => {
  test.each(['json', 'cose'] as const)('are read by replay, receipts %s', async (receipt) => {
    const ledger = await makeRecovered({ pemForm });
    await expectIdentical(ledger, await replayMade(ledger, { receipt }));
  });

  test('are read by replay of CCF 1.x', async () => {
    const ledger = await makeRecovered({ pemForm, isOldRelease: true });
    await expectIdentical(ledger, await replayMade(ledger));
  });

  test('are read from the state of a snapshot, by replay and by recover', async () => {
    const ledger = await makeRecovered({ pemForm });
    const { files } = await replayMade(ledger, { receipt: 'json' });
    for (const from of files) {
      const { report } = await replayMade(ledger, { from });
      expect(report.failure).toBeUndefined();
      expect(report.from).toMatchObject({ isCompared: true });
    }
    const services = ledger.identities.map(({ serviceCertificate }) => serviceCertificate);
    const recovered = await recoverMade(ledger, { snapshots: files, services });
    expect(recovered).toMatchObject({ trusted: true, snapshot: { seqno: 10 } });
  });
});

describe('a certificate of a node that cannot be read', () => {
  const stranger = makeService('a stranger').nodeCertificate.keyId;

  test.each([
    [tables.endorsedCertificates, stranger, 'not a certificate'],
    [tables.endorsedCertificates, 'no node id', ''],
    [tables.nodesInfo, stranger, '{"cert":"\\u0000","status":"Trusted"}'],
    [tables.nodesInfo, stranger, '{"cert":7}'],
    [tables.nodesInfo, stranger, 'no JSON'],
    [tables.nodesInfo, '\u00e9', '{"x":1,"x":2}'],
  ])(
    'in %s of %s does not stop a ledger that the node never signs: %s',
    async (table, key, value) => {
      const ledger = await opened('unread');
      ledger.transaction([change(table, { [key]: value })]);
      ledger.vouch(await ledger.signature());
      await ledger.signature();
      const replay = await replayMade(ledger, { receipt: 'cose' });
      await expectIdentical(ledger, replay);
      const [file] = [...replay.files];
      const { report } = await replayMade(ledger, file ? { from: file } : {});
      expect(report.failure).toBeUndefined();
    },
  );

  test.each([
    [tables.endorsedCertificates, '-----BEGIN CERTIFICATE-----', 'BAD_CERTIFICATE'],
    [tables.endorsedCertificates, '\0', 'BAD_CERTIFICATE'],
    [tables.endorsedCertificates, 'x'.repeat(1024 * 1024), 'BAD_CERTIFICATE'],
    [tables.nodesInfo, '{"cert":"","status":"Trusted"}', 'BAD_CERTIFICATE'],
    [tables.nodesInfo, '{"cert":{}}', 'BAD_JSON'],
  ])('in %s is an error once the node signs, with its place: %.40s', async (table, value, code) => {
    const ledger = await opened('signs');
    const seqno = ledger.transaction([change(table, { [stranger]: value })]);
    const { keyId } = ledger.identity.nodeCertificate;
    await ledger.signature();
    await ledger.signature({
      forge: ({ node, ...values }) => ({
        ...values,
        node: node && toUtf8(fromUtf8(node).replace(keyId, stranger)),
      }),
    });
    const { report } = await replayMade(ledger);
    expect(report.failure).toMatchObject({ code, table, key: stranger, seqno: seqno + 2 });
    expect(report.failure?.message).toContain(`${table}, key ${stranger}, seqno ${seqno}: `);
  });

  test('is no error any more once it was written again', async () => {
    const ledger = await opened('written again');
    const { nodeCertificate } = ledger.identity;
    ledger.transaction([change(tables.endorsedCertificates, { [nodeCertificate.keyId]: 'x' })]);
    ledger.transaction(nodeJoins(nodeCertificate, false));
    ledger.vouch(await ledger.signature());
    await ledger.signature();
    await expectIdentical(ledger, await replayMade(ledger));
  });
});

test('a service.info that cannot be read is an error with table, key and seqno', async () => {
  const ledger = await opened('service unread');
  const seqno = ledger.transaction([
    {
      name: tables.serviceInfo,
      writes: [{ key: new Uint8Array(8), value: toUtf8('{}') }],
      removes: [],
    },
  ]);
  await ledger.signature();
  const { report } = await replayMade(ledger);
  const place = { table: tables.serviceInfo, key: '00'.repeat(8), seqno };
  expect(report.failure).toMatchObject({ code: 'BAD_JSON', ...place });
  expect(report.failure?.message).toContain(
    `${tables.serviceInfo}, key 0000000000000000, seqno ${seqno}: cert is not a string`,
  );
});

test('a record of service.info under another key is nobody’s identity', async () => {
  const ledger = await opened('other key');
  const { serviceCertificate } = makeService('other key');
  const value = JSON.stringify({ cert: serviceCertificate.pem, status: 'Open' });
  ledger.transaction([change(tables.serviceInfo, { '\u0001zzzzzzz': value })]);
  ledger.vouch(await ledger.signature());
  await ledger.signature();
  const replay = await replayMade(ledger);
  await expectIdentical(ledger, replay);
  const [file] = [...replay.files];
  const { report } = await replayMade(ledger, file ? { from: file } : {});
  expect(report.failure).toBeUndefined();
});

test('a node signature that says another view than its entry is an error', async () => {
  const ledger = await opened('view');
  await ledger.signature({
    forge: ({ node, ...values }) => ({
      ...values,
      node: node && toUtf8(fromUtf8(node).replace('"view":2', '"view":3')),
    }),
  });
  const { report } = await replayMade(ledger);
  expect(report.failure).toMatchObject({ code: 'VIEW_MISMATCH' });
});
