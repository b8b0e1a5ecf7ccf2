import { createHash } from 'node:crypto';
import { basename, dirname, join, relative } from 'node:path';
import { concatBytes, equalBytes, toUtf8 } from '../../src/core/bytes.ts';
import { assert } from '../../src/core/errors.ts';
import { splitSnapshotFile } from '../../src/formats/snapshot/snapshot-body.ts';
import { verifySnapshotFile } from '../../src/formats/snapshot/verify-snapshot.ts';
import { realFileSystem } from '../../src/io/real-file-system.ts';
import { replayLedger } from '../../src/replay/replay.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { ledgerFiles, readFiles, writeFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change } from '../helpers/make-tables.ts';
import { readArguments, refuseArguments } from './usage.ts';

/**
 * Writes a small service into a directory that is not there yet, and its digests beside it:
 * `node dist/test/tools/make-fixture.js test/fixtures/<release>/<name> <date>`.
 */
const usage = 'usage: node dist/test/tools/make-fixture.js DIRECTORY YYYY-MM-DD';
const [directory = '', date = ''] = readArguments(usage, () => process.argv.slice(2));
if (!/^\d{4}-\d{2}-\d{2}$/.test(date)) refuseArguments(usage, 'a directory and a date are missing');

const members = makeMembers(3);
const ledger = await makeSmallLedger();
await writeService();
for (const receipt of ['cose', 'json'] as const) await writeSnapshots(receipt);
await writeProvenance();

/** Two snapshots: one taken late, with a rekey before its evidence, and one in a later view. */
async function makeSmallLedger(): Promise<MadeLedger> {
  const seed = basename(directory);
  const made = new MadeLedger({ seed, members, threshold: 2, curve: 'P-384' });
  await made.signature();
  await made.open();
  made.transaction([
    change('public:app.messages', { first: 'Hello.', second: 'A public message.' }),
    change('app.secrets', { first: 'A private message.' }),
  ]);
  await made.signature();
  made.transaction([change('public:app.messages', { second: 'Another public message.' })]);
  const version = await made.signature();
  made.rekey();
  made.transaction([
    change('public:app.likes', { first: '1' }),
    change('app.drafts', { first: 'Under the new secret.' }),
  ]);
  made.vouch(version, { lateUntil: version + 2 });
  made.changeView(4);
  made.vouch(await made.signature());
  await made.signature();
  return made;
}

/** What a node's data directory holds with the last chunk still open. */
async function writeService(): Promise<void> {
  const { identity } = ledger;
  const pem = (name: string, text: string) => new Map([[name, toUtf8(text)]]);
  await writeFiles(
    realFileSystem,
    join(directory, 'ledger'),
    ledgerFiles(ledger, { last: 'open' }),
  );
  for (const [i, { privateKey }] of members.entries()) {
    const text = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    await writeFiles(
      realFileSystem,
      join(directory, 'keys'),
      pem(`member${i}_enc_privk.pem`, text),
    );
  }
  await writeFiles(
    realFileSystem,
    directory,
    pem('service_cert.pem', identity.serviceCertificate.pem),
  );
}

/** The snapshots with one form of receipt: replayed, and equal to what the model says of each. */
async function writeSnapshots(receipt: 'cose' | 'json'): Promise<void> {
  const out = join(directory, receipt === 'cose' ? 'snapshots' : 'snapshots-json');
  const memberKeys = members.map(({ privateKey }) => privateKey);
  await replayLedger({ ledger: join(directory, 'ledger'), out, memberKeys, receipt });
  const files = await readFiles(realFileSystem, out);
  for (const made of ledger.vouched) {
    const fileName = `snapshot_${made.seqno}_${made.evidenceSeqno}.committed`;
    const bytes = files.get(fileName) ?? new Uint8Array();
    assert(equalBytes(splitSnapshotFile(bytes).entry, made.entry), `${fileName} is as modelled`);
    const trustedKeys = [ledger.identity.serviceCertificate];
    const { trusted } = await verifySnapshotFile(bytes, { fileName, trustedKeys });
    assert(trusted, `${fileName} verifies`);
  }
}

async function writeProvenance(): Promise<void> {
  const folder = dirname(directory);
  const digests: string[] = [];
  for (const name of ['keys', 'ledger', 'snapshots', 'snapshots-json', '.']) {
    for (const [file, bytes] of await readFiles(realFileSystem, join(directory, name))) {
      const hex = createHash('sha256').update(bytes).digest('hex');
      digests.push(`${hex}  ${relative(folder, join(directory, name, file))}`);
    }
  }
  const text = `# Provenance

Written by release ${basename(folder)} of this project on ${date}, with

    node dist/test/tools/make-fixture.js ${directory} ${date}

and never edited since. A second run gives other bytes: its keys and signatures are fresh.
The service, its keys included, exists for these tests only.

\`${basename(directory)}\`: ${ledger.entries.length} transactions of a service with ${members.length} members, two of whom recover it; public and private tables,
a rekey without next_version, a late map, a change of view, signatures of both forms, the last chunk open.
\`snapshots\` has COSE receipts, \`snapshots-json\` the same snapshots with JSON receipts.

    ${digests.join('\n    ')}
`;
  await writeFiles(
    realFileSystem,
    folder,
    new Map([['PROVENANCE.md', concatBytes([toUtf8(text)])]]),
  );
}
