import { describe, test } from 'vitest';
import { seqno } from '../../../src/core/words.ts';
import { SharedStore } from '../../../src/store/shared/shared-store.ts';
import { registerSnapshotSourceContract } from '../../../src/testing/contracts/snapshot-source/snapshot-source-contract.ts';
import { exemptFrom } from './exempt.ts';
import {
  openExampleState,
  openNodeLog,
  openReferenceStore,
  openVersionedStore,
} from './source-drivers.ts';

const noTree = { leafAt: 'a store alone has no tree', viewAt: 'a store alone has no views' };

describe('ReferenceStore', () => {
  registerSnapshotSourceContract(exemptFrom('F2', 'F3', 'F5', 'F6', 'F7', 'F9'), {
    open: openReferenceStore,
    lacks: {
      ...noTree,
      rollback: 'it knows its newest state only',
      commit: 'it knows its newest state only',
    },
  });
});

describe('VersionedStore', () => {
  registerSnapshotSourceContract(exemptFrom('F5', 'F6'), {
    open: () => openVersionedStore(),
    lacks: noTree,
  });
});

describe("the node's Log", () => {
  registerSnapshotSourceContract({ test }, { open: () => openNodeLog() });
});

describe("the node's Log in shared memory", () => {
  registerSnapshotSourceContract(
    { test },
    { open: () => openNodeLog(new SharedStore(seqno(0), [])) },
  );
});

describe("the log example's store", () => {
  registerSnapshotSourceContract({ test }, { open: () => openExampleState() });
});
