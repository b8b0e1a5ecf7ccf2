import { seqno } from '../../../src/core/words.ts';
import { registerEvidenceLogContract } from '../../../src/testing/contracts/evidence-log-contract.ts';
import { registerSnapshotSourceContract } from '../../../src/testing/contracts/snapshot-source/snapshot-source-contract.ts';
import { registerStoreContract } from '../../../src/testing/contracts/store/store-contract.ts';
import { openVersionedStore } from '../contracts/source-drivers.ts';
import { openConfusedLog } from './confused-log.ts';
import { openDoublingLog } from './doubling-log.ts';
import { openHalfAppliedStore } from './half-applied-store.ts';
import { openHushedLog } from './hushed-log.ts';
import { openLateSharingLog } from './late-sharing-log.ts';
import { openLeftoverStore } from './leftover-store.ts';
import { openLookingUpNowStore } from './looking-up-now-store.ts';
import { openOneCursorStore } from './one-cursor-store.ts';
import type { Found } from './run-contract.ts';
import { openSharedReleaseStore } from './shared-release-store.ts';
import { openStaleLeafLog } from './stale-leaf-log.ts';
import { openTwinReleaseStore } from './twin-release-store.ts';
import { openUnclaimingLog } from './unclaiming-log.ts';
import { openUnfrozenStore } from './unfrozen-store.ts';
import { VersionlessStore } from './versionless-store.ts';

const noTree = { leafAt: 'a store alone has no tree', viewAt: 'a store alone has no views' };
const frozenOnly = { ...noTree, rollback: 'not needed here', commit: 'not needed here' };
const newestOnly = { at: 'it gives its newest state alone' };

/** Stores, sources and logs. */
export const foundInState: Readonly<Record<string, Found>> = {
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
      'snapshot source F1: odd keys and values are ordinary records',
      'store T1: a store that goes on from a state has it, without its tombstones',
      'store T3: a table that is not written keeps its version, a record its own',
      'store T3: a key may be removed and written again, and one transaction may do both to others',
      'store T4: a removed key leaves no tombstone',
      'store T5: empty, zero and high bytes are keys and values of their own',
      'store T5: values of nothing to a megabyte are whole, and keys of thousands of bytes',
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
  'confused-log': {
    register: (framework) => registerEvidenceLogContract(framework, { open: openConfusedLog }),
    rules: ['E2', 'E3', 'E4'],
    tests: [
      'evidence log E2: submissions at the same time are each answered with their own transaction',
      'evidence log E2: other transactions that come meanwhile do not take its place',
      'evidence log E3: the log holds the evidence that was told, and no other',
      'evidence log E3: evidence is told in the order of the log',
      'evidence log E4: what is told has the snapshot’s seqno and the digest of that seqno',
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
  'stale-leaf-log': {
    register: (framework) => registerSnapshotSourceContract(framework, { open: openStaleLeafLog }),
    rules: ['F5'],
    tests: [
      'snapshot source F5: a seqno that comes again after a rollback has the leaf of its own transaction',
    ],
  },
  'late-sharing-log': {
    register: (framework) =>
      registerSnapshotSourceContract(framework, { open: openLateSharingLog }),
    rules: ['F10'],
    tests: ['snapshot source F10: what is shared late is the state of the freeze, and stays so'],
  },
  'one-cursor-store': {
    register: (framework) =>
      registerSnapshotSourceContract(framework, { open: openOneCursorStore, lacks: noTree }),
    rules: ['F4'],
    tests: [
      'snapshot source F4: two walks at once do not disturb each other',
      'snapshot source F4: walks of two states at once do not disturb each other',
    ],
  },
  'leftover-store': {
    register: (framework) =>
      registerStoreContract(framework, { open: openLeftoverStore, lacks: newestOnly }),
    rules: ['T1', 'T13', 'T14', 'T6', 'T7', 'T8', 'T9'],
    tests: [
      'store T1: a store that goes on from a state has it, without its tombstones',
      'store T7: what was given out stays, whatever is applied, taken back and compacted',
      'store T8: after a rollback its seqno is the last, and the next one is applied anew',
      'store T8: a rollback leaves nothing of what it undid: no table, version, key or tombstone',
      'store T9: a compaction leaves the versions from its seqno on, and the state now',
      'store T6: 200 random steps from seed 1',
      'store T6: 200 random steps from seed 2',
      'store T6: 200 random steps from seed 3',
      'store T13: to release a state in the middle leaves those around it',
      'store T13: what lay above a rollback is released without harm to what took its place',
      'store T14: a transaction that cannot be read, time 1, is applied whole or not at all',
      'store T14: a transaction that cannot be read, time 2, is applied whole or not at all',
      'store T14: a transaction that cannot be read, time 3, is applied whole or not at all',
    ],
  },
  'half-applied-store': {
    register: (framework) =>
      registerStoreContract(framework, { open: openHalfAppliedStore, lacks: newestOnly }),
    rules: ['T14'],
    tests: [
      'store T14: a transaction that cannot be read, time 1, is applied whole or not at all',
      'store T14: a transaction that cannot be read, time 2, is applied whole or not at all',
    ],
  },
  'twin-release-store': {
    register: (framework) =>
      registerStoreContract(framework, { open: openTwinReleaseStore, lacks: newestOnly }),
    rules: ['T13'],
    tests: ['store T13: of two states of one seqno by freeze, to release one leaves the other'],
  },
  'looking-up-now-store': {
    register: (framework) =>
      registerStoreContract(framework, { open: openLookingUpNowStore, lacks: newestOnly }),
    rules: ['T5', 'T6', 'T7'],
    tests: [
      'store T5: values of nothing to a megabyte are whole, and keys of thousands of bytes',
      'store T7: what was given out stays, whatever is applied, taken back and compacted',
      'store T7: a walk that is broken off by transactions goes on as it began',
      'store T6: 200 random steps from seed 1',
      'store T6: 200 random steps from seed 2',
      'store T6: 200 random steps from seed 3',
    ],
  },
  'doubling-log': {
    register: (framework) => registerEvidenceLogContract(framework, { open: openDoublingLog }),
    rules: ['E3', 'E8'],
    tests: [
      'evidence log E3: the log holds the evidence that was told, and no other',
      'evidence log E8: a submission that is aborted before the call leaves the log as good as before',
      'evidence log E8: a submission that is aborted within the call leaves the log as good as before',
      'evidence log E8: a submission that is aborted after the call leaves the log as good as before',
    ],
  },
  'hushed-log': {
    register: (framework) => registerEvidenceLogContract(framework, { open: openHushedLog }),
    rules: ['E8'],
    tests: [
      'evidence log E8: a submission that is aborted before the call leaves the log as good as before',
    ],
  },
};
