import { describe, expect, test } from 'vitest';
import { concatBytes, toHex } from '../../src/core/bytes.ts';
import { digest } from '../../src/core/words.ts';
import { sha256 } from '../../src/formats/encoding/sha256.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import { encodeSnapshot } from '../../src/formats/snapshot/snapshot-body.ts';
import { MadeLedger, type MadeLedgerOptions } from '../helpers/make-ledger.ts';
import { ledgerFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change } from '../helpers/make-tables.ts';
import { madeState, receiptOf, recoverMade, stateOf } from '../helpers/recover-made.ts';
import { replayMade } from '../helpers/replay-made.ts';

const members = makeMembers(1);

const appTables = (value: string) => [
  change('public:app', { 'a key': value }),
  change('app', { 'a secret': value }),
];

/** A disaster between two identities, a snapshot before and behind it. */
async function makeRecovered(options: Partial<MadeLedgerOptions> = {}): Promise<MadeLedger> {
  const ledger = await MadeLedger.opened({ seed: 'two identities', members, ...options });
  ledger.transaction(appTables('first'));
  ledger.vouch(await ledger.signature());
  await ledger.signature();
  ledger.recover();
  await ledger.signature();
  await ledger.open();
  ledger.transaction(appTables('second'));
  ledger.vouch(await ledger.signature());
  await ledger.signature();
  ledger.rekey();
  ledger.transaction(appTables('rekeyed'));
  await ledger.signature();
  return ledger;
}

const ledger = await makeRecovered();
const { files: snapshots } = await replayMade(ledger);
const [before = '', behind = ''] = [...snapshots.keys()].toSorted((a, b) => a.length - b.length);
const onlyBefore = new Map([...snapshots].filter(([name]) => name === before));
const [oldIdentity, newIdentity] = ledger.identities.map(
  ({ serviceCertificate }) => serviceCertificate,
);
const stranger = (await MadeLedger.opened({ seed: 'a stranger', members })).identity;
const last = ledger.entries.length;
const pins = (...pinned: readonly (typeof oldIdentity)[]) => ({
  services: pinned.filter((pin) => pin !== undefined),
});

describe('pinned identities', () => {
  test('the identity in force vouches for the newest snapshot and the last signature', async () => {
    const recovered = await recoverMade(ledger, { snapshots, ...pins(newIdentity) });
    expect(recovered).toMatchObject({
      trusted: true,
      verifiedUntil: last,
      snapshot: { file: behind, trusted: true },
    });
    expect(stateOf(recovered.tables.values())).toStrictEqual(madeState(ledger, last));
  });

  test('a key is as good as a certificate', async () => {
    const { publicKey } = ledger.identity.serviceCertificate;
    const recovered = await recoverMade(ledger, { snapshots, services: [publicKey] });
    expect(recovered).toMatchObject({ trusted: true, snapshot: { trusted: true } });
  });

  test('CON-22 endorsements in the ledger lead to an older identity', async () => {
    const recovered = await recoverMade(ledger, { snapshots: onlyBefore, ...pins(newIdentity) });
    expect(recovered).toMatchObject({ trusted: true, snapshot: { file: before, trusted: true } });
    expect(stateOf(recovered.tables.values())).toStrictEqual(madeState(ledger, last));
  });

  test('endorsements are read where the tail of the ledger is torn', async () => {
    const files = ledgerFiles(ledger).set(`ledger_${last + 1}`, new Uint8Array(500));
    const options = { files, snapshots: onlyBefore, ...pins(newIdentity) };
    expect(await recoverMade(ledger, options)).toMatchObject({ trusted: true, refused: [] });
  });

  test('both identities pinned', async () => {
    const recovered = await recoverMade(ledger, { snapshots, ...pins(oldIdentity, newIdentity) });
    expect(recovered).toMatchObject({ trusted: true, snapshot: { file: behind } });
  });

  test('the older identity alone does not vouch for what came behind it', async () => {
    const recovering = recoverMade(ledger, { snapshots, ...pins(oldIdentity) });
    await expect(recovering).rejects.toMatchObject({ code: 'UNTRUSTED_SERVICE', seqno: last });
  });

  test('a stranger vouches for nothing, not even with the whole ledger', async () => {
    const recovering = recoverMade(ledger, pins(stranger.serviceCertificate));
    await expect(recovering).rejects.toMatchObject({ code: 'UNTRUSTED_SERVICE' });
  });

  test('a pinned snapshot alone is trusted', async () => {
    const options = { files: 'missing', snapshots, ...pins(newIdentity) } as const;
    expect(await recoverMade(ledger, options)).toMatchObject({ trusted: true });
  });

  test.each([
    ['with a pin', pins(oldIdentity)],
    ['without a pin', {}],
  ])('a ledger without any signature is refused, %s', async (_name, options) => {
    const files = ledgerFiles({ entries: ledger.entries.slice(0, 2) });
    const recovering = recoverMade(ledger, { files, ...options });
    await expect(recovering).rejects.toMatchObject({ code: 'NO_SIGNATURE', file: '/ledger' });
  });

  test('nodes of CCF 1.x, whose certificates the service has signed', async () => {
    const old = await makeRecovered({ isOldRelease: true });
    const services = [old.identity.serviceCertificate];
    expect(await recoverMade(old, { services })).toMatchObject({ trusted: true });
  });
});

