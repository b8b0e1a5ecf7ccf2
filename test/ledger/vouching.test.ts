import { beforeAll, describe, expect, test } from 'vitest';
import { assert } from '../../src/core/errors.ts';
import { type Seqno, seqno as toSeqno, view as toView } from '../../src/core/words.ts';
import { openLedger } from '../../src/files/ledger/ledger-directory.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { startsOf } from '../../src/ledger/ledger-identities.ts';
import { publicGenesis } from '../../src/ledger/ledger-start.ts';
import type { SignedEnd } from '../../src/ledger/signed-end.ts';
import { readSignedLedger, type SignedLedger } from '../../src/ledger/signed-ledger.ts';
import { isInTime, isTrusted, type Signers } from '../../src/ledger/vouching.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { ledgerFiles, writeFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';

let ledger: MadeLedger;
let index: SignedLedger;
/** The last signature of the first identity, whose key the second has endorsed. */
let end: SignedEnd;

beforeAll(async () => {
  ledger = await MadeLedger.opened({ seed: 'vouching', members: makeMembers(1) });
  await ledger.signature();
  await ledger.signature();
  const seqno = ledger.next;
  ledger.recover();
  await ledger.signature();
  await ledger.open();
  await ledger.signature();
  const fileSystem = new MemoryFileSystem();
  await writeFiles(fileSystem, '/ledger', ledgerFiles(ledger));
  index = await readSignedLedger(await openLedger(fileSystem, '/ledger'), {
    start: publicGenesis(),
  });
  const found = index.ends.get(seqno);
  assert(found !== undefined, 'an identity begins there');
  end = found;
});

const keyOf = (i: number) => {
  const { serviceCertificate } = ledger.identities[i] ?? ledger.identity;
  return serviceCertificate;
};
const old = (): Signers => ({ serviceKeyId: keyOf(0).keyId, node: undefined });
const history = () => ({
  endorsements: index.endorsements,
  starts: startsOf(index.identities),
});
const at = (seqno: number, view: number = end.txId.view): SignedEnd => ({
  txId: { seqno: toSeqno(seqno), view: toView(view) },
  root: '11'.repeat(32),
});

async function verdicts(where: SignedEnd | undefined, signers = old(), pin = 1) {
  const vouching = { signers, end: where };
  const pinned = [keyOf(pin).publicKey];
  return [
    await isTrusted(vouching, { pinned, ...history() }),
    await isTrusted(vouching, { pinned, ...history() }, isInTime),
  ];
}

describe('a signature by a key that a pinned identity has endorsed', () => {
  test('is trusted where the endorsement says that it ended, over that root', async () => {
    expect(await verdicts(end)).toEqual([true, true]);
  });

  test('within its time makes a part trusted, and no end', async () => {
    expect(await verdicts(at(end.txId.seqno - 1))).toEqual([false, true]);
    expect(await verdicts(at(1))).toEqual([false, true]);
  });

  test.each<[string, () => SignedEnd | undefined]>([
    ['over another root', () => at(end.txId.seqno)],
    ['behind its time', () => at(end.txId.seqno + 1)],
    ['far behind it', () => at(end.txId.seqno + 100)],
    ['of a later view', () => at(end.txId.seqno - 1, end.txId.view + 1)],
    ['of an earlier view', () => at(end.txId.seqno - 1, 1)],
    ['of nobody knows where', () => undefined],
  ])('%s is not trusted', async (_, where) => {
    expect(await verdicts(where())).toEqual([false, false]);
  });

  test('is not trusted by one that comes before it', async () => {
    const newer: Signers = { serviceKeyId: keyOf(1).keyId, node: undefined };
    expect(await verdicts(index.end, newer, 0)).toEqual([false, false]);
    expect(await verdicts(index.end, newer, 1)).toEqual([true, true]);
  });
});

test('the ends of identities are by the seqno that introduces the next', () => {
  const [, second] = index.identities;
  const seqnos: readonly (Seqno | undefined)[] = [...index.ends.keys()];
  expect(seqnos).toEqual([second?.seqno]);
  expect(end.txId.seqno).toBe((second?.seqno ?? 0) - 1);
});
