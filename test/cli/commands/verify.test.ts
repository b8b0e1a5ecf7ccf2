import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { concatBytes } from '../../../src/core/bytes.ts';
import { LedgerSnapshotterError } from '../../../src/core/errors.ts';
import { seqno } from '../../../src/core/words.ts';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import { type Certificate, readCertificate } from '../../../src/formats/keys/certificate.ts';
import { keyIdOf } from '../../../src/formats/keys/ec-key.ts';
import {
  decodeSnapshot,
  encodeSnapshot,
  splitSnapshotFile,
} from '../../../src/formats/snapshot/snapshot-body.ts';
import { readMemberKeys } from '../../../src/ledger/member-keys.ts';
import { replayLedger } from '../../../src/replay/replay.ts';
import { openSnapshotVerifier, verifySnapshot } from '../../../src/verification/verify.ts';
import {
  makeCoseReceipt,
  makeService,
  makeSnapshotFile,
} from '../../formats/make-snapshot-file.ts';
import { ccfTestdata } from '../../helpers/ccf-folder.ts';
import { testOnCcfData } from '../../helpers/ccf-testdata.ts';
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
const certificateOf = (service: string): Certificate =>
  readCertificate(readFileSync(pemOfService(service), 'utf8'));

async function regenerate(service: string, at: number): Promise<void> {
  const memberKeys = await readMemberKeys(inCcfData(service, 'common'));
  const ledger = inCcfData(service, 'ledger');
  await replayLedger({ ledger, out: directory, memberKeys, at: seqno(at) });
}

beforeAll(async () => {
  if (ccfTestdata === undefined) return;
  await regenerate('cose_flipflop_service', 14);
  await regenerate('double_sealed_service', 21);
});

/** The code that a verification is refused with, or `accepted`. */
async function codeOf(verifying: Promise<unknown>): Promise<string> {
  try {
    await verifying;
    return 'accepted';
  } catch (error) {
    if (!(error instanceof LedgerSnapshotterError)) throw error;
    return error.code;
  }
}

