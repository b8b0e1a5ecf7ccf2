import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { AbortedError } from '../core/errors.ts';

const generate = promisify(generateKeyPair);

/** A fresh P-384 private key, as a service and its nodes have; drawn from OpenSSL's own randomness. */
export async function generateEcKey(): Promise<KeyObject> {
  return (await generate('ec', { namedCurve: 'secp384r1' })).privateKey;
}

/**
 * A fresh RSA private key of 2,048 bits, as members have for their shares; takes about half a second. When `signal`
 * aborts nobody waits for it any more: OpenSSL cannot be stopped, and what it still makes is dropped.
 * @throws AbortedError
 */
export async function generateRsaKey(signal?: AbortSignal): Promise<KeyObject> {
  if (signal?.aborted) throw new AbortedError('making a key');
  const made = generate('rsa', { modulusLength: 2048 });
  return (await unlessAborted(made, signal)).privateKey;
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new AbortedError('making a key'));
    signal?.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal?.removeEventListener('abort', abort));
  });
}
