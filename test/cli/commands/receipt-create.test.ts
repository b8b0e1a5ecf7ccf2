import { createPublicKey } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createNode } from '../../../src/node/create-node.ts';
import {
  verifyCoseIndependently,
  verifyJsonIndependently,
} from '../../helpers/independent-receipts.ts';
import { objectsOf, runHere } from '../run-cli.ts';
import { temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const node = join(directory, 'node');
const ledger = join(node, 'ledger');
const keys = ['--member-keys', join(node, 'keys')];
const pin = ['--service-cert', join(node, 'service_cert.pem')];
const from = process.cwd();

beforeAll(async () => {
  const running = await createNode({ directory: node, signatureTxInterval: 5 });
  for (let i = 0; i < 12; i++) await running.transaction((tx) => tx.put('public:a', `k${i}`, 'v'));
  await running.close();
}, 60_000);

afterAll(() => process.chdir(from));

const service = () => createPublicKey(readFileSync(join(node, 'service_cert.pem')));

test.for([
  ['cose', verifyCoseIndependently],
  ['json', verifyJsonIndependently],
] as const)(
  'receipt create --form %s writes a receipt that an independent verifier accepts',
  async ([form, judge]) => {
    const out = join(directory, `made.${form}`);
    const args = [
      'receipt',
      'create',
      ledger,
      '5',
      ...keys,
      ...pin,
      '--form',
      form,
      '--out',
      out,
      '--json',
    ];
    const { status, stdout } = await runHere(args);
    expect(status).toBe(0);
    const [line] = objectsOf(stdout);
    expect(line).toMatchObject({ file: out, form, txId: '2.5', trusted: true });
    const verdict = judge(readFileSync(out), service());
    expect(verdict.claimsDigest).toBe(line?.['claimsDigest']);
  },
);

test('receipt create names the file by transaction and form when it is not told', async () => {
  process.chdir(directory);
  const { status, stdout } = await runHere(['receipt', 'create', ledger, '6', ...keys, ...pin]);
  expect(status).toBe(0);
  expect(stdout).toContain('receipt_2.6.cose: COSE receipt');
  expect(existsSync(join(directory, 'receipt_2.6.cose'))).toBe(true);
});

test('receipt create leaves an identical file alone, and never replaces another', async () => {
  const out = join(directory, 'twice.cose');
  const args = ['receipt', 'create', ledger, '7', ...keys, ...pin, '--out', out];
  expect((await runHere(args)).status).toBe(0);
  expect((await runHere(args)).status).toBe(0);
  writeFileSync(out, 'something else');
  const { status, stderr } = await runHere(args);
  expect(status).toBe(3);
  expect(stderr).toContain('ALREADY_EXISTS');
  expect(readFileSync(out, 'utf8')).toBe('something else');
});

test.for([
  ['a seqno that no signature covers', ['999'], 1, 'NO_SIGNATURE'],
  ['a seqno that is none', ['0'], 2, 'whole number'],
  ['a word', ['last'], 2, 'whole number'],
  ['a form that is none', ['5', '--form', 'xml'], 2, 'Allowed choices'],
] as const)('receipt create of %s is refused', async ([, args, expected, text]) => {
  const { status, stderr } = await runHere(['receipt', 'create', ledger, ...args, ...keys]);
  expect(status).toBe(expected);
  expect(stderr).toContain(text);
});

test('receipt create without the members’ keys says what it needs them for', async () => {
  const { status, stderr } = await runHere(['receipt', 'create', ledger, '5']);
  expect(status).toBe(3);
  expect(stderr).toContain('commit evidence');
  expect(stderr).toContain('--member-keys');
});
