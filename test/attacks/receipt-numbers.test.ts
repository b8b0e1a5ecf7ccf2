import { describe, expect, test } from 'vitest';
import { verifySnapshotFile } from '../../src/formats/snapshot/verify-snapshot.ts';
import { makeService } from '../formats/make-snapshot-file.ts';
import { type ForgedProof, forgeSnapshot, txIdOf } from '../helpers/forge-receipt.ts';
import { codeOf } from '../helpers/node-host.ts';

const service = makeService('real', 'P-256');
const retired = makeService('retired', 'P-256');
const newer = makeService('newer', 'P-256');

/** As a service makes it. */
const sound: ForgedProof = {
  snapshot: '2.40',
  evidence: '2.42',
  signature: '2.45',
  signer: service,
};

const verify = async (forged: ForgedProof, options: object = {}) => {
  const { bytes, fileName } = await forgeSnapshot(forged);
  return codeOf(verifySnapshotFile(bytes, { fileName, ...options }));
};

describe('the numbers of a receipt under a pinned service', () => {
  const pinned = { trustedKeys: [service.serviceCertificate] };

  test.for([
    ['as a service makes them', {}],
    [
      'evidence right behind the snapshot, and its signature behind that',
      { evidence: '2.41', signature: '2.42' },
    ],
    ['evidence in a later view', { evidence: '3.42', signature: '3.45' }],
    ['a signature in a later view', { signature: '9.45' }],
    ['a tree of many leaves', { evidence: '2.500', signature: '2.1025' }],
  ] as const)('accepted: %s', async ([, change]) => {
    expect(await verify({ ...sound, ...change }, pinned)).toBe('accepted');
    expect(await verify({ ...sound, ...change, form: 'json' }, pinned)).toBe('accepted');
  });

  test.for([
    ['a header before the evidence', { signature: '2.41', leafCount: 45 }],
    ['a header of the evidence itself', { evidence: '2.45', leafCount: 46 }],
    ['a header before the evidence, in a later view', { signature: '3.41', leafCount: 45 }],
    ['a header in an earlier view', { evidence: '9.42' }],
    ['a header far behind the leaves that are signed', { signature: '2.4500', leafCount: 45 }],
    ['a header behind the leaves that are signed', { signature: '2.65', leafCount: 64 }],
    ['evidence that lies elsewhere in the tree', { leafIndex: 41 }],
    ['evidence that lies before the snapshot', { leafIndex: 12 }],
    [
      'evidence in a view before the snapshot’s',
      { snapshot: '5.40', evidence: '3.42', signature: '9.45' },
    ],
    ['a snapshot of a view that has not begun', { viewHistory: [1, 1, 40] }],
  ] as const)('refused: %s', async ([, change]) => {
    expect(await verify({ ...sound, ...change }, pinned)).toBe('EVIDENCE_MISMATCH');
    expect(await verify({ ...sound, ...change })).toBe('EVIDENCE_MISMATCH');
  });

  test.for([
    ['evidence that lies elsewhere in the tree', { leafIndex: 41 }],
    ['evidence beyond the tree', { evidence: '2.512', leafIndex: 42 }],
    ['evidence in a view before the snapshot’s', { snapshot: '5.40', evidence: '3.42' }],
  ] as const)('refused in JSON: %s', async ([, change]) => {
    expect(await verify({ ...sound, ...change, form: 'json' }, pinned)).toBe('EVIDENCE_MISMATCH');
  });

  test('refused in JSON: a receipt that says it is of a signature transaction', async () => {
    const json = { ...sound, form: 'json' } as const;
    expect(await verify({ ...json, isSignatureTransaction: false }, pinned)).toBe('accepted');
    for (const options of [pinned, {}]) {
      const code = await verify({ ...json, isSignatureTransaction: true }, options);
      expect(code).toBe('NOT_SNAPSHOT_EVIDENCE');
    }
  });

  test.for(['2.42', '2.43', '1.500'])('refused: a snapshot of %s', async (snapshot) => {
    for (const form of ['cose', 'json'] as const) {
      const code = await verify({ ...sound, snapshot, form }, pinned);
      expect(code).toBe('EVIDENCE_NOT_AFTER_SNAPSHOT');
    }
  });
});

describe('a retired key, endorsed for 2.10 to 4.100', () => {
  const endorsed = {
    endorsedKey: retired.service.publicKey,
    from: txIdOf('2.10'),
    to: txIdOf('4.100'),
  };
  const options = { trustedKeys: [newer.serviceCertificate], endorsed: [endorsed] };
  const within: ForgedProof = { ...sound, signer: retired };

  test.for([
    ['in the middle', {}],
    ['up to its end', { snapshot: '4.98', evidence: '4.99', signature: '4.100' }],
    ['from its beginning', { snapshot: '2.10', evidence: '2.11', signature: '2.12' }],
  ] as const)('accepted: %s', async ([, change]) => {
    expect(await verify({ ...within, ...change }, options)).toBe('accepted');
  });

  test.for([
    [
      'evidence behind its end, under a header within',
      { evidence: '2.5001', signature: '2.50', leafCount: 5002 },
      'EVIDENCE_MISMATCH',
    ],
    [
      'everything behind its end',
      { snapshot: '2.101', evidence: '2.102', signature: '2.103' },
      'CHAIN_BROKEN',
    ],
    ['a signature one behind its end', { evidence: '2.100', signature: '2.101' }, 'CHAIN_BROKEN'],
    ['a signature in a view behind its end', { signature: '5.45' }, 'CHAIN_BROKEN'],
    ['evidence in a view behind its end', { evidence: '5.42', signature: '5.45' }, 'CHAIN_BROKEN'],
    [
      'evidence before its beginning',
      { snapshot: '2.7', evidence: '2.9', signature: '2.12' },
      'CHAIN_BROKEN',
    ],
    [
      'a snapshot before its beginning',
      { snapshot: '2.9', evidence: '2.11', signature: '2.12' },
      'CHAIN_BROKEN',
    ],
    [
      'a view before its beginning',
      { snapshot: '1.40', evidence: '1.42', signature: '1.45' },
      'CHAIN_BROKEN',
    ],
  ] as const)('refused: %s', async ([, change, code]) => {
    expect(await verify({ ...within, ...change }, options)).toBe(code);
  });
});

describe('a pinned key of which it is known when it was in force', () => {
  const verifyIn = (epoch: object, change: Partial<ForgedProof> = {}) => {
    const keyId = service.serviceCertificate.keyId;
    const options = {
      trustedKeys: [service.serviceCertificate],
      epochs: new Map([[keyId, epoch]]),
    };
    return verify({ ...sound, ...change }, options);
  };

  test('its service may take a snapshot of what it has inherited', async () => {
    expect(await verifyIn({ from: txIdOf('2.41') })).toBe('accepted');
  });

  test.for(['cose', 'json'] as const)('%s evidence before its first transaction', async (form) => {
    expect(await verifyIn({ from: txIdOf('2.43') }, { form })).toBe('CHAIN_BROKEN');
    expect(await verifyIn({ from: txIdOf('3.41') }, { form })).toBe('CHAIN_BROKEN');
  });

  test('a signature or evidence behind its last transaction', async () => {
    expect(await verifyIn({ to: txIdOf('2.45') })).toBe('accepted');
    expect(await verifyIn({ to: txIdOf('2.44') })).toBe('CHAIN_BROKEN');
    expect(await verifyIn({ to: txIdOf('2.41') }, { form: 'json' })).toBe('CHAIN_BROKEN');
  });
});