describe('nothing pinned', () => {
  test('CON-20 (differs) what verifies is used, and is not trusted', async () => {
    const recovered = await recoverMade(ledger, { snapshots });
    expect(recovered).toMatchObject({
      trusted: false,
      refused: [],
      snapshot: { file: behind, trusted: false },
    });
  });

  test('a snapshot of an older identity is used too', async () => {
    const recovered = await recoverMade(ledger, { snapshots: onlyBefore });
    expect(recovered).toMatchObject({ refused: [], snapshot: { file: before, trusted: false } });
  });
});

describe('ledger secrets', () => {
  test('without keys: the public state, and it says that it is not complete', async () => {
    const recovered = await recoverMade(ledger, { snapshots, memberKeys: [] });
    const whole = await recoverMade(ledger);
    expect(recovered).toMatchObject({ isComplete: false, root: whole.root });
    const expected = Object.entries(madeState(ledger, last)).filter(([name]) =>
      name.startsWith('public:'),
    );
    expect(stateOf(recovered.tables.values())).toStrictEqual(Object.fromEntries(expected));
    expect(recovered.tables.has(tables.tree)).toBe(true);
  });

  test('without keys a snapshot with private tables is not complete, suffix or none', async () => {
    const options = { files: 'missing', snapshots, memberKeys: [] } as const;
    expect((await recoverMade(ledger, options)).isComplete).toBe(false);
  });

  test('CON-25 CON-27 (differs) shares in the snapshot open its private part without a ledger', async () => {
    const recovered = await recoverMade(ledger, { files: 'missing', snapshots });
    expect(recovered.isComplete).toBe(true);
    expect(stateOf(recovered.tables.values())).toStrictEqual(madeState(ledger, recovered.seqno));
  });

  test('shares behind the snapshot open a secret that was rekeyed', async () => {
    const { secrets } = await recoverMade(ledger, { snapshots });
    expect(secrets.secretAt(ledger.next)).toStrictEqual(ledger.secrets.newest.secret);
  });

  test('a snapshot that the ledger’s secret does not open is refused', async () => {
    const made = await MadeLedger.opened({ seed: 'another secret', members });
    made.transaction(appTables('x'));
    const version = await made.signature();
    const { content } = made.snapshot(version);
    const entry = encodeSnapshot(content, new Uint8Array(32).fill(7));
    const evidence = made.evidence({ seqno: version, digest: digest(toHex(sha256(entry))) });
    const receipt = receiptOf(made, { seqno: evidence, signatureSeqno: await made.signature() });
    const file = `snapshot_${version}_${evidence}.committed`;
    const recovered = await recoverMade(made, {
      snapshots: new Map([[file, concatBytes([entry, receipt])]]),
    });
    expect(recovered.refused).toMatchObject([{ file, code: 'GCM_TAG_MISMATCH' }]);
    expect(recovered).toMatchObject({ snapshot: undefined, isComplete: true });
  });
});
