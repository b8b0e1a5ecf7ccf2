import type { KeyObject } from 'node:crypto';
import { FormatError } from '../../core/errors.ts';
import type { Certificate } from './certificate.ts';

/** A key of a file, or why it is none that can be trusted for anything here. */
export type AnchorEntry = UsableKey | SkippedKey;

/** A key that signatures can be verified with. */
export interface UsableKey {
  /** Which one of the file, for messages: `key 2 (kid "abc")`. */
  readonly place: string;
  readonly anchor: Certificate | KeyObject;
  /** What the file calls it. */
  readonly kid?: string | undefined;
}

/** A key of a file that was left out. */
export interface SkippedKey {
  /** Which one of the file: `key 2 (kid "abc")`. */
  readonly place: string;
  /** Why no signature of a service is verified with it. */
  readonly reason: string;
}

/** Most keys of one file. */
export const anchorKeysMax = 1000;

/** The error for a private key, which has no place in a file that says whom to trust. */
export function privateKeyError(where: string): FormatError {
  const message = `${where} holds a private key: give the certificate or the public key, and keep the private one secret`;
  return new FormatError('PRIVATE_KEY', message, {
    actual: 'a private key',
    expected: 'a public key',
  });
}
