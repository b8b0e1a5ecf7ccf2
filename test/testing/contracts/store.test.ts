import { test } from 'vitest';
import { VersionedStore } from '../../../src/store/versioned-store.ts';
import { registerStoreContract } from '../../../src/testing/contracts/store-contract.ts';

registerStoreContract(
  { test },
  { open: () => ({ start: (seqno, tables) => new VersionedStore(seqno, tables) }) },
);
