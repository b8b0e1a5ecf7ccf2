/**
 * The contract suites, `ledger-snapshotter/testing/contracts`: what each port of a host promises, held by
 * tests in the host's own vitest, jest or node:test run.
 *
 *     registerDiskContract({ test }, { open: async () => ({ disk, directory, close }) });
 *
 * One call registers every test of a port. A driver says how an adapter is opened and what a test must be
 * able to do to it; what it leaves out is a skipped test with the reason.
 *
 * @module
 */

export type { Consensus, ConsensusOptions, ViewRecord } from '../consensus/consensus.ts';
export type { Clock } from '../core/clock.ts';
export { StorageError } from '../core/errors.ts';
export type {
  FileHandle,
  FileIdentity,
  FileSystem,
  LivenessSockets,
  SocketState,
} from '../io/file-system.ts';
export { MemoryFileSystem } from '../io/memory-file-system.ts';
export type { StoreTable } from '../store/heap/reference-store.ts';
export type {
  HeldState,
  KeyedRecords,
  LedgerState,
  LedgerStore,
  ReadRecord,
  TableState,
} from '../store/ledger-store.ts';
export {
  type ClockCapability,
  type ClockDriver,
  clockRules,
  registerClockContract,
} from './contracts/clock-contract.ts';
export { registerConsensusContract } from './contracts/consensus/consensus-contract.ts';
export {
  type ConsensusDriver,
  type ConsensusStart,
  consensusRules,
} from './contracts/consensus/consensus-driver.ts';
export { registerDiskContract } from './contracts/disk/disk-contract.ts';
export { type DiskCapability, type DiskDriver, diskRules } from './contracts/disk/disk-driver.ts';
export {
  type EvidenceLogOptions,
  registerEvidenceLogContract,
} from './contracts/evidence-log-contract.ts';
export {
  type Evidence,
  type EvidenceLogCapability,
  type EvidenceLogDriver,
  type EvidenceRecorder,
  evidenceLogRules,
  type RecordedFact,
} from './contracts/evidence-log-driver.ts';
export { ContractError } from './contracts/expectations.ts';
export type {
  Closable,
  ContractOptions,
  TestFramework,
  TestFunction,
} from './contracts/framework.ts';
export {
  registerSecretsContract,
  type SecretsCapability,
  type SecretsDriver,
  secretsRules,
} from './contracts/secrets-contract.ts';
export {
  registerSignerContract,
  type SignedRoot,
  type SignerCapability,
  type SignerDriver,
  signerRules,
} from './contracts/signer-contract.ts';
export { registerSnapshotSourceContract } from './contracts/snapshot-source/snapshot-source-contract.ts';
export {
  type SourceCapability,
  type SourceDriver,
  sourceRules,
} from './contracts/snapshot-source/source-driver.ts';
export type { TableChange } from './contracts/snapshot-source/state-oracle.ts';
export { registerStoreContract } from './contracts/store/store-contract.ts';
export {
  type NodeStore,
  type StoreCapability,
  type StoreDriver,
  storeRules,
} from './contracts/store/store-driver.ts';
