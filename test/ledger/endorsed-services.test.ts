import { describe, expect, test } from 'vitest';
import { parseTxId } from '../../src/core/tx-id.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import {
  checkEpoch,
  type EndorsedService,
  readEndorsedServices,
} from '../../src/ledger/endorsed-services.ts';
import { makeKey } from '../formats/make-keys.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { ledgerFiles, writeFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';

describe('readEndorsedServices()', () => {
  test('answers with the identities before a trusted one, each with its time', async () => {
    const ledger = await MadeLedger.opened({ seed: 'endorsed', members: makeMembers(1) });
    await ledger.signature();
    const ends: number[] = [];
    for (let i = 0; i < 2; i++) {
      ends.push(ledger.entries.length);
      ledger.recover();
      await ledger.signature();
      await ledger.open();
      await ledger.signature();
    }
    const fileSystem = new MemoryFileSystem();
    await writeFiles(fileSystem, '/ledger', ledgerFiles(ledger));
    const read = (i: number) =>
      readEndorsedServices({
        ledger: '/ledger',
        readOnlyLedgers: [],
        services: [keyOf(ledger, i)],
        signal: new AbortController().signal,
        environment: { fileSystem },
      });
    const found = await read(2);
    expect(found.map(({ keyId }) => keyId)).toEqual([idOf(ledger, 1), idOf(ledger, 0)]);
    expect(found.map(({ to }) => to.seqno)).toEqual(ends.toReversed());
    expect((await read(1)).map(({ keyId }) => keyId)).toEqual([idOf(ledger, 0)]);
    expect(await read(0)).toEqual([]);
  });
});

function identityOf(ledger: MadeLedger, i: number) {
  const identity = ledger.identities[i];
  if (identity === undefined) throw new RangeError(`no identity ${i}`);
  return identity;
}

const keyOf = (ledger: MadeLedger, i: number) => identityOf(ledger, i).serviceCertificate.publicKey;
const idOf = (ledger: MadeLedger, i: number) => identityOf(ledger, i).serviceCertificate.keyId;

describe('checkEpoch()', () => {
  const earlier: readonly EndorsedService[] = [
    {
      key: makeKey('earlier').publicKey,
      keyId: 'earlier',
      from: parseTxId('2.1'),
      to: parseTxId('2.483'),
    },
  ];
  const check = (serviceKeyId: string | undefined, txId?: string, signatureTxId?: string) =>
    checkEpoch({ serviceKeyId, inclusions: [{ txId: '2.2' }, { txId }], signatureTxId }, earlier);

  test.each([
    ['2.1', undefined],
    ['2.483', undefined],
    [undefined, '2.483'],
    ['2.300', '2.302'],
  ])('lets pass what is of its time: %s, signed at %s', (txId, signatureTxId) => {
    expect(() => check('earlier', txId, signatureTxId)).not.toThrow();
  });

  test('has nothing to say of other keys', () => {
    expect(() => check('pinned', '9.999')).not.toThrow();
    expect(() => check(undefined)).not.toThrow();
  });

  test.each([
    ['2.484', undefined],
    ['3.400', undefined],
    ['2.300', '2.485'],
    [undefined, '4.483'],
    [undefined, undefined],
  ])('refuses what is not: %s, signed at %s', (txId, signatureTxId) => {
    expect(() => check('earlier', txId, signatureTxId)).toThrow(
      expect.objectContaining({ name: 'VerificationError', code: 'CHAIN_BROKEN' }),
    );
  });
});
