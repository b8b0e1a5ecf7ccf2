import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

const generate = promisify(generateKeyPair);

/** A fresh P-384 private key, as a service and its nodes have; drawn from OpenSSL's own randomness. */
export async function generateEcKey(): Promise<KeyObject> {
  return (await generate('ec', { namedCurve: 'secp384r1' })).privateKey;
}

/** A fresh RSA private key of 2,048 bits, as members have for their shares; takes about half a second. */
export async function generateRsaKey(): Promise<KeyObject> {
  return (await generate('rsa', { modulusLength: 2048 })).privateKey;
}
