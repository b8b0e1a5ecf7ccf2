import { describe, expect, test } from 'vitest';
import { type Seqno, view } from '../../src/core/words.ts';
import { MerkleTree } from '../../src/formats/merkle/merkle-tree.ts';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { prune } from '../../src/recovery/prune.ts';
import { recover } from '../../src/recovery/recover.ts';
import { replayLedger } from '../../src/replay/replay.ts';
import { verifySnapshot } from '../../src/verification/verify.ts';
import { fakeProcesses } from '../files/fake-processes.ts';
import { AttackedNode, forgedTables, saysForged } from '../helpers/attacked-node.ts';
import { LedgerForger } from '../helpers/forge-ledger.ts';
import { forgeSnapshot } from '../helpers/forge-receipt.ts';
import { forgeries } from '../helpers/forged-tails.ts';
import { MadeLedger } from '../helpers/make-ledger.ts';
import { ledgerFiles, readFiles, writeFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { signAsService } from '../helpers/make-signatures.ts';
import { change, serviceConfig, serviceInfo } from '../helpers/make-tables.ts';
import { codeOf, makeNodeKeyFiles, plant } from '../helpers/node-host.ts';
import { recoverMade } from '../helpers/recover-made.ts';
import { keysOf, replayMade } from '../helpers/replay-made.ts';

const keys = makeNodeKeyFiles();
const members = makeMembers(1);

async function attackedBy({ forge }: (typeof forgeries)[number]): Promise<AttackedNode> {
  const attacked = await AttackedNode.lived(keys);
  await forge(attacked.forger);
  await attacked.forger.write();
  return attacked;
}

describe('recover() believes nothing of a tail that nobody signed', () => {
  const [unsigned, signed] = [false, true].map((signs) =>
    forgeries.filter((forgery) => (forgery.signs ?? false) === signs),
  );

  test.for(signed ?? [])('pinned, signed by himself: $what', async (forgery) => {
    const attacked = await attackedBy(forgery);
    const recovered = await attacked.recover().catch(() => undefined);
    expect(recovered === undefined || (recovered.trusted && !saysForged(recovered))).toBe(true);
  });

  test.for(unsigned ?? [])('pinned, with members’ keys: $what', async (forgery) => {
    const attacked = await attackedBy(forgery);
    const recovered = await attacked.recover();
    expect(recovered).toMatchObject({ trusted: true, seqno: attacked.last });
    expect(saysForged(recovered)).toBe(false);
  });

  test.for(forgeries.slice(0, 6))('pinned, without members’ keys: $what', async (forgery) => {
    const { host, last } = await attackedBy(forgery);
    const recovered = await recover({
      ledger: '/node/ledger',
      services: [host.servicePublicKey],
      environment: { fileSystem: host.disk },
    });
    expect(recovered).toMatchObject({ trusted: true, seqno: last });
    expect(saysForged(recovered)).toBe(false);
  });

  test('a ledger that a stranger signed last is refused as his', async () => {
    const attacked = await AttackedNode.lived(keys);
    const { forger } = attacked;
    forger.append([...forger.ownSecret(), ...forger.ownIdentity()]);
    forger.append(forgedTables);
    await forger.sign();
    await forger.write();
    expect(await codeOf(attacked.recover())).toBe('UNTRUSTED_SERVICE');
    expect(await attacked.start()).toBe('KID_MISMATCH');
  });

  test('a node that nobody endorsed is an error, though a secret of his hides what lies before it', async () => {
    const two = makeMembers(2);
    const ledger = await MadeLedger.opened({ seed: 'two keys', members: two, threshold: 2 });
    await ledger.signature();
    const disk = new MemoryFileSystem();
    await writeFiles(disk, '/ledger', ledgerFiles(ledger, { last: 'open' }));
    const forger = await LedgerForger.read(disk, '/ledger');
    const sealed = { secret: new Uint8Array(32).fill(9) };
    forger.append([serviceConfig(1), ...forger.ownSecret()], sealed);
    forger.append(forger.ownNode(), sealed);
    await forger.write();
    const recovering = recover({
      ledger: '/ledger',
      services: [ledger.identity.serviceCertificate],
      memberKeys: keysOf(ledger).slice(0, 1),
      environment: { fileSystem: disk },
    });
    expect(await codeOf(recovering)).toBe('NODE_CERT_NOT_ENDORSED');
  });

  test('a signature that says another view than its entry', async () => {
    const ledger = await MadeLedger.opened({ seed: 'another view', members });
    const tree = MerkleTree.genesis();
    for (const { leaf } of ledger.entries) tree.append(leaf);
    const { identity, next: seqno, lastSignature } = ledger;
    const place = { tree, identity, seqno, lastSignature, isOldRelease: false };
    const cose = await signAsService({ ...place, view: view(3) });
    await ledger.signature({ forge: (values) => ({ ...values, cose }) });
    expect(await codeOf(recoverMade(ledger))).toBe('VIEW_MISMATCH');
    expect((await replayMade(ledger)).report.failure?.code).toBe('VIEW_MISMATCH');
  });

  test('a CCF ledger that ends in a rekey: it stops at the last signature', async () => {
    const ledger = await MadeLedger.opened({ seed: 'rekeyed', members });
    const signed = await ledger.signature();
    ledger.rekey();
    ledger.transaction([change('app', { k: 'under the new secret' })]);
    const services = [ledger.identity.serviceCertificate];
    expect(await recoverMade(ledger, { services })).toMatchObject({ trusted: true, seqno: signed });
  });

  test('a CCF ledger with data behind the last signature: it is kept', async () => {
    const ledger = await MadeLedger.opened({ seed: 'unsigned', members });
    await ledger.signature();
    const last = ledger.transaction([change('app', { k: 'acknowledged' })]);
    const services = [ledger.identity.serviceCertificate];
    expect(await recoverMade(ledger, { services })).toMatchObject({ trusted: true, seqno: last });
  });
});

describe('replayLedger() counts nothing of a tail that nobody signed as true', () => {
  test.for(forgeries.filter(({ signs }) => !signs))('$what', async (forgery) => {
    const { host, last } = await attackedBy(forgery);
    const { failure, summary } = await replayLedger({
      ledger: '/node/ledger',
      out: '/out',
      memberKeys: host.memberKeys,
      environment: { fileSystem: host.disk },
    });
    expect(summary.verifiedUntil).toBeLessThanOrEqual(last);
    expect(failure !== undefined || summary.transactions <= last).toBe(true);
  });
});

/** A ledger of two identities, with a snapshot of each, and its files on a disk. */
async function makeTwo() {
  const ledger = await MadeLedger.opened({ seed: 'two', members });
  ledger.transaction([change('app', { k: 'first' })]);
  ledger.vouch(await ledger.signature());
  await ledger.signature();
  ledger.recover();
  await ledger.signature();
  await ledger.open();
  ledger.transaction([change('app', { k: 'second' })]);
  ledger.vouch(await ledger.signature());
  await ledger.signature();
  const { files } = await replayMade(ledger);
  const disk = new MemoryFileSystem();
  for (const [directory, content] of [
    ['/ledger', ledgerFiles(ledger, { last: 'open' })],
    ['/snapshots', files],
  ] as const) {
    await writeFiles(disk, directory, new Map());
    for (const [name, bytes] of content) await plant(disk, `${directory}/${name}`, bytes);
  }
  return { ledger, disk, snapshots: [...files.keys()].toSorted((a, b) => a.length - b.length) };
}

const isPinned = { pinned: true, nobody: false } as const;

describe('verifySnapshot() with a ledger takes identities from signed entries alone', () => {
  const whom = ['pinned', 'nobody'] as const;
  test.for(whom)('the tail moves the beginning of the real service; pinned: %s', async (who) => {
    const { ledger, disk, snapshots } = await makeTwo();
    const forger = await LedgerForger.read(disk, '/ledger');
    const { serviceCertificate: certificate } = ledger.identity;
    const createTxId = { view: forger.last.view, seqno: forger.next };
    forger.append([serviceInfo({ certificate, status: 'Open', createTxId })]);
    await forger.write();
    const services = isPinned[who] ? [certificate] : [];
    for (const name of snapshots) {
      const options = { services, ledger: '/ledger', environment: { fileSystem: disk } };
      const verified = await verifySnapshot(`/snapshots/${name}`, options);
      expect(verified.trusted).toBe(isPinned[who]);
    }
  });

  test('the tail introduces a service, and a snapshot is signed by that', async () => {
    const { disk, snapshots } = await makeTwo();
    const forger = await LedgerForger.read(disk, '/ledger');
    const at = forger.append(forger.ownIdentity());
    await forger.write();
    const name = await plantForged(disk, forger, at);
    const options = { ledger: '/ledger', environment: { fileSystem: disk } };
    expect(await codeOf(verifySnapshot(name, options))).toBe('UNTRUSTED_SERVICE');
    const real = snapshots.map((file) => codeOf(verifySnapshot(`/snapshots/${file}`, options)));
    expect(await Promise.all(real)).toEqual(['accepted', 'accepted']);
  });

  test('the tail introduces a service and its signature', async () => {
    const { disk } = await makeTwo();
    const forger = await LedgerForger.read(disk, '/ledger');
    forger.append(forger.ownIdentity());
    const at = await forger.sign();
    await forger.write();
    const name = await plantForged(disk, forger, at);
    const options = { ledger: '/ledger', environment: { fileSystem: disk } };
    // Nobody is pinned: a service that signs what it introduces is the ledger's last one, and not trusted.
    const verified = await verifySnapshot(name, options).catch(() => undefined);
    expect(verified?.trusted ?? false).toBe(false);
  });
});

test('a service that a stranger signed moves no beginning where the real one is pinned', async () => {
  const { ledger, disk, snapshots } = await makeTwo();
  const { serviceCertificate: certificate } = ledger.identity;
  const forger = await LedgerForger.read(disk, '/ledger');
  forger.append(forger.ownIdentity());
  const createTxId = { view: forger.last.view, seqno: forger.next };
  forger.append([serviceInfo({ certificate, status: 'Open', createTxId })]);
  await forger.sign({ cose: false });
  await forger.write();
  for (const name of snapshots) {
    const options = { services: [certificate], ledger: '/ledger' };
    const environment = { fileSystem: disk };
    const verified = await verifySnapshot(`/snapshots/${name}`, { ...options, environment });
    expect(verified.trusted).toBe(true);
  }
});

/** The attacker's own snapshot, newer than all others. */
async function plantForged(disk: MemoryFileSystem, forger: LedgerForger, at: Seqno) {
  const { bytes, fileName } = await forgeSnapshot({
    snapshot: `2.${at + 1}`,
    evidence: `2.${at + 2}`,
    signature: `2.${at + 3}`,
    signer: forger.identity,
  });
  await plant(disk, `/snapshots/${fileName}`, bytes);
  return `/snapshots/${fileName}`;
}

describe('prune() beside forged snapshots', () => {
  test('a stranger’s newer one takes no real one’s place', async () => {
    const { ledger, disk, snapshots } = await makeTwo();
    const forger = await LedgerForger.read(disk, '/ledger');
    await plantForged(disk, forger, forger.last.seqno);
    const services = [ledger.identity.serviceCertificate];
    const environment = { fileSystem: disk, processes: fakeProcesses() };
    const report = await prune({ snapshots: '/snapshots', keep: 1, services, environment });
    expect(report.newestValid?.file).toBe(snapshots.at(-1));
    expect(await disk.stat(`/snapshots/${snapshots.at(-1)}`)).toBeDefined();
  });

  test('nor with a ledger whose tail introduces the stranger', async () => {
    const { ledger, disk, snapshots } = await makeTwo();
    const forger = await LedgerForger.read(disk, '/ledger');
    const at = forger.append(forger.ownIdentity());
    await forger.write();
    await plantForged(disk, forger, at);
    await writeFiles(disk, '/copies', await readFiles(disk, '/ledger'));
    const environment = { fileSystem: disk, processes: fakeProcesses() };
    const chunks = { directory: '/ledger', copies: '/copies' };
    const options = { snapshots: '/snapshots', keep: 1, ledger: chunks, environment };
    await prune(options).catch(() => undefined);
    expect(await disk.stat(`/snapshots/${snapshots.at(-1)}`)).toBeDefined();
    const recovered = await recover({
      ledger: '/ledger',
      snapshots: '/snapshots',
      memberKeys: keysOf(ledger),
      services: [ledger.identity.serviceCertificate],
      environment: { fileSystem: disk },
    });
    expect(recovered).toMatchObject({ trusted: true, snapshot: { file: snapshots.at(-1) } });
  });
});

describe('a node whose snapshots directory has a stranger’s in it', () => {
  test.for([-1, 5])('of seqno %i from the end', async (distance) => {
    const attacked = await AttackedNode.lived(keys, { snapshots: 1 });
    const at = attacked.last + distance;
    const { bytes, fileName } = await forgeSnapshot({
      snapshot: `2.${at}`,
      evidence: `2.${at + 1}`,
      signature: `2.${at + 2}`,
      signer: attacked.forger.identity,
    });
    await plant(attacked.host.disk, `/node/snapshots/${fileName}`, bytes);
    expect(await attacked.start()).toBe('started');
  });

  test('and a tail that introduces that stranger', async () => {
    const attacked = await AttackedNode.lived(keys, { snapshots: 1 });
    const { forger } = attacked;
    forger.append([...forger.ownSecret(), ...forger.ownIdentity(), ...forgedTables]);
    const at = await forger.sign();
    await forger.write();
    const { bytes, fileName } = await forgeSnapshot({
      snapshot: `2.${at - 1}`,
      evidence: `2.${at + 1}`,
      signature: `2.${at + 2}`,
      signer: forger.identity,
    });
    await plant(attacked.host.disk, `/node/snapshots/${fileName}`, bytes);
    await attacked.start();
  });
});
