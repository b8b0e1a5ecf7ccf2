export type { GenerationOutput, SnapshotterEmitted } from '../machines/events.ts';
export type { Clock } from './core/clock.ts';
export {
  AbortedError,
  type ConsensusCode,
  ConsensusError,
  type ErrorCode,
  type FormatCode,
  FormatError,
  LedgerSnapshotterError,
  type StorageCode,
  StorageError,
  type VerificationCode,
  VerificationError,
} from './core/errors.ts';
export type {
  EvidenceLog,
  FrozenState,
  FrozenTable,
  Logger,
  Metrics,
  RecordSet,
  Secrets,
  SharedDescriptor,
  SharedMemory,
  SnapshotSource,
  StoreRecord,
} from './core/host-ports.ts';
export type { Randomness } from './core/randomness.ts';
export {
  type Digest,
  digest,
  type Outcome,
  type Phase,
  type PointEnd,
  type ReceiptForm,
  type Seqno,
  seqno,
  type TxId,
  type View,
  view,
  type WriterStep,
} from './core/words.ts';
export type { ChunkOverlap } from './files/ledger/chunk-copies.ts';
export type { PrunedChunks } from './files/ledger/chunk-retention.ts';
export type { ChunkIgnored, IgnoredFile, LedgerChunk } from './files/ledger/ledger-directory.ts';
export type { TornTail } from './files/ledger/torn-tail.ts';
export type { FailedRemoval, PrunedSnapshots, Retention } from './files/retention.ts';
export { type FoundSnapshot, findSnapshots } from './files/snapshot-directory.ts';
export type { KeyValue, MapWrites } from './formats/entries/write-set.ts';
export type { SkippedKey } from './formats/keys/anchor-entry.ts';
export { readTrustAnchors, type TrustAnchors } from './formats/keys/trust-anchor.ts';
export {
  createHttpHandler,
  type HttpHandler,
  type HttpHandlerOptions,
  type ServedHost,
} from './http/handler.ts';
export type { InspectObserver } from './inspect/guarded.ts';
export { safely } from './inspect/safely.ts';
export type {
  FileHandle,
  FileIdentity,
  FileSystem,
  LivenessSockets,
  SocketState,
} from './io/file-system.ts';
export { realFileSystem } from './io/real-file-system.ts';
export type { Environment } from './jobs/environment.ts';
export type { CrossCheck, CrossCheckVerdict } from './jobs/second-opinion.ts';
export {
  type CreatedReceipt,
  type CreateReceiptOptions,
  createReceipt,
  type LedgerProgress,
  type ReceiptSourceOptions,
} from './ledger/create-receipt.ts';
export { readMemberKeys } from './ledger/member-keys.ts';
export {
  type IdentitiesReport,
  type IdentityEndorser,
  type ReadIdentitiesOptions,
  readIdentities,
  type ServiceIdentity,
} from './ledger/read-identities.ts';
export type { MadeReceipt, ProofForm } from './ledger/receipt-maker.ts';
export { createNode } from './node/create-node.ts';
export type { LedgerNode, NodeSnapshots, NodeStatus } from './node/ledger-node.ts';
export type { NodeOptions } from './node/node-options.ts';
export type { Applied, Until } from './node/sequencer.ts';
export type { TransactionBody } from './node/transaction-run.ts';
export {
  type PruneLedgerOptions,
  type PruneOptions,
  type PruneReport,
  prune,
} from './recovery/prune.ts';
export { recover } from './recovery/recover.ts';
export type { Recovered, RecoverOptions, RecoveryReport } from './recovery/report.ts';
export type { Checked, CheckedRun, ReplayLevel, SeqnoRange } from './replay/level.ts';
export type { ReplayOptions } from './replay/options.ts';
export { replayLedger } from './replay/replay.ts';
export type {
  ReplayedFrom,
  ReplayedSnapshot,
  ReplayReport,
  ReplayResult,
  ReplaySummary,
} from './replay/report.ts';
export { type ReadSnapshot, readSnapshot } from './snapshots/read.ts';
export {
  type SnapshotSummary,
  type SummariseOptions,
  summariseSnapshot,
} from './snapshots/summary.ts';
export type { TableSummary } from './snapshots/table-sizes.ts';
export {
  createSnapshotter,
  type LedgerPosition,
  type Snapshotter,
  type SnapshotterOptions,
} from './snapshotter/create-snapshotter.ts';
export type { RecordedEvidence, RecordedStatus } from './snapshotter/host-input.ts';
export type { LiveGeneration, PipelineListener } from './snapshotter/live-generation.ts';
export type { HeldState, LedgerState, LedgerStore } from './store/ledger-store.ts';
export type { ArenaOptions } from './store/memory/arena.ts';
export type { SharedFrozen } from './store/shared/shared-frozen.ts';
export { SharedStore, type SharedStoreOptions } from './store/shared/shared-store.ts';
export type { Transaction } from './store/transaction.ts';
export type { RecoveredSnapshot, RefusedSnapshot } from './verification/verdicts.ts';
export {
  type SnapshotVerification,
  type VerifySnapshotOptions,
  verifySnapshot,
} from './verification/verify.ts';
