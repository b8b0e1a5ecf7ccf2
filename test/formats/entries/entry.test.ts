import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex, toUtf8 } from '../../../src/core/bytes.ts';
import { seqno, view } from '../../../src/core/words.ts';
import {
  decodeEnvelope,
  encodeEnvelope,
  encodeIv,
  openPrivateDomain,
  readEntrySize,
  sealEntry,
  writeSetDigest,
} from '../../../src/formats/entries/entry.ts';
import {
  commitEvidence,
  commitEvidenceDigest,
} from '../../../src/formats/merkle/commit-evidence.ts';
import {
  bitFlips,
  lengthBombs,
  outcomeOf,
  outcomes,
  refusalOf,
  truncations,
} from '../../helpers/hostile-bytes.ts';

const secret = new Uint8Array(32).fill(7);
const publicDomain = toUtf8('the clear part');
const privatePlain = toUtf8('the private part');
const sealed = sealEntry({
  secret,
  flags: 1,
  seqno: seqno(258),
  view: view(2),
  publicDomain,
  privatePlain,
});

function header(hex: string): Uint8Array {
  return fromHex(hex);
}

describe('readEntrySize()', () => {
  test('readEntrySize() reads version, flags and 48-bit size', () => {
    expect(readEntrySize(header('ff0102010000000000'), 1)).toEqual({
      version: 1,
      flags: 2,
      size: 1,
    });
    const bytes = header('ff0103060504030201').subarray(1);
    expect(readEntrySize(bytes, 0, { bytesMax: 2 ** 48 }).size).toBe(0x0102_0304_0506);
    const wide = readEntrySize(header('0103010000000001'), 0, { bytesMax: 2 ** 48 });
    expect(wide.size).toBe(2 ** 40 + 1);
  });

  test.each([
    ['01000100000000', 'TRUNCATED_HEADER: entry at offset 0: 7 of 8 header bytes'],
    ['', 'TRUNCATED_HEADER: entry at offset 0: 0 of 8 header bytes'],
    ['0000010000000000', 'BAD_VERSION: entry at offset 0: version 0, not 1'],
    ['0200010000000000', 'BAD_VERSION: entry at offset 0: version 2, not 1'],
    ['0104010000000000', 'BAD_FLAGS: entry at offset 0: unknown flags 0x4'],
    ['0180010000000000', 'BAD_FLAGS: entry at offset 0: unknown flags 0x80'],
    ['0100010000040000', 'TOO_LARGE: entry at offset 0: size 67108865 is above 67108864'],
    ['0100ffffffffffff', 'TOO_LARGE: entry at offset 0: size 281474976710655 is above 67108864'],
    ['0100000000000000', 'EMPTY_BODY: entry at offset 0: declared size 0'],
    ['0000000000000000', 'BAD_VERSION: entry at offset 0: version 0, not 1'],
  ])('readEntrySize() refuses %s with %s', (hex, code) => {
    expect(refusalOf(() => readEntrySize(header(hex), 0))).toBe(code);
  });

  test('readEntrySize() refuses an offset behind the end', () => {
    expect(outcomeOf(() => readEntrySize(header('0100010000000000'), 100))).toBe(
      'TRUNCATED_HEADER',
    );
  });

  test('readEntrySize() names file, offset, size and bound', () => {
    const read = () => readEntrySize(header('0100090000000000'), 0, { bytesMax: 8, file: 'x' });
    expect(read).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE', file: 'x', offset: 0, actual: 9, expected: 8 }),
    );
    expect(read).toThrow(/^x: entry at offset 0/);
  });
});

test.each(['0000010000000000', '0104010000000000', '0100ffffffffffff', '0100000000000000'])(
  'readEntrySize() says at which offset %s is, and in which file',
  (hex) => {
    const bytes = header(`ff${hex}`);
    expect(() => readEntrySize(bytes, 1)).toThrow(
      expect.objectContaining({ offset: 1, file: undefined }),
    );
    expect(() => readEntrySize(bytes, 1, { file: 'x' })).toThrow(
      expect.objectContaining({ offset: 1, file: 'x' }),
    );
  },
);

test('readEntrySize() says so of a header that is cut off', () => {
  expect(() => readEntrySize(header('0100'), 0, { file: 'x' })).toThrow(
    expect.objectContaining({ message: 'x: entry at offset 0: 2 of 8 header bytes', offset: 0 }),
  );
  expect(() => readEntrySize(header('0100'), 100)).toThrow(
    'entry at offset 100: 0 of 8 header bytes',
  );
});

test('readEntrySize() takes a size of exactly the bound', () => {
  expect(readEntrySize(header('0100090000000000'), 0, { bytesMax: 9 }).size).toBe(9);
});

