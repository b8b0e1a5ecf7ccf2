import { expect, test } from 'vitest';
import { seqno } from '../../src/core/words.ts';
import { registerClockContract } from '../../src/testing/contracts/clock-contract.ts';
import { registerConsensusContract } from '../../src/testing/contracts/consensus-contract.ts';
import { registerDiskContract } from '../../src/testing/contracts/disk-contract.ts';
import { registerEvidenceLogContract } from '../../src/testing/contracts/evidence-log-contract.ts';
import type { TestFramework } from '../../src/testing/contracts/framework.ts';
import { registerSecretsContract } from '../../src/testing/contracts/secrets-contract.ts';
import { registerSignerContract } from '../../src/testing/contracts/signer-contract.ts';
import { registerSnapshotSourceContract } from '../../src/testing/contracts/snapshot-source-contract.ts';
import { registerStoreContract } from '../../src/testing/contracts/store-contract.ts';
import { openBlindDisk } from './broken/blind-disk.ts';
import { openChangingSecrets } from './broken/changing-secrets.ts';
import { openConfusedLog } from './broken/confused-log.ts';
import { openEarlyClock } from './broken/early-clock.ts';
import { openHastyConsensus } from './broken/hasty-consensus.ts';
import { openHastyRenameDisk } from './broken/hasty-rename-disk.ts';
import { openLyingSyncDisk } from './broken/lying-sync-disk.ts';
import { openOverwritingDisk } from './broken/overwriting-disk.ts';
import { failingTests } from './broken/run-contract.ts';
import { openSharedReleaseStore } from './broken/shared-release-store.ts';
import { openShortWriteDisk } from './broken/short-write-disk.ts';
import { openUnclaimingLog } from './broken/unclaiming-log.ts';
import { openUnforgettingClock } from './broken/unforgetting-clock.ts';
import { openUnfrozenStore } from './broken/unfrozen-store.ts';
import { VersionlessStore } from './broken/versionless-store.ts';
import { openViewReusingConsensus } from './broken/view-reusing-consensus.ts';
import { openWrongRootSigner } from './broken/wrong-root-signer.ts';
import { openVersionedStore } from './contracts/source-drivers.ts';

const noTree = { leafAt: 'a store alone has no tree', viewAt: 'a store alone has no views' };
const frozenOnly = { ...noTree, rollback: 'not needed here', commit: 'not needed here' };
const memory = { modeOf: 'files in memory have no mode' };
const simulated = { wall: 'it tells no time of day' };

/** Each broken adapter with the rules whose tests find it, and some of those tests by name. */
const broken: Readonly<
  Record<
    string,
    {
      readonly register: (framework: TestFramework) => void;
      readonly rules: readonly string[];
      readonly tests: readonly string[];
    }
  >
> = {
  'unfrozen-store': {
    register: (framework) =>
      registerSnapshotSourceContract(framework, { open: openUnfrozenStore, lacks: frozenOnly }),
    rules: [],
    tests: [],
  },
  'versionless-store': {
    register: (framework) => {
      const open = () => openVersionedStore(new VersionlessStore(seqno(0), new Map()));
      registerSnapshotSourceContract(framework, { open, lacks: noTree });
      registerStoreContract(framework, {
        open: () => ({ start: (at, tables) => new VersionlessStore(at, tables) }),
      });
    },
    rules: [],
    tests: [],
  },
  'shared-release-store': {
    register: (framework) =>
      registerSnapshotSourceContract(framework, { open: openSharedReleaseStore, lacks: noTree }),
    rules: [],
    tests: [],
  },
  'hasty-rename-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openHastyRenameDisk, lacks: memory }),
    rules: [],
    tests: [],
  },
  'lying-sync-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openLyingSyncDisk, lacks: memory }),
    rules: [],
    tests: [],
  },
  'overwriting-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openOverwritingDisk, lacks: memory }),
    rules: [],
    tests: [],
  },
  'blind-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openBlindDisk, lacks: memory }),
    rules: [],
    tests: [],
  },
  'short-write-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openShortWriteDisk, lacks: memory }),
    rules: [],
    tests: [],
  },
  'confused-log': {
    register: (framework) => registerEvidenceLogContract(framework, { open: openConfusedLog }),
    rules: [],
    tests: [],
  },
  'unclaiming-log': {
    register: (framework) =>
      registerEvidenceLogContract(framework, {
        open: openUnclaimingLog,
        lacks: { refuse: 'it is a log of one' },
      }),
    rules: [],
    tests: [],
  },
  'wrong-root-signer': {
    register: (framework) =>
      registerSignerContract(framework, {
        open: openWrongRootSigner,
        lacks: { rollback: 'not needed here' },
      }),
    rules: [],
    tests: [],
  },
  'changing-secrets': {
    register: (framework) =>
      registerSecretsContract(framework, {
        open: openChangingSecrets,
        lacks: { known: 'not needed here', reopen: 'not needed here' },
      }),
    rules: [],
    tests: [],
  },
  'early-clock': {
    register: (framework) =>
      registerClockContract(framework, { open: openEarlyClock, lacks: simulated }),
    rules: [],
    tests: [],
  },
  'unforgetting-clock': {
    register: (framework) =>
      registerClockContract(framework, { open: openUnforgettingClock, lacks: simulated }),
    rules: [],
    tests: [],
  },
  'hasty-consensus': {
    register: (framework) => registerConsensusContract(framework, { open: openHastyConsensus }),
    rules: [],
    tests: [],
  },
  'view-reusing-consensus': {
    register: (framework) =>
      registerConsensusContract(framework, { open: openViewReusingConsensus }),
    rules: [],
    tests: [],
  },
};

const ruleOf = (name: string): string => /^[a-z ]+ ([A-Z]\d+): /.exec(name)?.[1] ?? name;

test.each(Object.entries(broken))(
  'the contracts find %s',
  async (_, { register, rules, tests }) => {
    const failing = await failingTests(register);
    const none = 0;
    console.log(
      _,
      [...new Set(failing.map(ruleOf))].toSorted(),
      failing.length,
      failing.filter((n) => !/ > /.test(n)),
    );
    expect(failing).toEqual(expect.arrayContaining([...tests]));
    expect([...new Set(failing.map(ruleOf))].toSorted()).toEqual(rules);
  },
);
