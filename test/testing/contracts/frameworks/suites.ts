import { SingleNode } from '../../../../src/consensus/single-node.ts';
import { seqno } from '../../../../src/core/words.ts';
import { VersionedStore } from '../../../../src/store/heap/versioned-store.ts';
import { registerClockContract } from '../../../../src/testing/contracts/clock-contract.ts';
import { registerConsensusContract } from '../../../../src/testing/contracts/consensus/consensus-contract.ts';
import { registerDiskContract } from '../../../../src/testing/contracts/disk/disk-contract.ts';
import { registerEvidenceLogContract } from '../../../../src/testing/contracts/evidence-log-contract.ts';
import type { TestFramework } from '../../../../src/testing/contracts/framework.ts';
import { registerSecretsContract } from '../../../../src/testing/contracts/secrets-contract.ts';
import { registerSignerContract } from '../../../../src/testing/contracts/signer-contract.ts';
import { registerSnapshotSourceContract } from '../../../../src/testing/contracts/snapshot-source/snapshot-source-contract.ts';
import { registerStoreContract } from '../../../../src/testing/contracts/store/store-contract.ts';
import { TickClock } from '../../../tasks/fixtures/tick-clock.ts';
import { openMemoryDisk } from '../drivers.ts';
import { openNodeEvidenceLog, openNodeSigner } from '../node-log.ts';
import { openNodeLog } from '../source-drivers.ts';

const secret = new Uint8Array(32).fill(1);

/** Registers every suite once, each on an adapter of our own that needs nothing but memory. */
export function registerEverySuite(framework: TestFramework): void {
  registerSnapshotSourceContract(framework, { open: () => openNodeLog() });
  registerStoreContract(framework, {
    open: () => ({ start: (at, tables) => new VersionedStore(at, tables) }),
  });
  registerDiskContract(framework, {
    open: openMemoryDisk,
    lacks: { modeOf: 'files in memory have no mode' },
  });
  registerConsensusContract(framework, {
    open: () => ({ start: (start) => SingleNode.start(start) }),
  });
  registerClockContract(framework, {
    open: () => {
      const clock = new TickClock();
      return { clock, pass: (ms) => clock.tick(ms) };
    },
    lacks: { wall: 'it tells no time of day' },
  });
  registerSecretsContract(framework, {
    open: () => ({
      secrets: { at: () => secret },
      seqnos: [seqno(1), seqno(2)],
      reopen: () => ({ at: () => secret }),
    }),
    lacks: { known: 'there is one for all' },
  });
  registerEvidenceLogContract(framework, { open: openNodeEvidenceLog });
  registerSignerContract(framework, { open: openNodeSigner });
}