describe('decodeEnvelope()', () => {
  test('decodeEnvelope() takes a sealed entry apart', () => {
    const envelope = decodeEnvelope(sealed);
    expect(envelope).toMatchObject({ flags: 1, seqno: 258, view: 2, isSnapshot: false });
    expect(envelope.publicDomain).toEqual(publicDomain);
    expect(envelope.privateDomain).toHaveLength(privatePlain.length);
    expect(envelope.bytes).toBe(sealed);
  });

  test('decodeEnvelope() returns views, not copies', () => {
    const envelope = decodeEnvelope(sealed);
    expect(envelope.publicDomain.buffer).toBe(sealed.buffer);
    expect(envelope.tag.byteOffset - sealed.byteOffset).toBe(8);
    expect(envelope.iv.byteOffset - sealed.byteOffset).toBe(24);
    expect(envelope.publicDomain.byteOffset - sealed.byteOffset).toBe(44);
  });

  test('decodeEnvelope() refuses every truncation', () => {
    const codes = outcomes(truncations(sealed), decodeEnvelope);
    expect(codes.slice(0, 8)).toEqual(Array(8).fill('TRUNCATED_HEADER'));
    expect(new Set(codes.slice(8))).toEqual(new Set(['TRUNCATED_BODY']));
  });

  test('decodeEnvelope() refuses trailing bytes', () => {
    const longer = new Uint8Array([...sealed, 0]);
    expect(outcomeOf(() => decodeEnvelope(longer))).toBe('TRAILING_BYTES');
  });

  test('decodeEnvelope() says what is declared and what is there', () => {
    const size = sealed.length - 8;
    const longer = new Uint8Array([...sealed, 0]);
    expect(() => decodeEnvelope(longer)).toThrow(
      expect.objectContaining({
        message: `header declares ${size} bytes, ${size + 1} are there`,
        ...{ actual: size + 1, expected: size, file: undefined },
      }),
    );
    expect(() => decodeEnvelope(longer, { file: 'x' })).toThrow(
      expect.objectContaining({ file: 'x' }),
    );
  });

  test('decodeEnvelope() takes no entry above its bound', () => {
    const decode = (bytesMax: number) => outcomeOf(() => decodeEnvelope(sealed, { bytesMax }));
    expect([decode(sealed.length - 8), decode(sealed.length - 9)]).toEqual([
      'accepted',
      'TOO_LARGE',
    ]);
  });

  test.each([
    ['GCM tag', 15],
    ['GCM IV', 27],
    ['length of public domain', 35],
  ])('decodeEnvelope() says that the %s is cut off', (what, size) => {
    const bytes = new Uint8Array(8 + size);
    bytes.set([1, 0, size]);
    expect(() => decodeEnvelope(bytes)).toThrow(`${what} needs `);
  });

  test('decodeEnvelope() names a seqno that is too large', () => {
    const bytes = sealed.slice().fill(0xff, 24, 32);
    expect(() => decodeEnvelope(bytes)).toThrow('seqno in the IV is 18446744073709551615');
  });

  test('decodeEnvelope() refuses a body too short for its own fields', () => {
    const bodies = Array.from({ length: 36 }, (_, size) => {
      const bytes = new Uint8Array(8 + size);
      bytes.set([1, 0, size]);
      return bytes;
    });
    const codes = outcomes(bodies.slice(1), decodeEnvelope);
    expect(new Set(codes)).toEqual(new Set(['LENGTH_EXCEEDS_PARENT']));
  });

  test('decodeEnvelope() answers length bombs with typed errors', () => {
    expect(outcomes(lengthBombs(sealed), decodeEnvelope)).toContain('LENGTH_EXCEEDS_PARENT');
  });

  test('decodeEnvelope() masks the snapshot bit out of the view', () => {
    const iv = encodeIv({ seqno: seqno(9), view: view(0x7fff_ffff), isSnapshot: true });
    const parts = { flags: 0, tag: new Uint8Array(16), iv, publicDomain, privateDomain: secret };
    const envelope = decodeEnvelope(encodeEnvelope(parts));
    expect(envelope).toMatchObject({ seqno: 9, view: 0x7fff_ffff, isSnapshot: true });
  });

  test('decodeEnvelope() inverts encodeEnvelope()', () => {
    const bytes = fc.uint8Array({ maxLength: 100 });
    const parts = fc.record({
      flags: fc.integer({ min: 0, max: 3 }),
      tag: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      iv: fc
        .record({
          seqno: fc.maxSafeNat().map(seqno),
          view: fc.nat(0x7fff_ffff).map(view),
          isSnapshot: fc.boolean(),
        })
        .map(encodeIv),
      publicDomain: bytes,
      privateDomain: bytes,
    });
    return fc.assert(
      fc.property(parts, (given) => {
        const encoded = encodeEnvelope(given);
        expect(decodeEnvelope(encoded)).toMatchObject(given);
        expect(encodeEnvelope(decodeEnvelope(encoded))).toEqual(encoded);
      }),
    );
  });
});

