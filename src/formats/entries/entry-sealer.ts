import { type Cipher, type CipherGCM, createCipheriv } from 'node:crypto';
import type { Seqno, View } from '../../core/words.ts';
import { encodeEnvelopeHead, encodeIv, ledgerCipher } from './entry.ts';

/** What an {@link EntrySealer} needs to know before it sees a byte. */
export interface EntrySealerOptions {
  /** Ledger secret in force at `seqno`, 32 bytes. */
  readonly secret: Uint8Array;
  readonly seqno: Seqno;
  readonly view: View;
  readonly isSnapshot: boolean;
  readonly publicBytes: number;
  readonly privateBytes: number;
}

/** AES-GCM has a counter of 32 bits, two of whose values are spent otherwise. */
const privateBytesMax = (2 ** 32 - 2) * 16;

/**
 * Seals an entry whose domains come piece by piece: in the end what `sealEntry` makes in one.
 *
 * The tag stands before the bytes that it covers, and digests cover it: so whoever keeps no more than some
 * pieces shows them all twice, to {@link seal} and then to {@link encryptAgain}.
 */
export class EntrySealer {
  readonly #options: EntrySealerOptions;
  readonly #iv: Uint8Array;
  readonly #cipher: CipherGCM;
  #again: Cipher | undefined;
  #sealed = 0;
  #encrypted = 0;

  /** @throws RangeError when the secret is not 32 bytes, or the private domain is too large for AES-GCM */
  constructor(options: EntrySealerOptions) {
    const { privateBytes, secret } = options;
    if (privateBytes > privateBytesMax) {
      throw new RangeError(`a private domain of ${privateBytes} bytes, ${privateBytesMax} at most`);
    }
    this.#options = options;
    this.#iv = encodeIv(options);
    this.#cipher = ledgerCipher(secret, this.#iv);
  }

  /** The next bytes of the domains, in the clear; those of the private one are encrypted in place. */
  seal(piece: Uint8Array): void {
    const [clear, secret] = this.#split(piece, this.#sealed);
    if (clear.length > 0) this.#cipher.setAAD(clear);
    if (secret.length > 0) secret.set(this.#cipher.update(secret));
    this.#sealed += piece.length;
  }

  /** What stands before the domains, once all of them were sealed. @throws RangeError when some were not */
  head(): Uint8Array {
    const { publicBytes, privateBytes } = this.#options;
    if (this.#sealed !== publicBytes + privateBytes) {
      throw new RangeError(`${this.#sealed} of ${publicBytes + privateBytes} bytes were sealed`);
    }
    this.#cipher.final();
    const tag = this.#cipher.getAuthTag();
    return encodeEnvelopeHead({ flags: 0, tag, iv: this.#iv, publicBytes, privateBytes });
  }

  /** Encrypts in place once more what {@link seal} was shown, from the first byte on. */
  encryptAgain(piece: Uint8Array): void {
    const [, secret] = this.#split(piece, this.#encrypted);
    this.#encrypted += piece.length;
    if (secret.length === 0) return;
    this.#again ??= createCipheriv('aes-256-ctr', this.#options.secret, this.#firstCounter());
    secret.set(this.#again.update(secret));
  }

  /** GCM encrypts by counting from the IV on; its first count makes the tag. */
  #firstCounter(): Uint8Array {
    const counter = new Uint8Array(16);
    counter.set(this.#iv);
    counter[15] = 2;
    return counter;
  }

  #split(piece: Uint8Array, at: number): readonly [clear: Uint8Array, secret: Uint8Array] {
    const border = Math.min(Math.max(this.#options.publicBytes - at, 0), piece.length);
    return [piece.subarray(0, border), piece.subarray(border)];
  }
}