describe('verifySnapshot()', () => {
  testOnCcfData.each([
    ['json', jsonFile, 'eol_service'],
    ['cose', coseFile, 'cose_flipflop_service'],
  ])('trusts a %s receipt under the pinned service', async (receiptForm, file, service) => {
    const services = [certificateOf(service)];
    const verified = await verifySnapshot(file, { services });
    expect(verified).toMatchObject({ receiptForm, trusted: true, endorsements: 0 });
    const keys = services.map(({ publicKey }) => publicKey);
    expect((await verifySnapshot(file, { services: keys })).trusted).toBe(true);
    expect((await verifySnapshot(file)).trusted).toBe(false);
  });

  testOnCcfData('finds the right one of several pinned services', async () => {
    const services = ['cose_flipflop_service', 'eol_service'].map(certificateOf);
    expect((await verifySnapshot(jsonFile, { services })).trusted).toBe(true);
  });

  testOnCcfData('asks cose-js about a COSE receipt, and not about a JSON one', async () => {
    const services = ['cose_flipflop_service', 'eol_service'].map(certificateOf);
    const verifier = await openSnapshotVerifier({ services, crossCheck: true });
    expect((await verifier.verify(coseFile)).crossChecked).toBe(true);
    expect((await verifier.verify(jsonFile)).crossChecked).toBe(false);
    await verifier.close();
    expect((await verifySnapshot(coseFile, { crossCheck: true })).crossChecked).toBe(true);
  });

  testOnCcfData('follows the endorsements of a ledger from the pinned identity', async () => {
    const options = {
      services: [certificateOf('double_sealed_service')],
      ledger: doubleLedger,
      crossCheck: true,
    };
    expect(await verifySnapshot(olderFile, options)).toMatchObject({
      trusted: true,
      endorsements: 1,
      crossChecked: true,
    });
  });

  testOnCcfData('refuses an older identity that nothing leads to', async () => {
    const ledger = doubleLedger;
    const pinned = [certificateOf('double_sealed_service')];
    expect(await codeOf(verifySnapshot(olderFile, { services: pinned }))).toBe('UNTRUSTED_SERVICE');
    const foreign = [certificateOf('eol_service')];
    const verifying = verifySnapshot(olderFile, { services: foreign, ledger });
    expect(await codeOf(verifying)).toBe('UNTRUSTED_SERVICE');
  });

  testOnCcfData('starts from the current identity of a ledger, which is no trust', async () => {
    expect(await verifySnapshot(olderFile, { ledger: doubleLedger })).toMatchObject({
      trusted: false,
      endorsements: 1,
    });
    const verifying = verifySnapshot(coseFile, { ledger: doubleLedger });
    expect(await codeOf(verifying)).toBe('UNTRUSTED_SERVICE');
  });

  testOnCcfData('refuses the receipt of another snapshot', async () => {
    const [a, b] = [coseFile, olderFile].map((file) => new Uint8Array(readFileSync(file)));
    if (a === undefined || b === undefined) return;
    for (const [entry, receipt, name] of [
      [splitSnapshotFile(a).entry, splitSnapshotFile(b).receipt, basename(coseFile)],
      [splitSnapshotFile(b).entry, splitSnapshotFile(a).receipt, basename(olderFile)],
    ] as const) {
      mkdirSync(fresh('moved'), { recursive: true });
      const moved = join(fresh('moved'), name);
      writeFileSync(moved, Buffer.concat([entry, receipt]));
      expect(await codeOf(verifySnapshot(moved))).toBe('CLAIMS_DIGEST_MISMATCH');
    }
  });

  testOnCcfData.each([
    ['snapshot_492_494.committed', 'NAME_MISMATCH'],
    ['snapshot_493_495.committed', 'NAME_EVIDENCE_MISMATCH'],
    ['snapshot_494_493.committed', 'BAD_NAME'],
    ['snapshot_0493_494.committed', 'BAD_NAME'],
    ['snapshot_493_494.committed.bak', 'BAD_NAME'],
    ['snapshot_493_494.COMMITTED', 'BAD_NAME'],
    ['another', 'BAD_NAME'],
  ])('refuses the name %s', async (name, code) => {
    copyFileSync(jsonFile, fresh(name));
    const services = [certificateOf('eol_service')];
    expect(await codeOf(verifySnapshot(fresh(name), { services }))).toBe(code);
  });

  describe.each([
    ['JSON', jsonFile, 'eol_service'],
    ['COSE', coseFile, 'cose_flipflop_service'],
  ])('with a %s receipt', (_form, file, service) => {
    testOnCcfData('refuses a bit flipped at any of 200 places', async () => {
      const bytes = new Uint8Array(readFileSync(file));
      const receiptAt = splitSnapshotFile(bytes).entry.length;
      const spread = (from: number, to: number) =>
        Array.from({ length: 100 }, (_, i) => from + Math.floor(((to - from) * i) / 100));
      const verifier = await openSnapshotVerifier({ services: [certificateOf(service)] });
      const codes: string[] = [];
      mkdirSync(fresh('flipped'), { recursive: true });
      const path = join(fresh('flipped'), basename(file));
      for (const at of [...spread(0, receiptAt), ...spread(receiptAt, bytes.length)]) {
        const flipped = bytes.slice();
        flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
        writeFileSync(path, flipped);
        codes.push(await codeOf(verifier.verify(path)));
      }
      expect(codes).toHaveLength(200);
      expect(codes).not.toContain('accepted');
    });
  });

  test.each([
    ['nothing', new Uint8Array(), 'EMPTY_FILE'],
    ['5 bytes', new Uint8Array(5), 'TRUNCATED_HEADER'],
    ['64 zeros', new Uint8Array(64), 'BAD_VERSION'],
  ])('refuses a file of %s', async (_what, bytes, code) => {
    writeFileSync(fresh('snapshot_7_8.committed'), bytes);
    expect(await codeOf(verifySnapshot(fresh('snapshot_7_8.committed')))).toBe(code);
  });

  test('refuses a ledger that is none', async () => {
    mkdirSync(fresh('empty'));
    const options = { ledger: fresh('empty') };
    expect(await codeOf(verifySnapshot(fresh('x'), options))).toBe('EMPTY_LEDGER');
  });

  test('stops when it is aborted', async () => {
    const signal = AbortSignal.abort();
    expect(await codeOf(verifySnapshot(fresh('x'), { signal }))).toBe('ABORTED');
  });
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
