import { describe, test } from 'vitest';
import { VersionedStore } from '../../../src/store/heap/versioned-store.ts';
import { registerStoreContract } from '../../../src/testing/contracts/store/store-contract.ts';
import { exemptFrom } from './exempt.ts';
import { openSharedStores } from './store-drivers.ts';

describe('VersionedStore', () => {
  registerStoreContract(
    { test },
    { open: () => ({ start: (seqno, tables) => new VersionedStore(seqno, tables) }) },
  );
});

describe.each([
  ['SharedStore', {}],
  ['SharedStore with memories so small that each change is guarded', { memoryBytesMax: 2 ** 18 }],
])('%s', (_, options) => {
  registerStoreContract(exemptFrom('T6', 'T10'), {
    open: openSharedStores(options),
    lacks: { at: 'it gives its newest state alone' },
  });
});
