import { registerClockContract } from '../../../src/testing/contracts/clock-contract.ts';
import { registerConsensusContract } from '../../../src/testing/contracts/consensus/consensus-contract.ts';
import { registerDiskContract } from '../../../src/testing/contracts/disk/disk-contract.ts';
import { registerSecretsContract } from '../../../src/testing/contracts/secrets-contract.ts';
import { registerSignerContract } from '../../../src/testing/contracts/signer-contract.ts';
import { openBatchingClock } from './batching-clock.ts';
import { openBlindDisk } from './blind-disk.ts';
import { openCachingDisk } from './caching-disk.ts';
import { openChangingSecrets } from './changing-secrets.ts';
import { openCopyingLinkDisk } from './copying-link-disk.ts';
import { openEarlyClock } from './early-clock.ts';
import { openHastyConsensus } from './hasty-consensus.ts';
import { openHastyRenameDisk } from './hasty-rename-disk.ts';
import { openLyingSyncDisk } from './lying-sync-disk.ts';
import { openMisnamingSigner } from './misnaming-signer.ts';
import { openOverwritingDisk } from './overwriting-disk.ts';
import { openPathNumberingDisk } from './path-numbering-disk.ts';
import { openRememberingConsensus } from './remembering-consensus.ts';
import { openReplacingLinkDisk } from './replacing-link-disk.ts';
import { openReversingClock } from './reversing-clock.ts';
import type { Found } from './run-contract.ts';
import { openShortWriteDisk } from './short-write-disk.ts';
import { openSizeKeepingDisk } from './size-keeping-disk.ts';
import { openUnforgettingClock } from './unforgetting-clock.ts';
import { openUnlinkingDisk } from './unlinking-disk.ts';
import { openViewReusingConsensus } from './view-reusing-consensus.ts';
import { openWipingSecrets } from './wiping-secrets.ts';
import { openWrongRootSigner } from './wrong-root-signer.ts';

const memory = { modeOf: 'files in memory have no mode' };
const simulated = { wall: 'it tells no time of day' };

/** Disks, clocks, consensus, secrets and signers. */
export const foundInParts: Readonly<Record<string, Found>> = {
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
      'disk D20: a second name survives a power cut once its directory was synced',
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
  'replacing-link-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openReplacingLinkDisk, lacks: memory }),
    rules: ['D24'],
    tests: ['disk D24: link refuses a name that is taken, and leaves both files as they are'],
  },
  'copying-link-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openCopyingLinkDisk, lacks: memory }),
    rules: ['D24', 'D25'],
    tests: [
      'disk D24: link gives a second name with the content of the first, whatever becomes of that',
      'disk D25: identify gives one inode under every name of a file, and to no two files',
    ],
  },
  'path-numbering-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openPathNumberingDisk, lacks: memory }),
    rules: ['D25'],
    tests: [
      'disk D25: identify gives one inode under every name of a file, and to no two files',
      'disk D25: a file that took the place of another has another identity',
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
      'secrets X4: a secret that is held does not change as time goes by',
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
      'clock C10: a timer that clears one that is due with it keeps it from firing',
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
      'consensus K9: what was durable before a rollback does not make durable what takes its place',
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
  'unlinking-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openUnlinkingDisk, lacks: memory }),
    rules: ['D13'],
    tests: [
      'disk D13: while a file is replaced there is one of its name at each moment, the old or the new',
    ],
  },
  'size-keeping-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openSizeKeepingDisk, lacks: memory }),
    rules: ['D7'],
    tests: ['disk D7: size follows every write and every cut, on every handle'],
  },
  'caching-disk': {
    register: (framework) =>
      registerDiskContract(framework, { open: openCachingDisk, lacks: memory }),
    rules: ['D9'],
    tests: ['disk D9: readFile gives what the file holds now, however often it was read before'],
  },
  'batching-clock': {
    register: (framework) =>
      registerClockContract(framework, { open: openBatchingClock, lacks: simulated }),
    rules: ['C10'],
    tests: ['clock C10: a timer that clears one that is due with it keeps it from firing'],
  },
  'reversing-clock': {
    register: (framework) =>
      registerClockContract(framework, { open: openReversingClock, lacks: simulated }),
    rules: ['C10', 'C5'],
    tests: [
      'clock C5: timers of one delay fire in the order in which they were set',
      'clock C10: a timer that clears one that is due with it keeps it from firing',
    ],
  },
  'remembering-consensus': {
    register: (framework) =>
      registerConsensusContract(framework, { open: openRememberingConsensus }),
    rules: ['K9'],
    tests: [
      'consensus K9: what was durable before a rollback does not make durable what takes its place',
    ],
  },
  'wiping-secrets': {
    register: (framework) =>
      registerSecretsContract(framework, {
        open: openWipingSecrets,
        lacks: { known: 'not needed here', reopen: 'not needed here' },
      }),
    rules: ['X4'],
    tests: ['secrets X4: a secret that is held does not change as time goes by'],
  },
  'misnaming-signer': {
    register: (framework) =>
      registerSignerContract(framework, {
        open: openMisnamingSigner,
        lacks: { rollback: 'not needed here' },
      }),
    rules: ['G2'],
    tests: ['signer G2: every later signature names them as well'],
  },
};
