import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { toHex, toUtf8 } from '../../../src/core/bytes.ts';
import type { CborValue } from '../../../src/formats/encoding/cbor.ts';
import { sha256 } from '../../../src/formats/encoding/sha256.ts';
import { testOnCcfData } from '../../helpers/ccf-testdata.ts';
import {
  claims,
  claimsDigest,
  made,
  makeReceipt,
  makeStatement,
  receiptOf,
  statementDigest,
  stranger,
  transparent,
} from '../../receipts/make-receipts.ts';
import { objectsOf, runHere } from '../run-cli.ts';
import { inCcfData, temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();

function file(name: string, bytes: Uint8Array | string): string {
  const path = join(directory, name);
  writeFileSync(path, bytes);
  return path;
}

const receipt = file('receipt.cose', makeReceipt());
const pem = file('service.pem', made.serviceCertificate.pem);
const strangerPem = file('stranger.pem', stranger.serviceCertificate.pem);
const pin = ['--service-cert', pem];
const statement = makeStatement();
const digest = statementDigest(statement);
const whole = transparent(statement, [receiptOf(digest)]);
const statementFile = file('statement.cose', whole);

const verify = (...args: readonly string[]) => runHere(['receipt', 'verify', ...args]);

describe('receipt verify', () => {
  test('says whose receipt it is, and which claims it proves', async () => {
    const { status, stdout, stderr } = await verify(receipt, ...pin);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('verified, trusted');
    expect(stdout).toContain(`claims digest ${toHex(claimsDigest)}, not compared with any claims`);
    expect(stdout).toContain(`signed by service ${made.serviceCertificate.keyId}`);
  });

  test('says the same to a program', async () => {
    const { status, stdout } = await verify(receipt, ...pin, '--json');
    expect(status).toBe(0);
    expect(objectsOf(stdout)).toMatchObject([
      {
        file: receipt,
        verified: true,
        trusted: true,
        form: 'cose',
        claimsDigest: toHex(claimsDigest),
        serviceKeyId: made.serviceCertificate.keyId,
      },
    ]);
  });

  test.for<[string, () => string[], number, string]>([
    ['their digest', () => ['--claims', toHex(claimsDigest)], 0, ', that of --claims'],
    ['it in capitals', () => ['--claims', toHex(claimsDigest).toUpperCase()], 0, ', that of'],
    ['the claims', () => ['--claims-file', file('claims', claims)], 0, ', that of '],
    [
      'another digest',
      () => ['--claims', toHex(sha256(claimsDigest))],
      1,
      'CLAIMS_DIGEST_MISMATCH',
    ],
    ['other claims', () => ['--claims-file', file('other', 'other')], 1, 'CLAIMS_DIGEST_MISMATCH'],
    ['a statement', () => ['--claims-file', statementFile], 1, 'CLAIMS_DIGEST_MISMATCH'],
    ['half a digest', () => ['--claims', 'abcd'], 2, '64 hex characters'],
    ['no digest', () => ['--claims', 'z'.repeat(64)], 2, '64 hex characters'],
    ['no such file', () => ['--claims-file', join(directory, 'none')], 3, 'does not exist'],
    [
      'both',
      () => ['--claims', toHex(claimsDigest), '--claims-file', file('claims', claims)],
      2,
      'cannot be used with',
    ],
  ])('compares it with %s', async ([, args, expected, text]) => {
    const { status, stdout, stderr } = await verify(receipt, ...pin, ...args());
    expect(stdout + stderr).toContain(text);
    expect(status).toBe(expected);
  });

  test('compares a receipt with its statement, with or without the receipts in it', async () => {
    const own = file('own.cose', receiptOf(digest));
    for (const name of [statementFile, file('bare.cose', transparent(statement, []))]) {
      expect(await verify(own, ...pin, '--claims-file', name)).toMatchObject({ status: 0 });
    }
    const grafted = file('grafted.cose', receiptOf(statementDigest(makeStatement('another'))));
    const { status, stdout } = await verify(grafted, ...pin, '--claims-file', statementFile);
    expect(status).toBe(1);
    expect(stdout).toContain('CLAIMS_DIGEST_MISMATCH');
  });

  test('verifies the receipts of a transparent statement', async () => {
    const { status, stdout } = await verify(statementFile, ...pin);
    expect(status).toBe(0);
    expect(stdout).toContain('statement with 1 receipt; the signature of its issuer was not');
    expect(stdout).toContain(`${toHex(digest)}, that of this statement`);
    const grafted = transparent(statement, [makeReceipt()]);
    expect(await verify(file('grafted', grafted), ...pin)).toMatchObject({ status: 1 });
    const json = await verify(statementFile, ...pin, '--json');
    expect(objectsOf(json.stdout)).toMatchObject([
      { form: 'statement', receipts: [{ txId: '2.12' }], issuerSignature: 'not-verified' },
    ]);
  });

  test('of one that only another service has signed is refused', async () => {
    const { status, stdout } = await verify(receipt, '--service-cert', strangerPem);
    expect(status).toBe(1);
    expect(stdout).toContain('REFUSED');
    expect(stdout).toContain('[KID_MISMATCH]');
    expect(stdout).toContain('next: ');
  });

  test('without a service has nothing to verify a COSE receipt with', async () => {
    const { status, stdout } = await verify(receipt);
    expect(status).toBe(1);
    expect(stdout).toContain('[SERVICE_UNKNOWN]');
    expect(stdout).toContain('--service-cert');
  });

  test('takes a key in every form, and through a link', async () => {
    const { publicKey } = made.serviceCertificate;
    const jwk = publicKey.export({ format: 'jwk' });
    const spki = publicKey.export({ format: 'der', type: 'spki' });
    const link = join(directory, 'link.pem');
    symlinkSync(pem, link);
    for (const path of [
      link,
      file('key.der', spki),
      file('certificate.der', made.serviceCertificate.der),
      file('key.jwk', JSON.stringify(jwk)),
      file('keys.jwks', JSON.stringify({ keys: [{ kty: 'RSA' }, jwk] })),
    ]) {
      expect(await verify(receipt, '--service-cert', path)).toMatchObject({ status: 0 });
    }
    const { status, stderr } = await verify(receipt, '--service-cert', receipt);
    expect(status).toBe(2);
    expect(stderr).toContain('names no service to trust');
    const secret = file('private.jwk', JSON.stringify({ ...jwk, d: 'AA' }));
    expect(await verify(receipt, '--service-cert', secret)).toMatchObject({ status: 2 });
    const skipped = await verify(receipt, '--service-cert', join(directory, 'keys.jwks'));
    expect(skipped.stderr).toContain('was skipped: it is of type RSA');
  });

  test('knows a key by the id that its file gives it', async () => {
    const { publicKey } = made.serviceCertificate;
    const header: [number | string, CborValue][] = [
      [4, toUtf8('key 7')],
      [395, 2],
      ['ccf.v1', new Map([['txid', '2.15']])],
    ];
    const own = file('own-kid.cose', makeReceipt({ withoutKid: true, header }));
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'key 7' };
    const named = file('named.jwk', JSON.stringify(jwk));
    expect(await verify(own, '--service-cert', named)).toMatchObject({ status: 0 });
    const other = await verify(own, ...pin);
    expect(other.stdout).toContain('[KID_MISMATCH]');
  });

  test.for<[string, string, Uint8Array | string, string]>([
    ['nothing', 'empty', '', 'EMPTY_FILE'],
    ['text', 'readme.txt', 'hello', 'CBOR_'],
    ['JSON of another kind', 'other.json', '{"a":1}', 'RECEIPT_'],
    ['a signed statement alone', 'signed.cose', transparent(statement, []), 'RECEIPT_MISSING'],
    ['a snapshot', 'snapshot_5_7.committed', makeReceipt().subarray(9), 'is a snapshot'],
  ])('refuses %s, and says what to do', async ([, name, bytes, text]) => {
    const { status, stdout } = await verify(file(name, bytes), ...pin);
    expect(status).toBe(1);
    expect(stdout).toContain('REFUSED');
    expect(stdout).toContain(text);
    expect(stdout).toContain('  next: ');
  });

  test('cannot read what is not there', async () => {
    const { status, stdout } = await verify(join(directory, 'nothing'), ...pin);
    expect(status).toBe(3);
    expect(stdout).toContain('NOT READ');
    const json = await verify(join(directory, 'nothing'), ...pin, '--json');
    expect(objectsOf(json.stdout)).toMatchObject([{ verified: false, code: 'NOT_FOUND' }]);
  });

  test('refuses a root that is none, and a ledger without a service', async () => {
    expect(await verify(receipt, ...pin, '--trusted-root', 'ab')).toMatchObject({ status: 2 });
    expect(await verify(receipt, '--ledger', directory)).toMatchObject({ status: 2 });
    const readOnly = ['--read-only-ledger', directory];
    expect(await verify(receipt, ...pin, ...readOnly)).toMatchObject({ status: 2 });
  });
});

