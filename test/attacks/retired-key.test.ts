import { describe, expect, test } from 'vitest';
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts';
import { verifySnapshot } from '../../src/verification/verify.ts';
import { type ForgedProof, forgeSnapshot } from '../helpers/forge-receipt.ts';
import { type MadeIdentity, MadeLedger } from '../helpers/make-ledger.ts';
import { ledgerFiles, writeFiles } from '../helpers/make-ledger-files.ts';
import { makeMembers } from '../helpers/make-members.ts';
import { change } from '../helpers/make-tables.ts';
import { codeOf } from '../helpers/node-host.ts';
import { recoverMade } from '../helpers/recover-made.ts';

const members = makeMembers(1);

/** Three identities, each of which endorses the one before it. */
async function makeThree(): Promise<MadeLedger> {
  const ledger = await MadeLedger.opened({ seed: 'retired', members });
  for (const k of ['first', 'second', 'third']) {
    for (let i = 0; i < 10; i++) ledger.transaction([change('public:app', { k: `${k} ${i}` })]);
    await ledger.signature();
    if (k === 'third') break;
    ledger.recover();
    await ledger.signature();
    await ledger.open();
  }
  return ledger;
}

const ledger = await makeThree();
const [oldest, older, newest] = ledger.identities as [MadeIdentity, MadeIdentity, MadeIdentity];
const last = ledger.entries.length;
/** Last transaction of the first identity, in view 2. */
const end = older.createTxId.seqno - 1;

/** Beyond everything in the ledger. */
const future = `2.${last + 10}`;
const newestOfAll = {
  snapshot: `2.${last + 1}`,
  evidence: `2.${last + 2}`,
  signature: `2.${last + 3}`,
};

async function verify(forged: ForgedProof, pins: readonly MadeIdentity[]): Promise<string> {
  const fileSystem = new MemoryFileSystem();
  await writeFiles(fileSystem, '/ledger', ledgerFiles(ledger));
  const { bytes, fileName } = await forgeSnapshot(forged);
  await writeFiles(fileSystem, '/snapshots', new Map([[fileName, bytes]]));
  const services = pins.map(({ serviceCertificate }) => serviceCertificate);
  const options = { services, ledger: '/ledger', environment: { fileSystem } };
  return codeOf(verifySnapshot(`/snapshots/${fileName}`, options));
}

/** What the first identity signed in its time. */
const inItsTime = { snapshot: '2.5', evidence: '2.7', signature: '2.9', signer: oldest };

/** Signer and numbers hold, and only the entry in the ledger shows that nobody recorded the snapshot. */
const allButTheEvidence = 'LEAF_MISMATCH';

describe('verify --ledger with the newest identity pinned', () => {
  test('what the first identity signed in its time is trusted', async () => {
    expect(await verify(inItsTime, [newest])).toBe(allButTheEvidence);
    expect(await verify(inItsTime, [oldest, older, newest])).toBe(allButTheEvidence);
  });

  test.for([
    [
      'a header of its time over evidence of later',
      { evidence: future, leafCount: last + 11 },
      'EVIDENCE_MISMATCH',
    ],
    [
      'a header of its time over evidence one behind its end',
      { evidence: `2.${end + 1}`, leafCount: end + 2 },
      'EVIDENCE_MISMATCH',
    ],
    [
      'a header of its time over a snapshot of later',
      { snapshot: future },
      'EVIDENCE_NOT_AFTER_SNAPSHOT',
    ],
    [
      'all in its time, in a later view',
      { snapshot: '6.5', evidence: '6.7', signature: '6.9' },
      'CHAIN_BROKEN',
    ],
    ['everything behind its end', newestOfAll, 'UNTRUSTED_SERVICE'],
  ] as const)('%s', async ([, change, code]) => {
    expect(await verify({ ...inItsTime, ...change }, [newest])).toBe(code);
  });
});

describe('an old identity that is pinned beside a newer one', () => {
  test.for([
    ['its own successor', [oldest, older]],
    ['the newest', [newest, oldest]],
    ['both', [oldest, older, newest]],
  ] as const)('has an end that is known: %s', async ([, pins]) => {
    expect(await verify({ ...inItsTime, ...newestOfAll }, pins)).toBe('CHAIN_BROKEN');
    expect(await verify(inItsTime, pins)).toBe(allButTheEvidence);
  });
});

describe('a newer identity', () => {
  test('signs nothing of before its service began', async () => {
    expect(await verify({ ...inItsTime, signer: newest }, [newest])).toBe('CHAIN_BROKEN');
    expect(await verify({ ...inItsTime, signer: newest, form: 'json' }, [newest])).toBe(
      'CHAIN_BROKEN',
    );
  });

  test('signs nothing of an older view', async () => {
    expect(await verify({ ...newestOfAll, signer: newest }, [newest])).toBe('CHAIN_BROKEN');
  });
});

test('recover() replays the ledger instead of a retired key’s snapshot', async () => {
  const evidence = { evidence: future, leafCount: last + 11 };
  const forged = { ...inItsTime, snapshot: `2.${last}`, ...evidence };
  const { bytes, fileName } = await forgeSnapshot(forged);
  const recovered = await recoverMade(ledger, {
    snapshots: new Map([[fileName, bytes]]),
    services: [newest.serviceCertificate],
  });
  expect(recovered).toMatchObject({
    seqno: last,
    trusted: true,
    snapshot: undefined,
    refused: [{ file: fileName, code: 'EVIDENCE_MISMATCH' }],
  });
});
