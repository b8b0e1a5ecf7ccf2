import type { KeyObject } from 'node:crypto';
import type { Logger } from '../core/host-ports.ts';
import type { Seqno } from '../core/words.ts';
import type { IgnoredFile } from '../files/ledger/ledger-directory.ts';
import type { Certificate } from '../formats/keys/certificate.ts';
import type { InspectObserver } from '../inspect/guarded.ts';
import type { Environment } from '../jobs/environment.ts';
import type { CrossCheck } from '../jobs/second-opinion.ts';
import type { ReplayLevel } from './level.ts';
import type { ReplayedSnapshot } from './report.ts';

/** Which ledger is replayed, with which keys, and what becomes of its snapshots. */
export interface ReplayOptions {
  /** Directory of the ledger's chunks. */
  readonly ledger: string;
  /** Other directories of the same ledger, as CCF's `read_only_directories`: their committed chunks. @default none */
  readonly readOnlyLedgers?: readonly string[] | undefined;
  /** Where the snapshots go; created when it is not there. Only the level `full` needs it. */
  readonly out?: string | undefined;
  /** How much is checked. @default 'full' */
  readonly level?: ReplayLevel | undefined;
  /** Existing snapshots to compare with. @default none */
  readonly snapshots?: string | undefined;
  /** A snapshot file to start from, when older chunks are gone. @default the first transaction */
  readonly from?: string | undefined;
  /**
   * The pinned service identities, one of which must have made the last signature, itself or through endorsements in
   * the ledger, for the report to be `trusted`.
   * @default none: anyone may have written the ledger
   */
  readonly services?: readonly (KeyObject | Certificate)[];
  /** Members' RSA private keys, whose shares open the ledger secrets. @default none */
  readonly memberKeys?: readonly KeyObject[];
  /** @default COSE where the next signature has one, else JSON */
  readonly receipt?: 'json' | 'cose' | undefined;
  /** Regenerates only the snapshot of this seqno; the whole ledger is verified all the same. */
  readonly at?: Seqno | undefined;
  /** Called for each snapshot once it is decided, in the order of their evidence. */
  readonly onSnapshot?: (snapshot: ReplayedSnapshot) => void;
  /** Called for each file of the ledger's directories that is not read as part of it, before anything is. */
  readonly onPassedOver?: (file: IgnoredFile) => void;
  /**
   * Called after each entry of a first reading, which finds out what there is to verify; `last` is as the chunks'
   * names have it, and of an open chunk what it held at the beginning.
   */
  readonly onIndexProgress?: (progress: { readonly seqno: Seqno; readonly last: Seqno }) => void;
  /** Called after each entry. */
  readonly onProgress?: (progress: { readonly seqno: Seqno; readonly last: Seqno }) => void;
  /**
   * Whether cose-js must accept each COSE receipt as well. `true` is `required`, `false` is `off`.
   * @default 'when-available'
   */
  readonly crossCheck?: CrossCheck | boolean | undefined;
  readonly inspect?: InspectObserver | undefined;
  readonly logger?: Logger | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly environment?: Partial<Environment>;
}