const service = 'double_sealed_service';

describe('receipt verify of a real service that was recovered', () => {
  const ledger = () => inCcfData(service, 'ledger');
  const current = () => ['--service-cert', inCcfData(service, 'common', 'service_cert.pem')];
  const keys = () => ['--member-keys', inCcfData(service, 'common')];

  async function made(seqno: number, form: string): Promise<string> {
    const out = join(directory, `${seqno}.${form}`);
    const args = ['receipt', 'create', ledger(), `${seqno}`, ...keys(), '--form', form];
    expect(await runHere([...args, '--out', out])).toMatchObject({ status: 0 });
    return out;
  }

  testOnCcfData.for(['cose', 'json'])(
    'an earlier identity is trusted by the endorsements of the ledger: %s',
    async (form) => {
      const path = await made(300, form);
      const alone = await verify(path, ...current());
      expect(alone.status).toBe(1);
      expect(alone.stdout).toContain('--ledger');
      const led = await verify(path, ...current(), '--ledger', ledger());
      expect(led.status).toBe(0);
      expect(led.stdout).toContain('verified, trusted');
      expect(led.stdout).toContain('in force from 2.1 to 2.483');
      const last = await verify(await made(500, form), ...current(), '--ledger', ledger());
      expect(last.stdout).toContain('which is pinned');
    },
  );

  testOnCcfData('a JSON receipt alone holds, and nobody says whose it is', async () => {
    const path = await made(200, 'json');
    const { status, stdout, stderr } = await verify(path);
    expect(status).toBe(1);
    expect(stdout).toContain('verified, NOT TRUSTED');
    expect(stderr).toContain('--service-cert');
    expect(await verify(path, '--allow-untrusted')).toMatchObject({ status: 0 });
  });
});
