import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { seqno } from '../../../src/core/words.ts';
import { testOnCcfData } from '../../helpers/ccf-testdata.ts';
import { MadeLedger } from '../../helpers/make-ledger.ts';
import { flipBit, ledgerFiles } from '../../helpers/make-ledger-files.ts';
import { makeMembers } from '../../helpers/make-members.ts';
import { change } from '../../helpers/make-tables.ts';
import { linesOf, objectsOf, runHere } from '../run-cli.ts';
import { inCcfData, temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();

function place(name: string, files: ReadonlyMap<string, Uint8Array>): string {
  const path = join(directory, name);
  mkdirSync(path, { recursive: true });
  for (const [file, bytes] of files) writeFileSync(join(path, file), bytes);
  return path;
}

/** Two identities, the second of which endorses the first when it opens. */
const ledger = await MadeLedger.opened({ seed: 'identities', members: makeMembers(1) });
ledger.transaction([change('public:app', { k: 'first' })]);
await ledger.signature();
const first = ledger.identity.serviceCertificate;
ledger.recover();
const recovery = ledger.entries.length;
await ledger.signature();
await ledger.open();
await ledger.signature();
const second = ledger.identity.serviceCertificate;
const path = place('ledger', ledgerFiles(ledger));
const pin = join(directory, 'second.pem');
writeFileSync(pin, second.pem);
const stranger = join(directory, 'stranger.pem');
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
writeFileSync(stranger, publicKey.export({ type: 'spki', format: 'pem' }));

test('identities --json has first and last transaction of each, and who endorses it', async () => {
  const { status, stdout } = await runHere(['identities', path, '--service-cert', pin, '--json']);
  expect(status).toBe(0);
  const [older, newer, summary] = objectsOf(stdout);
  expect(older).toMatchObject({
    keyId: first.keyId,
    first: { seqno: 1 },
    last: { seqno: recovery - 1 },
  });
  expect(older?.['endorsedBy']).toContainEqual(expect.objectContaining({ keyId: second.keyId }));
  expect(newer).toMatchObject({ keyId: second.keyId, first: { seqno: recovery } });
  expect(summary).toMatchObject({ summary: true, identities: 2, trusted: true });
});

test('identities shows people the whole key id, so that it can be compared', async () => {
  const { stdout } = await runHere(['identities', path, '--service-cert', pin]);
  expect(linesOf(stdout)[0]).toContain(first.keyId);
  expect(stdout).toContain('trusted');
});

test('identities exits 1 when no identity that was named signed the ledger', async () => {
  const { status, stderr } = await runHere(['identities', path, '--service-cert', stranger]);
  expect(status).toBe(1);
  expect(stderr).toContain('not made by a service that you named');
});

test('identities without a pin says that anyone could have written the ledger', async () => {
  const { status, stderr } = await runHere(['identities', path]);
  expect(status).toBe(0);
  expect(stderr).toContain('no identity is pinned');
});

test('identities of a ledger that breaks shows what is signed before that, and exits 1', async () => {
  const broken = place('broken', ledgerFiles(flipBit(ledger, seqno(recovery + 1), -1)));
  const { status, stdout, stderr } = await runHere(['identities', broken, '--json']);
  expect(status).toBe(1);
  expect(stderr).toContain('error:');
  expect(objectsOf(stdout).at(-1)).toMatchObject({ summary: true, failure: expect.any(String) });
});

describe('on ledgers that CCF wrote', () => {
  testOnCcfData('identities finds the five of eol and the two of double_sealed', async () => {
    const spans = async (service: string) => {
      const { stdout } = await runHere(['identities', inCcfData(service, 'ledger'), '--json']);
      return objectsOf(stdout)
        .slice(0, -1)
        .map(({ first: from, last }) =>
          [from, last].map((at) => Object.values(at as object).join('.')),
        );
    };
    expect(await spans('eol_service')).toEqual([
      ['2.1', '2.35'],
      ['4.36', '4.65'],
      ['6.66', '6.159'],
      ['8.160', '8.328'],
      ['10.329', '10.500'],
    ]);
    expect(await spans('double_sealed_service')).toEqual([
      ['2.1', '2.483'],
      ['4.484', '5.509'],
    ]);
  });
});
