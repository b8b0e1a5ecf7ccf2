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

/** Each broken adapter with the rules whose tests find it, and those of the tests that are not drawn from a chart. */
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
    rules: ['F3', 'F7', 'F8'],
    tests: [
      'snapshot source F3: a walk that is broken off by transactions goes on as it began',
      'snapshot source F3: states of ten moments stand side by side',
      'snapshot source F7: of two states of one seqno, to release one leaves the other',
      'snapshot source F7: to release a state in the middle leaves those around it',
      'snapshot source F8: freeze returns no promise, and reading it later gives that moment',
    ],
  },
  'versionless-store': {
    register: (framework) => {
      const open = () => openVersionedStore(new VersionlessStore(seqno(0), new Map()));
      registerSnapshotSourceContract(framework, { open, lacks: noTree });
      registerStoreContract(framework, {
        open: () => ({ start: (at, tables) => new VersionlessStore(at, tables) }),
      });
    },
    rules: ['F1', 'F3', 'F4', 'F5', 'F6', 'F7', 'T1', 'T3', 'T4', 'T5', 'T6', 'T7'],
    tests: [
      'snapshot source F1: what was written, overwritten and removed is in it, or is not',
      'snapshot source F1: a table whose last key was removed has no record',
      'snapshot source F3: states of ten moments stand side by side',
      'snapshot source F4: every walk gives the same in the same order, also a broken-off one',
      'snapshot source F5: the leaf is 32 bytes and stays as it is',
      'snapshot source F6: the view history ascends up to the seqno',
      'snapshot source F7: of two states of one seqno, to release one leaves the other',
      'snapshot source F7: to release a state in the middle leaves those around it',
      'snapshot source F7: after a release the same seqno can be frozen again',
      'snapshot source F7: to release what lay above a rollback leaves what was frozen in its place since',
      'store T1: a store that goes on from a state has it, without its tombstones',
      'store T3: a table that is not written keeps its version, a record its own',
      'store T3: a key may be removed and written again, and one transaction may do both to others',
      'store T4: a removed key leaves no tombstone',
      'store T5: empty, zero and high bytes are keys and values of their own',
      'store T7: what was given out stays, whatever is applied, taken back and compacted',
      'store T6: 200 random steps from seed 1',
      'store T6: 200 random steps from seed 2',
      'store T6: 200 random steps from seed 3',
    ],
  },
  'shared-release-store': {
    register: (framework) =>
      registerSnapshotSourceContract(framework, { open: openSharedReleaseStore, lacks: noTree }),
    rules: ['F3', 'F7'],
    tests: [
      'snapshot source F7: of two states of one seqno, to release one leaves the other',
      'snapshot source F7: to release what lay above a rollback leaves what was frozen in its place since',
    ],
  },
  'hasty-rename-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openHastyRenameDisk, lacks: memory }),
    rules: ['D19', 'D20', 'D23', 'D8'],
    tests: [
      'disk D8: every use of a handle after its close is refused, another close too',
      'disk D19: what is written behind it later does not endanger it',
      'disk D19: a truncate is durable after a sync',
      'disk D19: content that was synced under one name is whole under the next, however soon it was renamed',
      'disk D20: a rename over another file leaves the new content or the old, never none',
      'disk D23: a power cut after each step of each way through the writer',
    ],
  },
  'lying-sync-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openLyingSyncDisk, lacks: memory }),
    rules: ['D19', 'D20', 'D23'],
    tests: [
      'disk D19: what was written before a sync is there, whole',
      'disk D19: it is there while the handle is still open',
      'disk D19: a sync makes durable what other handles wrote into the file',
      'disk D19: what is written behind it later does not endanger it',
      'disk D19: a truncate is durable after a sync',
      'disk D19: the sync of one file is of that file, and of it alone nothing is lost',
      'disk D19: content that was synced under one name is whole under the next, however soon it was renamed',
      'disk D20: a renamed file has its new name and not its old one',
      'disk D20: a rename over another file leaves the new content or the old, never none',
      'disk D20: a removed name stays removed, and one that took its place is the new one',
      'disk D20: names in two directories are each made durable by their own sync',
      'disk D23: a power cut after each step of each way through the writer',
    ],
  },
  'overwriting-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openOverwritingDisk, lacks: memory }),
    rules: ['D1', 'D16', 'D22', 'D23', 'D8'],
    tests: [
      'disk D1: create refuses a name that is taken, and leaves the file as it is',
      'disk D8: every handle is given back, also those of readFile and of calls that fail',
      'disk D16: a failed create names the path and EEXIST, with the cause',
      'disk D23: a power cut after each step of each way through the writer',
    ],
  },
  'blind-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openBlindDisk, lacks: memory }),
    rules: ['D10'],
    tests: ['disk D10: list gives every name in the order of its bytes, hidden and odd ones too'],
  },
  'short-write-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openShortWriteDisk, lacks: memory }),
    rules: ['D19', 'D4', 'D5', 'D9'],
    tests: [
      'disk D4: a large write is written whole, and only the part of its buffer that was given',
      'disk D5: a large read is whole, and reads that are under way together do not mix',
      'disk D9: readFile gives all of a file that is as large as its bound, and of an empty one',
      'disk D19: what was written before a sync is there, whole',
    ],
  },
  'confused-log': {
    register: (framework) => registerEvidenceLogContract(framework, { open: openConfusedLog }),
    rules: ['E2', 'E3', 'E4'],
    tests: [
      'evidence log E2: submissions at the same time are each answered with their own transaction',
      'evidence log E2: other transactions that come meanwhile do not take its place',
      'evidence log E3: evidence is told in the order of the log',
      'evidence log E4: what is told has the version and the digest of that seqno',
    ],
  },
  'unclaiming-log': {
    register: (framework) =>
      registerEvidenceLogContract(framework, {
        open: openUnclaimingLog,
        lacks: { refuse: 'it is a log of one' },
      }),
    rules: ['E2', 'E5', 'E8'],
    tests: [
      'evidence log E2: evidence that is submitted again is answered with a transaction that holds it',
      "evidence log E5: the entry's leaf claims the digest",
      'evidence log E5: the leaf stays in the tree while the log goes on, and so does what was told',
      'evidence log E8: a submission that is aborted before the call leaves the log as good as before',
      'evidence log E8: a submission that is aborted within the call leaves the log as good as before',
      'evidence log E8: a submission that is aborted after the call leaves the log as good as before',
    ],
  },
  'wrong-root-signer': {
    register: (framework) =>
      registerSignerContract(framework, {
        open: openWrongRootSigner,
        lacks: { rollback: 'not needed here' },
      }),
    rules: ['G7'],
    tests: [
      'signer G7: while it is being signed, transactions that come are covered or not, but never half',
      'signer G7: two signatures that are asked for at once are each whole',
    ],
  },
  'changing-secrets': {
    register: (framework) =>
      registerSecretsContract(framework, {
        open: openChangingSecrets,
        lacks: { known: 'not needed here', reopen: 'not needed here' },
      }),
    rules: ['X3', 'X4'],
    tests: [
      'secrets X3: asked upwards, downwards and to and fro it gives the same',
      'secrets X4: a secret that is held does not change under later questions',
    ],
  },
  'early-clock': {
    register: (framework) =>
      registerClockContract(framework, { open: openEarlyClock, lacks: simulated }),
    rules: ['C10', 'C3', 'C5'],
    tests: [
      'clock C3: a timer does not fire before its delay has passed',
      'clock C3: a timer fires in its millisecond and not in the one before',
      'clock C5: a timer that is set later counts from then',
      'clock C10: a timer that sets another one starts its delay then',
    ],
  },
  'unforgetting-clock': {
    register: (framework) =>
      registerClockContract(framework, { open: openUnforgettingClock, lacks: simulated }),
    rules: ['C10', 'C8', 'C9'],
    tests: [
      'clock C8: a timer that is cleared before its time never fires',
      'clock C8: of three timers of one delay the one that is cleared, number 1, does not fire',
      'clock C8: of three timers of one delay the one that is cleared, number 2, does not fire',
      'clock C8: of three timers of one delay the one that is cleared, number 3, does not fire',
      'clock C9: clearing what has fired, twice what is cleared, and what never fires does nothing',
      'clock C10: a timer that clears a later one keeps it from firing',
    ],
  },
  'hasty-consensus': {
    register: (framework) => registerConsensusContract(framework, { open: openHastyConsensus }),
    rules: ['K1', 'K2', 'K3', 'K9'],
    tests: [
      'consensus K1: a signature is committed when it is durable, not when those before it are',
      'consensus K2: of sess with 3 durable, 3 is committed',
      'consensus K2: of ssss with 2 durable, 2 is committed',
      'consensus K2: of eseess with 5 durable, 5 is committed',
      'consensus K3: each commit is above the one before, and none is told twice',
      'consensus K9: what takes the place of abandoned entries is judged by itself',
    ],
  },
  'view-reusing-consensus': {
    register: (framework) =>
      registerConsensusContract(framework, { open: openViewReusingConsensus }),
    rules: ['K7'],
    tests: [
      'consensus K7: a start goes above the recorded view, also when the ledger has lost its entries',
      'consensus K7: a view whose record failed and was kept all the same is not used later',
    ],
  },
};

/** True for a test that was drawn from a chart: there are hundreds. */
const isWay = (name: string): boolean => name.includes(' = ');

const ruleOf = (name: string): string => /^[a-z ]+ ([A-Z]\d+): /.exec(name)?.[1] ?? name;

test.each(Object.entries(broken))(
  'the contracts find %s',
  async (_name, { register, rules, tests }) => {
    const failing = await failingTests(register);
    expect(failing.filter((name) => !isWay(name))).toEqual(tests);
    expect([...new Set(failing.map(ruleOf))].toSorted()).toEqual(rules);
  },
);
