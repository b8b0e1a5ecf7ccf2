import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import { fromUtf8 } from '../../src/core/bytes.ts';
import { makeJsonReceipt } from '../formats/make-snapshot-file.ts';
import { bundleReceipts } from '../helpers/bundle-receipts.ts';
import {
  claimsDigest,
  made,
  makeReceipt,
  makeStatement,
  ownProof,
  receiptOf,
  statementDigest,
  stranger,
  transparent,
} from '../receipts/make-receipts.ts';
import { openPage } from './browser.ts';

/** A page from the same machine, which may use WebCrypto, with the bundle as its module. */
async function openWith(context: TestContext) {
  const bundle = await bundleReceipts();
  const server = createServer((request, response) => {
    const isModule = request.url === '/receipts.js';
    response.setHeader('content-type', isModule ? 'text/javascript' : 'text/html');
    response.end(isModule ? bundle : '<!doctype html><title>receipts</title>');
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const { page, errors } = await openPage(context);
  await page.route('**/favicon.ico', (route) => route.fulfill({ status: 204 }));
  await page.goto(`http://127.0.0.1:${port}/`);
  return { page, errors };
}

/** What the page finds: whether the receipt is trusted, or the code it is refused with. */
const verifyInPage = `async ([base64, pem]) => {
  const { readTrustAnchors, verifyReceipt } = await import('/receipts.js');
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  try {
    const result = await verifyReceipt(bytes, { services: readTrustAnchors(pem) });
    return [result.form, result.trusted, result.claimsDigest].join(' ');
  } catch (error) {
    return error.code ?? String(error);
  }
}`;

test('receipts of every form are verified in Chromium', async (context) => {
  const { page, errors } = await openWith(context);
  const statement = makeStatement();
  const digest = Buffer.from(claimsDigest).toString('hex');
  const registered = Buffer.from(statementDigest(statement)).toString('hex');
  const json = await makeJsonReceipt(made, claimsDigest);
  const signatureTransaction = {
    cert: made.nodeCertificate.pem,
    leaf: Buffer.from(ownProof.root).toString('hex'),
    proof: [],
    signature: (JSON.parse(fromUtf8(json)) as { signature: string }).signature,
  };
  const forms = [
    [makeReceipt(), `cose true ${digest}`],
    [json, `json true ${digest}`],
    [
      transparent(statement, [receiptOf(statementDigest(statement))]),
      `statement true ${registered}`,
    ],
    [Buffer.from(JSON.stringify(signatureTransaction)), 'json true '],
    [transparent(statement, [makeReceipt()]), 'CLAIMS_DIGEST_MISMATCH'],
    [makeReceipt({ key: stranger.service.privateKey }), 'KID_MISMATCH'],
    [makeReceipt({ root: new Uint8Array(32) }), 'SIG_INVALID'],
  ] as const;
  const results: unknown[] = [];
  for (const [bytes] of forms) {
    const argument = [Buffer.from(bytes).toString('base64'), made.serviceCertificate.pem];
    results.push(await page.evaluate(`(${verifyInPage})(${JSON.stringify(argument)})`));
  }
  expect(results).toEqual(forms.map(([, expected]) => expected));
  expect(errors).toEqual([]);
});
