import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { AbortedError } from '../../src/core/errors.ts';
import { generateRsaKey } from '../../src/io/key-generation.ts';

test('generateRsaKey() makes a private key of 2,048 bits, and leaves the signal as it was', async () => {
  const { signal } = new AbortController();
  const key = await generateRsaKey(signal);
  expect(key.type).toBe('private');
  expect(key.asymmetricKeyType).toBe('rsa');
  expect(key.asymmetricKeyDetails?.modulusLength).toBe(2048);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('generateRsaKey() is not waited for once its signal aborts', async () => {
  const controller = new AbortController();
  const made = generateRsaKey(controller.signal);
  controller.abort();
  await expect(made).rejects.toThrow(AbortedError);
});

test('generateRsaKey() makes nothing for a signal that has aborted', async () => {
  await expect(generateRsaKey(AbortSignal.abort())).rejects.toThrow(AbortedError);
});
