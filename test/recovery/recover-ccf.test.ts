import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { readCertificate } from '../../src/formats/keys/certificate.ts';
import { readMemberKeys } from '../../src/ledger/member-keys.ts';
import { recover, recoverLedger } from '../../src/recovery/recover.ts';
import { copyLedger, inCcfData, temporaryDirectory } from '../cli/temporary.ts';
import { ccfServices, testOnCcfData } from '../helpers/ccf-testdata.ts';
import { stateOf } from '../helpers/recover-made.ts';

const directory = temporaryDirectory();
const keysOf = (service: string) => readMemberKeys(inCcfData(service, 'common'));
const pinOf = (service: string) =>
  readCertificate(readFileSync(inCcfData(service, 'common', 'service_cert.pem'), 'utf8'));

const eol = {
  ledger: inCcfData('eol_service', 'ledger'),
  snapshots: inCcfData('eol_service', 'snapshots'),
};
const file = 'snapshot_493_494.committed';

/** The last entry and signature, as `replay` reads them too. */
const lasts = { cose_flipflop_service: 46, double_sealed_service: 509, eol_service: 500 };

describe('recover() on ledgers that CCF wrote', () => {
  testOnCcfData.each(ccfServices)(
    '%s: the whole ledger, under its pinned service',
    async (name) => {
      const recovered = await recover({
        ledger: inCcfData(name, 'ledger'),
        services: [pinOf(name)],
        memberKeys: await keysOf(name),
      });
      expect(recovered).toMatchObject({
        trusted: true,
        isComplete: true,
        seqno: lasts[name],
        verifiedUntil: lasts[name],
        torn: undefined,
      });
    },
  );

  testOnCcfData('eol_service: snapshot and suffix are the whole ledger', async () => {
    const memberKeys = await keysOf('eol_service');
    const services = [pinOf('eol_service')];
    const recovered = await recoverLedger({ ...eol, services, memberKeys });
    expect(recovered).toMatchObject({
      trusted: true,
      isComplete: true,
      snapshot: { file, seqno: 493, evidenceSeqno: 494, trusted: true },
      refused: [],
      transactions: 7,
      seqno: 500,
    });
    const whole = await recoverLedger({ ledger: eol.ledger, memberKeys });
    expect(recovered.root).toBe(whole.root);
    expect(recovered.viewHistory).toStrictEqual(whole.viewHistory);
    expect(recovered.end).toStrictEqual(whole.end);
    expect(stateOf(recovered.store.tables.values())).toStrictEqual(
      stateOf(whole.store.tables.values()),
    );
  });

  testOnCcfData('eol_service: the chunks before the snapshot are not needed', async () => {
    const ledger = join(directory, 'only-494');
    cpSync(join(eol.ledger, 'ledger_494'), join(ledger, 'ledger_494'));
    const recovered = await recover({ ...eol, ledger });
    expect(recovered).toMatchObject({ snapshot: { file }, seqno: 500, isComplete: false });
    rmSync(ledger, { recursive: true });
  });

  testOnCcfData('eol_service: damage in the open chunk, before its last signature', async () => {
    const ledger = copyLedger('eol_service', directory, 'damaged');
    const chunk = join(ledger, 'ledger_494');
    const bytes = readFileSync(chunk);
    bytes[60] = (bytes[60] ?? 0) ^ 1;
    writeFileSync(chunk, bytes);
    const memberKeys = await keysOf('eol_service');
    for (const keys of [memberKeys, []]) {
      await expect(recover({ ...eol, ledger, memberKeys: keys })).rejects.toMatchObject({
        file: 'ledger_494',
        seqno: expect.any(Number),
        offset: expect.any(Number),
      });
    }
  });

  testOnCcfData('eol_service: a torn tail behind its last signature', async () => {
    const ledger = copyLedger('eol_service', directory, 'torn');
    const chunk = join(ledger, 'ledger_494');
    const bytes = readFileSync(chunk);
    writeFileSync(chunk, Buffer.concat([bytes, Buffer.alloc(300)]));
    expect(await recover({ ...eol, ledger })).toMatchObject({
      seqno: 500,
      torn: { file: 'ledger_494', offset: bytes.length, bytes: 300 },
    });
  });
});
