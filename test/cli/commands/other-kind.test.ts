import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import {
  type MadeSnapshotFile,
  makeJsonReceipt,
  makeService,
  makeSnapshotFile,
} from '../../formats/make-snapshot-file.ts';
import { objectsOf, runHere } from '../run-cli.ts';
import { temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const made = makeService('kinds', 'P-256');
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
let snapshot: MadeSnapshotFile;

beforeAll(async () => {
  snapshot = await makeSnapshotFile(made, 'cose');
});

function write(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

/** The start of a chunk: the place of its offset table, and an entry. */
const chunk = () => new Uint8Array([0, 2, 0, 0, 0, 0, 0, 0, 1, 0, 4, 0, 0, 0, 0, 0, 9, 9, 9, 9]);

const files: readonly (readonly [string, () => string | Promise<string>, string, RegExp])[] = [
  [
    'a chunk',
    () => write('ledger_1-2.committed', chunk()),
    'ledger_1-2.committed is by its name a chunk of a ledger, not a snapshot',
    /next: verify the ledger that it is of with: ledger-snapshotter replay \//,
  ],
  [
    'an open chunk',
    () => write('ledger_3', chunk()),
    'ledger_3 is by its name a chunk of a ledger, not a snapshot',
    /ledger-snapshotter replay/,
  ],
  [
    'a spool',
    () => write('spool_10_0.tmp', snapshot.entry.slice(0, 50)),
    'spool_10_0.tmp is by its name still being written, not a snapshot',
    /next: wait until it has its name/,
  ],
  [
    'a certificate',
    () => write('service_cert.pem', made.serviceCertificate.pem),
    'service_cert.pem is a certificate, not a snapshot',
    /next: to trust a service, give its certificate with --service-cert/,
  ],
  [
    'a private key',
    () => write('service_key.pem', pair.privateKey.export({ type: 'sec1', format: 'pem' })),
    'service_key.pem is a private key, not a snapshot',
    /next: no snapshot is verified with a private key/,
  ],
  [
    'a public key',
    () => write('service.pem', pair.publicKey.export({ type: 'spki', format: 'pem' })),
    'service.pem is a public key, not a snapshot',
    /next: to trust a service, give its public key/,
  ],
  [
    'a COSE receipt',
    () => write('receipt.cose', snapshot.receipt),
    'receipt.cose is a COSE message, such as a receipt, not a snapshot',
    /next: a receipt by itself is verified with: ledger-snapshotter receipt verify /,
  ],
  [
    'a JSON receipt',
    async () => write('receipt.json', await makeJsonReceipt(made, sha256(snapshot.entry))),
    'receipt.json is a JSON text, such as a receipt, not a snapshot',
    /next: a receipt by itself is verified with: ledger-snapshotter receipt verify /,
  ],
];

describe.each(files)('%s', (_what, make, message, next) => {
  test('verify says what it is, and what reads it', async () => {
    const file = await make();
    const { status, stdout } = await runHere(['verify', file]);
    expect(status).toBe(1);
    expect(stdout).toContain(`${file}: REFUSED: ${message} [`);
    expect(stdout).toMatch(next);
    const json = await runHere(['verify', file, '--json']);
    expect(objectsOf(json.stdout)).toMatchObject([{ verified: false, trusted: false, message }]);
  });

  test('show says so, too', async () => {
    const { status, stderr } = await runHere(['show', await make()]);
    expect(status).toBe(2);
    expect(stderr).toContain(`error: ${message}`);
    expect(stderr).toMatch(next);
  });
});

test('a damaged snapshot is not taken for another kind', async () => {
  const damaged = snapshot.bytes.slice(0, 100);
  const { stdout } = await runHere(['verify', write('snapshot_10_12.committed', damaged)]);
  expect(stdout).toContain('[TRUNCATED_BODY]');
  expect(stdout).not.toContain('not a snapshot');
});
