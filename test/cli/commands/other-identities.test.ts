import { join } from 'node:path';
import { expect, test } from 'vitest';
import { toUtf8 } from '../../../src/core/bytes.ts';
import { realFileSystem } from '../../../src/io/real-file-system.ts';
import { MadeLedger } from '../../helpers/make-ledger.ts';
import { ledgerFiles, writeFiles } from '../../helpers/make-ledger-files.ts';
import { makeMembers } from '../../helpers/make-members.ts';
import type { SignatureValues } from '../../helpers/make-signatures.ts';
import { identityKeys } from '../../helpers/make-tables.ts';
import { runHere } from '../run-cli.ts';
import { temporaryDirectory } from '../temporary.ts';

const root = temporaryDirectory();
const summaryOf = (stdout: string) => JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}');

/** A ledger with a snapshot whose signatures carry a second row, or none; its directories. */
async function writeLedger(name: string, isHybrid: boolean) {
  const ledger = await MadeLedger.opened({ seed: 'hybrid', members: makeMembers(1) });
  const others = isHybrid ? [{ key: identityKeys.pq, value: toUtf8('"AAAA"') }] : [];
  const forge = (values: SignatureValues) => ({ ...values, others });
  ledger.vouch(await ledger.signature({ forge }));
  await ledger.signature({ forge });
  const directory = join(root, name);
  await writeFiles(realFileSystem, directory, ledgerFiles(ledger));
  const pin = join(root, `${name}.pem`);
  await writeFiles(
    realFileSystem,
    root,
    new Map([[`${name}.pem`, toUtf8(ledger.identity.serviceCertificate.pem)]]),
  );
  return { directory, pin };
}

test('replay, verify and recover report a second row, and nothing where there is none', async () => {
  const hybrid = await writeLedger('hybrid', true);
  const classical = await writeLedger('classical', false);
  const replays = await Promise.all(
    [hybrid, classical].map(({ directory, pin }) =>
      runHere(['replay', directory, '--service-cert', pin, '--json']),
    ),
  );
  const [found, none] = replays.map(({ stdout }) => summaryOf(stdout));
  expect(found).toMatchObject({
    unverified: ['PQ'],
    otherSignatures: [{ identity: 'PQ', verified: 0, unverified: 2 }],
    trusted: true,
  });
  expect(Object.keys(none)).not.toContain('unverified');
  expect(Object.keys(none)).not.toContain('otherSignatures');
  const people = await runHere(['replay', hybrid.directory, '--service-cert', hybrid.pin]);
  expect(people.stdout).toMatch(/PQ signatures +2 NOT VERIFIED/);
  expect(people.stderr).toContain('2 signatures of the identity PQ could not be verified');
  const flags = ['--snapshots', root, '--service-cert', hybrid.pin, '--json'];
  const recovered = await runHere(['recover', '--ledger', hybrid.directory, ...flags]);
  expect(summaryOf(recovered.stdout)).toMatchObject({ unverified: ['PQ'] });
  expect(recovered.stderr).toContain('warning: 2 signatures of the identity PQ');
});