describe('encodeEnvelope()', () => {
  const { tag, iv } = decodeEnvelope(sealed);
  const parts = { flags: 0, tag, iv, publicDomain, privateDomain: privatePlain };

  test.each([
    ['unknown entry flags: 4', { ...parts, flags: 4 }],
    ['GCM tag has 15 bytes, not 16', { ...parts, tag: new Uint8Array(15) }],
    ['GCM IV has 16 bytes, not 12', { ...parts, iv: new Uint8Array(16) }],
  ])('encodeEnvelope() refuses a caller mistake: %s', (message, bad) => {
    expect(() => encodeEnvelope(bad)).toThrow(new RangeError(message));
  });

  test('encodeEnvelope() takes one allocation', () => {
    const bytes = encodeEnvelope(parts);
    expect(bytes.buffer.byteLength).toBe(bytes.length);
  });

  test('sealEntry() has no flags and is no snapshot unless it is told so', () => {
    const position = { secret, seqno: seqno(1), view: view(2), publicDomain, privatePlain };
    expect(decodeEnvelope(sealEntry(position))).toMatchObject({ flags: 0, isSnapshot: false });
    expect(() => sealEntry({ ...position, secret: iv })).toThrow(
      new RangeError('ledger secret has 12 bytes, not 32'),
    );
  });
});

describe('encodeIv()', () => {
  test('encodeIv() of a snapshot in view 0 has the top bit alone', () => {
    const iv = encodeIv({ seqno: seqno(9), view: view(0), isSnapshot: true });
    const parts = { flags: 0, tag: new Uint8Array(16), iv, publicDomain, privateDomain: secret };
    expect(decodeEnvelope(encodeEnvelope(parts))).toMatchObject({ view: 0, isSnapshot: true });
  });

  test('encodeIv() writes little-endian seqno and view, snapshot bit last', () => {
    const parts = { seqno: seqno(0x0102), view: view(3) };
    expect(toHex(encodeIv({ ...parts, isSnapshot: false }))).toBe('020100000000000003000000');
    expect(toHex(encodeIv({ ...parts, isSnapshot: true }))).toBe('020100000000000003000080');
  });
});

describe('openPrivateDomain()', () => {
  test('openPrivateDomain() returns what sealEntry() was given', () => {
    expect(openPrivateDomain(decodeEnvelope(sealed), secret)).toEqual(privatePlain);
  });

  test('openPrivateDomain() opens an empty private domain', () => {
    const options = { secret, seqno: seqno(1), view: view(2), publicDomain };
    const entry = sealEntry({ ...options, privatePlain: new Uint8Array(0) });
    expect(openPrivateDomain(decodeEnvelope(entry), secret)).toHaveLength(0);
  });

  test('openPrivateDomain() refuses another secret and says which entry', () => {
    const open = () => openPrivateDomain(decodeEnvelope(sealed), new Uint8Array(32));
    expect(open).toThrow(
      expect.objectContaining({
        code: 'GCM_TAG_MISMATCH',
        message: 'entry 2.258 does not authenticate under this ledger secret',
        seqno: 258,
        cause: expect.any(Error),
      }),
    );
  });

  test('openPrivateDomain() refuses every flipped bit but those of the flags', () => {
    const flips = bitFlips(sealed);
    const codes = outcomes(flips, (bytes) => openPrivateDomain(decodeEnvelope(bytes), secret));
    const accepted = codes.flatMap((code, bit) => (code === 'accepted' ? [bit] : []));
    expect(accepted).toEqual([8, 9]);
  });

  test('openPrivateDomain() takes a secret of another size as a caller mistake', () => {
    expect(() => openPrivateDomain(decodeEnvelope(sealed), new Uint8Array(16))).toThrow(
      new RangeError('ledger secret has 16 bytes, not 32'),
    );
  });
});

describe('writeSetDigest()', () => {
  test('writeSetDigest() changes with every bit of the entry', () => {
    const digests = new Set(bitFlips(sealed).map((bytes) => toHex(writeSetDigest(bytes))));
    expect(digests.size).toBe(sealed.length * 8);
  });
});

describe('commitEvidence()', () => {
  test('commitEvidence() names the transaction and depends on the secret', () => {
    const txId = { view: view(2), seqno: seqno(17) };
    const text = commitEvidence(secret, txId);
    expect(text).toMatch(/^ce:2\.17:[0-9a-f]{64}$/);
    expect(commitEvidence(secret, txId)).toBe(text);
    expect(commitEvidence(new Uint8Array(32), txId)).not.toBe(text);
  });

  test('commitEvidenceDigest() is SHA-256 of the text', () => {
    expect(toHex(commitEvidenceDigest('abc'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });
});
