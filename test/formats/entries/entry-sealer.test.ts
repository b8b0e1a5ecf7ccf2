import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes } from '../../../src/core/bytes.ts';
import { seqno, view } from '../../../src/core/words.ts';
import {
  encodeEnvelopeHead,
  encodeIv,
  readEntrySize,
  sealEntry,
} from '../../../src/formats/entries/entry.ts';
import { EntrySealer } from '../../../src/formats/entries/entry-sealer.ts';

const secret = new Uint8Array(32).fill(5);
const place = { seqno: seqno(300), view: view(0), isSnapshot: true };

/** Cuts bytes into pieces of the given sizes, over and over. */
function* cut(bytes: Uint8Array, sizes: readonly number[]): Generator<Uint8Array, void, undefined> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

function sealerOf(publicBytes: number, privateBytes: number): EntrySealer {
  return new EntrySealer({ secret, ...place, publicBytes, privateBytes });
}

const sizes = fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 5 });

test('EntrySealer makes piece by piece what sealEntry makes in one, and encrypts twice alike', () => {
  const domain = fc.uint8Array({ maxLength: 300 });
  fc.assert(
    fc.property(domain, domain, sizes, sizes, (publicDomain, privatePlain, first, second) => {
      const plain = concatBytes([publicDomain, privatePlain]);
      const sealer = sealerOf(publicDomain.length, privatePlain.length);
      const sealed = plain.slice();
      for (const piece of cut(sealed, first)) sealer.seal(piece);
      const expected = sealEntry({ secret, ...place, publicDomain, privatePlain });
      expect(concatBytes([sealer.head(), sealed])).toStrictEqual(expected);
      const again = plain.slice();
      for (const piece of cut(again, second)) sealer.encryptAgain(piece);
      expect(again).toStrictEqual(sealed);
    }),
  );
});

test('EntrySealer.head() wants every byte to have been sealed', () => {
  const sealer = sealerOf(10, 10);
  sealer.seal(new Uint8Array(19));
  expect(() => sealer.head()).toThrow(new RangeError('19 of 20 bytes were sealed'));
});

test('EntrySealer wants a secret of 32 bytes, and no more private bytes than AES-GCM can take', () => {
  const options = { ...place, publicBytes: 0, privateBytes: 0 };
  expect(() => new EntrySealer({ ...options, secret: new Uint8Array(31) })).toThrow(RangeError);
  const most = (2 ** 32 - 2) * 16;
  expect(() => sealerOf(0, most)).not.toThrow();
  expect(() => sealerOf(0, most + 1)).toThrow(RangeError);
});

test('encodeEnvelopeHead() holds sizes beyond 4 GiB, below 2^48', () => {
  const parts = { flags: 0, tag: new Uint8Array(16), iv: encodeIv(place) };
  const head = encodeEnvelopeHead({ ...parts, publicBytes: 2 ** 33 + 5, privateBytes: 2 ** 40 });
  const { size } = readEntrySize(head, 0, { bytesMax: 2 ** 48 });
  expect(size).toBe(36 + 2 ** 33 + 5 + 2 ** 40);
  const tooLarge = { ...parts, publicBytes: 2 ** 48 - 36, privateBytes: 0 };
  expect(() => encodeEnvelopeHead(tooLarge)).toThrow(RangeError);
});
