import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { bundleReceipts } from '../helpers/bundle-receipts.ts';

const bundle = await bundleReceipts();

test('the receipts entry is less than 60 KB for a browser, gzipped', () => {
  expect(bundle).toContain('verifyReceipt');
  expect(gzipSync(bundle, { level: 9 }).length).toBeLessThan(60_000);
});

test('the receipts entry asks for nothing that only Node has', () => {
  expect(bundle).not.toMatch(/\bBuffer\b|\bprocess\.|\brequire\(|\b__dirname\b|\bsetImmediate\b/);
});
