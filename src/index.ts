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
export {
  type CreatedReceipt,
  type CreateReceiptOptions,
  createReceipt,
  type LedgerProgress,
  type ReceiptSourceOptions,
} from './engine/create-receipt.ts';
export type { Environment } from './engine/environment.ts';
export type { RecordedEvidence, RecordedStatus } from './engine/host-input.ts';
export type { InspectObserver } from './engine/inspection.ts';
export type { LedgerNode, NodeSnapshots, NodeStatus } from './engine/ledger-node.ts';
export type { LiveGeneration, PipelineListener } from './engine/live-generation.ts';
export { readMemberKeys } from './engine/member-keys.ts';
export { createNode } from './engine/node.ts';
export type { NodeOptions } from './engine/node-options.ts';
export {
  type PruneLedgerOptions,
  type PruneOptions,
  type PruneReport,
  prune,
} from './engine/prune.ts';
export {
  type IdentitiesReport,
  type IdentityEndorser,
  type ReadIdentitiesOptions,
  readIdentities,
  type ServiceIdentity,
} from './engine/read-identities.ts';
export type { MadeReceipt, ProofForm } from './engine/receipt-maker.ts';
export { recover } from './engine/recover.ts';
export type { Recovered, RecoverOptions, RecoveryReport } from './engine/recovery-report.ts';
export { replayLedger } from './engine/replay.ts';
export type { Checked, CheckedRun, ReplayLevel, SeqnoRange } from './engine/replay-level.ts';
export type { ReplayOptions } from './engine/replay-options.ts';
export type {
  ReplayedFrom,
  ReplayedSnapshot,
  ReplayReport,
  ReplayResult,
  ReplaySummary,
} from './engine/replay-report.ts';
export type { CrossCheck, CrossCheckVerdict } from './engine/second-opinion.ts';
export type { Applied, Until } from './engine/sequencer.ts';
export { type ReadSnapshot, readSnapshot } from './engine/show.ts';
export {
  type SnapshotSummary,
  type SummariseOptions,
  summariseSnapshot,
} from './engine/snapshot-summary.ts';
export {
  createSnapshotter,
  type LedgerPosition,
  type Snapshotter,
  type SnapshotterOptions,
} from './engine/snapshotter.ts';
export type { TableSummary } from './engine/table-sizes.ts';
export type { TransactionBody } from './engine/transaction-run.ts';
export type { RecoveredSnapshot, RefusedSnapshot } from './engine/verdicts.ts';
export {
  type SnapshotVerification,
  type VerifySnapshotOptions,
  verifySnapshot,
} from './engine/verify.ts';
export type { ChunkOverlap } from './files/chunk-copies.ts';
export type { PrunedChunks } from './files/chunk-retention.ts';
export type { ChunkIgnored, IgnoredFile, LedgerChunk } from './files/ledger-directory.ts';
export type { FailedRemoval, PrunedSnapshots, Retention } from './files/retention.ts';
export { type FoundSnapshot, findSnapshots } from './files/snapshot-directory.ts';
export type { TornTail } from './files/torn-tail.ts';
export type { SkippedKey } from './formats/anchor-entry.ts';
export { readTrustAnchors, type TrustAnchors } from './formats/trust-anchor.ts';
export type { KeyValue, MapWrites } from './formats/write-set.ts';
export {
  createHttpHandler,
  type HttpHandler,
  type HttpHandlerOptions,
  type ServedHost,
} from './http/handler.ts';
export { safely } from './inspect/safely.ts';
export type {
  FileHandle,
  FileIdentity,
  FileSystem,
  LivenessSockets,
  SocketState,
} from './io/file-system.ts';
export { realFileSystem } from './io/real-file-system.ts';
export type { ArenaOptions } from './store/arena.ts';
export type { HeldState, LedgerState, LedgerStore } from './store/ledger-store.ts';
export type { SharedFrozen } from './store/shared-frozen.ts';
export { SharedStore, type SharedStoreOptions } from './store/shared-store.ts';
export type { Transaction } from './store/transaction.ts';
