import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { concatBytes } from '../../../src/core/bytes.ts';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import { keyIdOf } from '../../../src/formats/keys/ec-key.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../src/formats/snapshot/snapshot-body.ts';
import {
  makeCoseReceipt,
  makeService,
  makeSnapshotFile,
} from '../../formats/make-snapshot-file.ts';
import { ccfTestdata } from '../../helpers/ccf-folder.ts';
import { testOnCcfData } from '../../helpers/ccf-testdata.ts';
import { regenerateCcf } from '../../helpers/regenerate-ccf.ts';
import { objectsOf, runCli, runHere } from '../run-cli.ts';
import { inCcfData, temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const fresh = (name: string) => join(directory, name);

const jsonFile = inCcfData('eol_service', 'snapshots', 'snapshot_493_494.committed');
const coseFile = fresh('snapshot_14_15.committed');
/** Signed by the identity before the last one. */
const olderFile = fresh('snapshot_21_22.committed');
const doubleLedger = inCcfData('double_sealed_service', 'ledger');

const made = makeService('bare', 'P-256');

const pemOfService = (service: string) => inCcfData(service, 'common', 'service_cert.pem');
beforeAll(async () => {
  if (ccfTestdata === undefined) return;
  await regenerateCcf('cose_flipflop_service', 14, directory);
  await regenerateCcf('double_sealed_service', 21, directory);
});

describe.concurrent('verify', () => {
  const eolCert = ['--service-cert', pemOfService('eol_service')];

  testOnCcfData('a pinned service: one line, trusted, exit 0', async () => {
    const { status, stdout, stderr } = await runCli(['verify', jsonFile, ...eolCert, '--json']);
    expect(stdout).toBe(
      `${JSON.stringify({
        file: jsonFile,
        seqno: 493,
        evidenceSeqno: 494,
        digest: '3c4e60b6a4d16c542f62cd15c5e079df2a2235ee4c63c3badb86251de305a379',
        verified: true,
        trusted: true,
      })}\n`,
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  testOnCcfData('nothing pinned: verified, clearly not trusted, and exit 1', async () => {
    const { status, stdout } = await runCli(['verify', jsonFile]);
    expect(stdout).toContain(`${jsonFile}: verified, NOT TRUSTED\n`);
    expect(stdout).toContain('next: name the service that you trust with --service-cert');
    expect(stdout).toContain('--allow-untrusted');
    expect(status).toBe(1);
  });

  testOnCcfData(
    'nothing pinned with --json: the line as before, what to do on stderr',
    async () => {
      const { status, stdout, stderr } = await runHere(['verify', jsonFile, '--json']);
      expect(objectsOf(stdout)).toEqual([
        expect.objectContaining({ seqno: 493, verified: true, trusted: false }),
      ]);
      expect(stderr).toContain('--allow-untrusted');
      expect(status).toBe(1);
    },
  );

  testOnCcfData('a ledger pins nobody: exit 1', async () => {
    const { status, stdout } = await runHere(['verify', olderFile, '--ledger', doubleLedger]);
    expect(stdout).toContain(`${olderFile}: verified, NOT TRUSTED\n`);
    expect(status).toBe(1);
  });

  testOnCcfData('--allow-untrusted: not trusted, and exit 0', async () => {
    for (const more of [[], ['--ledger', inCcfData('eol_service', 'ledger')], ['--json']]) {
      const args = ['verify', jsonFile, '--allow-untrusted', ...more];
      const { status, stdout, stderr } = await runHere(args);
      expect(stdout).toMatch(more.includes('--json') ? /"trusted":false/ : /NOT TRUSTED/);
      expect(stdout + stderr).not.toContain('next:');
      expect(status).toBe(0);
    }
  });

  testOnCcfData(
    '--allow-untrusted allows nothing that does not verify, nor a stranger',
    async () => {
      const foreign = ['--service-cert', pemOfService('double_sealed_service')];
      const refused = await runHere(['verify', jsonFile, ...foreign, '--allow-untrusted']);
      expect(refused.status).toBe(1);
      writeFileSync(fresh('snapshot_8_9.committed'), 'junk that is no snapshot');
      const files = [jsonFile, fresh('snapshot_8_9.committed'), fresh('snapshot_1_2.committed')];
      const { status, stdout } = await runHere(['verify', ...files, '--allow-untrusted']);
      expect(stdout).toContain('3 files: 1 verified, 1 refused, 1 not checked\n');
      expect(status).toBe(1);
    },
  );

  testOnCcfData('several files, nothing pinned: the closing line counts them', async () => {
    const files = [jsonFile, coseFile, fresh('snapshot_1_2.committed')];
    const { status, stdout } = await runHere(['verify', ...files]);
    expect(stdout).toContain('3 files: 0 verified, 2 not trusted, 0 refused, 1 not checked\n');
    expect(status).toBe(1);
  });

  testOnCcfData('a foreign service: refused, exit 1', async () => {
    const foreign = ['--service-cert', pemOfService('double_sealed_service')];
    const { status, stdout } = await runHere(['verify', jsonFile, ...foreign, '--json']);
    const [line] = objectsOf(stdout);
    const names = ['file', 'seqno', 'evidenceSeqno', 'digest', 'verified', 'trusted'];
    expect(Object.keys(line ?? {})).toEqual([...names, 'code', 'message']);
    expect(line).toMatchObject({ seqno: 493, evidenceSeqno: 494, digest: null });
    expect(line).toMatchObject({ verified: false, trusted: false, code: 'UNTRUSTED_SERVICE' });
    expect(status).toBe(1);
  });

  testOnCcfData(
    'several services and files, one of them missing: a line each, exit 3',
    async () => {
      const both = [...eolCert, '--service-cert', pemOfService('cose_flipflop_service')];
      const files = [jsonFile, coseFile, fresh('snapshot_1_2.committed')];
      const { status, stdout } = await runHere(['verify', ...files, ...both, '--cross-check']);
      expect(stdout).toContain(`${jsonFile}: verified, trusted\n`);
      expect(stdout).toContain('cose-js accepts the receipt too');
      expect(stdout).toContain('NOT READ: ');
      expect(stdout).toContain('3 files: 2 verified, 0 refused, 1 not checked\n');
      expect(status).toBe(3);
    },
  );

  testOnCcfData(
    'with --ledger it says how far the signer is from the pinned identity',
    async () => {
      const pinned = ['--service-cert', pemOfService('double_sealed_service')];
      const args = ['verify', olderFile, ...pinned, '--ledger', doubleLedger];
      const { status, stdout } = await runHere(args);
      expect(stdout).toContain('1 endorsement away from the one that is pinned');
      expect(status).toBe(0);
    },
  );

  test('a refused file beats a missing one: exit 1', async () => {
    writeFileSync(fresh('snapshot_3_4.committed'), 'junk that is no snapshot');
    const files = [fresh('snapshot_1_2.committed'), fresh('snapshot_3_4.committed')];
    const { status, stdout } = await runHere(['verify', ...files, '--json']);
    expect(objectsOf(stdout)).toMatchObject([
      { file: files[0], verified: false, code: 'NOT_FOUND' },
      { file: files[1], verified: false, code: 'BAD_VERSION' },
    ]);
    expect(status).toBe(1);
  });

  test('a pipe is no file, and nothing waits for it: exit 3', async () => {
    execFileSync('/usr/bin/env', ['mkfifo', fresh('snapshot_5_6.committed')]);
    const { status, stdout } = await runHere(['verify', fresh('snapshot_5_6.committed'), '--json']);
    expect(objectsOf(stdout)[0]).toMatchObject({ code: 'NOT_A_REGULAR_FILE' });
    expect(status).toBe(3);
  });

  describe.concurrent('what is given as --service-cert', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-521' });
    const texts = {
      'private.pem': String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
      'p521.pem': String(publicKey.export({ type: 'spki', format: 'pem' })),
      'request.pem':
        '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n',
      'text.pem': 'no PEM at all',
      'empty.pem': '',
      'broken.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    };

    test.each([
      ['private.pem', 'a PEM holds a private key: give the certificate or the public key'],
      ['p521.pem', 'CCF signs with P-256 or P-384, this key is secp521r1 [ALG_KEY_MISMATCH]'],
      ['request.pem', 'no P-256 or P-384 public key or certificate: the PEM CERTIFICATE REQUEST'],
      ['text.pem', 'no P-256 or P-384 public key or certificate: it has none [NO_KEY]'],
      ['empty.pem', 'no P-256 or P-384 public key or certificate: it has none [NO_KEY]'],
      ['broken.pem', 'bad certificate: not an X.509 certificate [BAD_CERTIFICATE]'],
    ] as const)('%s is refused: exit 2', async (name, message) => {
      writeFileSync(fresh(name), texts[name]);
      const { status, stdout, stderr } = await runHere([
        'verify',
        'x',
        '--service-cert',
        fresh(name),
      ]);
      expect(stderr).toContain(`error: ${fresh(name)} names no service to trust: ${message}`);
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    });

    test('a public key is enough, and needed where the snapshot names no service', async () => {
      const { service } = made;
      const { content } = decodeSnapshot((await makeSnapshotFile(made, 'cose')).entry);
      const entry = encodeSnapshot({ ...content, publicMaps: [] }, new Uint8Array(32));
      const receipt = await makeCoseReceipt(made, sha256(entry));
      const file = fresh('snapshot_10_12.committed');
      writeFileSync(file, concatBytes([entry, receipt]));
      writeFileSync(fresh('key.pem'), service.publicKey.export({ type: 'spki', format: 'pem' }));
      const unpinned = await runHere(['verify', file]);
      expect(unpinned.status).toBe(1);
      expect(unpinned.stdout).toContain(`its receipt names key ${keyIdOf(service.publicKey)}`);
      expect(unpinned.stdout).toContain('with --service-cert: its certificate, or its public key');
      const { status, stdout } = await runHere([
        'verify',
        file,
        '--service-cert',
        fresh('key.pem'),
      ]);
      expect(stdout).toContain(`${file}: verified, trusted\n`);
      expect(status).toBe(0);
    });

    test('a missing one cannot be read: exit 3', async () => {
      const { status, stderr } = await runHere(['verify', 'x', '--service-cert', fresh('no.pem')]);
      expect(stderr).toContain('does not exist [NOT_FOUND]');
      expect(status).toBe(3);
    });

    testOnCcfData('text around it and other line ends do not matter; two are refused', async () => {
      const pem = readFileSync(pemOfService('eol_service'), 'utf8');
      const windows = `our service\r\n${pem.replaceAll('\n', '\r\n')}`;
      writeFileSync(fresh('windows.pem'), windows);
      const one = await runHere(['verify', jsonFile, '--service-cert', fresh('windows.pem')]);
      expect({ status: one.status, stderr: one.stderr }).toEqual({ status: 0, stderr: '' });
      expect(one.stdout).toContain('verified, trusted');
      writeFileSync(fresh('two.pem'), pem + readFileSync(pemOfService('double_sealed_service')));
      const two = await runHere(['verify', jsonFile, '--service-cert', fresh('two.pem')]);
      expect(two.stderr).toContain('two certificates where one is expected');
      expect(two.stderr).toContain('[SEVERAL_KEYS]');
      expect(two.status).toBe(2);
    });
  });
});
