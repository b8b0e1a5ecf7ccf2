import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { seqno } from '../../src/core/words.ts';
import { createReceipt, openReceiptSource } from '../../src/ledger/create-receipt.ts';
import { readMemberKeys } from '../../src/ledger/member-keys.ts';
import { createNode } from '../../src/node/create-node.ts';
import type { LedgerNode } from '../../src/node/ledger-node.ts';
import { ccfTestdata } from '../helpers/ccf-folder.ts';
import { testOnCcfData } from '../helpers/ccf-testdata.ts';
import {
  verifyCoseIndependently,
  verifyJsonIndependently,
} from '../helpers/independent-receipts.ts';

const inCcf = (service: string, ...names: string[]) => join(ccfTestdata ?? '', service, ...names);

async function sourceOf(service: string) {
  const memberKeys = await readMemberKeys(inCcf(service, 'common'));
  const pem = await readFile(inCcf(service, 'common', 'service_cert.pem'));
  const key = createPublicKey(pem);
  const source = await openReceiptSource({ ledger: inCcf(service, 'ledger'), memberKeys });
  return { source, key };
}

/** Results of every third seqno, by form and by how an independent verifier judges it. */
async function receiptsOf(service: string, from: number, to: number, form?: 'cose' | 'json') {
  const { source, key } = await sourceOf(service);
  const found: string[] = [];
  for (let at = from; at <= to; at += 3) {
    const made = await source.make(seqno(at), form);
    const isCose = made.form === 'cose';
    const judge = isCose ? verifyCoseIndependently : verifyJsonIndependently;
    const verdict = judge(made.bytes, key);
    if (verdict.claimsDigest !== (made.claimsDigest ?? '')) throw new Error(`claims of ${at}`);
    found.push(made.form);
  }
  return { cose: count(found, 'cose'), json: count(found, 'json') };
}

const count = (forms: readonly string[], form: string) =>
  forms.filter((one) => one === form).length;

describe('receipts of a ledger that CCF wrote', () => {
  testOnCcfData(
    'createReceipt makes COSE receipts that an independent verifier accepts',
    async () => {
      expect(await receiptsOf('double_sealed_service', 484, 508)).toEqual({ cose: 9, json: 0 });
    },
  );

  testOnCcfData(
    'createReceipt makes JSON receipts that an independent verifier accepts',
    async () => {
      expect(await receiptsOf('double_sealed_service', 484, 508, 'json')).toEqual({
        cose: 0,
        json: 9,
      });
      expect(await receiptsOf('eol_service', 360, 494)).toEqual({ cose: 0, json: 45 });
    },
  );

  testOnCcfData('createReceipt takes the form that the next signatures have', async () => {
    expect(await receiptsOf('cose_flipflop_service', 1, 45)).toEqual({ cose: 2, json: 13 });
  });

  testOnCcfData('createReceipt looks further for the form that is asked for', async () => {
    const { source, key } = await sourceOf('cose_flipflop_service');
    const first = await source.make(seqno(13), 'json');
    const made = await source.make(seqno(13), 'cose');
    expect(made.signatureTxId.seqno).toBeGreaterThan(first.signatureTxId.seqno);
    expect(verifyCoseIndependently(made.bytes, key).commitEvidence).toContain('ce:2.13:');
  });

  testOnCcfData(
    'createReceipt makes receipts of CCF 1.x, whose entries have no claims',
    async () => {
      const { source } = await sourceOf('eol_service');
      const made = await source.make(seqno(20));
      const receipt = JSON.parse(Buffer.from(made.bytes).toString());
      expect(Object.keys(receipt.leaf_components)).toEqual(['write_set_digest']);
      await expect(source.make(seqno(20), 'cose')).rejects.toMatchObject({
        code: 'RECEIPT_FORMAT',
      });
    },
  );
});

describe('receipts of a node', () => {
  let directory = '';
  let node: LedgerNode;
  let service: KeyObject;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'receipts-'));
    node = await createNode({
      directory,
      signatureTxInterval: 5,
      signatureDelayMs: 5,
      chunkBytesMax: 4000,
    });
    service = node.service.publicKey;
    for (let i = 0; i < 30; i++) await node.transaction((tx) => tx.put('public:a', `k${i}`, 'v'));
    await node.sign();
  }, 60_000);

  afterAll(async () => {
    await node.close();
    await rm(directory, { recursive: true });
  });

  test('LedgerNode.receipt() proves each transaction in both forms while the node goes on', async () => {
    for (let at = 1; at < 30; at += 2) {
      const cose = await node.receipt(at);
      const json = await node.receipt(at, { form: 'json' });
      const roots = [
        verifyCoseIndependently(cose.bytes, service).root,
        verifyJsonIndependently(json.bytes, service).root,
      ];
      expect(roots[0]).toBe(roots[1]);
      expect(cose.txId.seqno).toBe(at);
    }
  });

  test('LedgerNode.receipt() waits until the transaction is committed', async () => {
    const { txId } = await node.transaction((tx) => tx.put('public:a', 'late', 'v'));
    const { bytes, txId: proven } = await node.receipt(txId.seqno);
    expect(proven).toEqual(txId);
    expect(verifyCoseIndependently(bytes, service).commitEvidence).toContain(
      `ce:${txId.view}.${txId.seqno}:`,
    );
  });

  test.for([0, -1, 1.5, 1e9, Number.NaN])('LedgerNode.receipt() refuses seqno %s', async (at) => {
    await expect(node.receipt(at)).rejects.toThrow(RangeError);
  });

  test('createReceipt makes the same receipt of the directory as the node', async () => {
    const memberKeys = await readMemberKeys(join(directory, 'keys'));
    const options = { ledger: join(directory, 'ledger'), memberKeys, services: [service] };
    const made = await createReceipt({ ...options, seqno: 9 });
    expect(made.bytes).toEqual((await node.receipt(9)).bytes);
    expect(made.trusted).toBe(true);
  });

  test('createReceipt refuses a seqno that no signature covers, or that a stranger signs', async () => {
    const memberKeys = await readMemberKeys(join(directory, 'keys'));
    const options = { ledger: join(directory, 'ledger'), memberKeys };
    await expect(createReceipt({ ...options, seqno: 100_000 })).rejects.toMatchObject({
      code: 'NO_SIGNATURE',
    });
    const { publicKey: stranger } = generateKeyPairSync('ec', {
      namedCurve: 'P-384',
    });
    await expect(
      createReceipt({ ...options, seqno: 9, services: [stranger] }),
    ).rejects.toMatchObject({ code: 'UNTRUSTED_SERVICE' });
    await expect(
      createReceipt({ ledger: join(directory, 'ledger'), seqno: 9 }),
    ).rejects.toMatchObject({ code: 'SECRETS_MISSING' });
  });

  test('createReceipt says where a ledger breaks that does not hold', async () => {
    const copy = join(directory, 'copy');
    await cp(join(directory, 'ledger'), copy, { recursive: true });
    const [first] = (await readdir(copy)).filter((name) => name.startsWith('ledger_1-'));
    const path = join(copy, first ?? '');
    const bytes = await readFile(path);
    bytes[60] = (bytes[60] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const memberKeys = await readMemberKeys(join(directory, 'keys'));
    await expect(createReceipt({ ledger: copy, memberKeys, seqno: 9 })).rejects.toMatchObject({
      seqno: expect.any(Number),
      file: first,
    });
  });
});
