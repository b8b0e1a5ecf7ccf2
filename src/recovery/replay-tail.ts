import type { KeyObject } from 'node:crypto';
import { attempt } from '../core/attempt.ts';
import { AbortedError, type FormatError, StorageError, VerificationError } from '../core/errors.ts';
import { type Seqno, seqno as toSeqno, type View } from '../core/words.ts';
import type { CrashedLedger } from '../files/ledger/crashed-ledger.ts';
import type { LedgerEntry } from '../files/ledger/ledger-directory.ts';
import type { TailFlaw, TornTail } from '../files/ledger/torn-tail.ts';
import type { LedgerSecrets } from '../formats/keys/ledger-secrets.ts';
import type { LedgerSignatures } from '../ledger/ledger-signatures.ts';
import {
  type AppliedEntry,
  LedgerVerifier,
  type VerifierStart,
} from '../ledger/ledger-verifier.ts';
import type { SignedLedger } from '../ledger/signed-ledger.ts';
import { steeringTableIn } from '../ledger/steering.ts';
import { type UnsignedTail, unsignedTailOf } from '../ledger/unsigned-tail.ts';
import { isVouchedFor, signersOf } from '../ledger/vouching.ts';
import type { LedgerStore } from '../store/ledger-store.ts';
import type { RecoveredSnapshot } from '../verification/verdicts.ts';
import type { RecoverOptions } from './report.ts';

/** A start, what the ledger's signatures cover, and the snapshot that the start is. */
export interface Beginning {
  readonly start: VerifierStart<LedgerStore>;
  readonly index: SignedLedger;
  readonly snapshot: RecoveredSnapshot | undefined;
}

/** How far a replay came. */
export interface Replay {
  readonly beginning: Beginning;
  readonly verifier: LedgerVerifier;
  readonly last: { readonly seqno: Seqno; readonly view: View };
  /** Whether a pinned identity vouches for the last signature. */
  readonly trusted: boolean;
  /** The first entry that is torn, or not believed: the ledger ends before it. */
  readonly cut: Pick<TailFlaw, 'seqno'> | undefined;
  readonly torn: TornTail | undefined;
  readonly unsigned: UnsignedTail | undefined;
}

export interface RecoveryReplayOptions
  extends Pick<RecoverOptions, 'signal' | 'logger' | 'onProgress'> {
  readonly ledger: CrashedLedger;
  readonly pinned: readonly KeyObject[];
}

/**
 * Verifies and applies the entries behind a start. What lies behind the last signature is applied as well, as
 * acknowledged and not yet signed, unless something in it steers verification.
 * @throws VerificationError `NO_SIGNATURE` when nothing at all is signed, `UNTRUSTED_SERVICE` when identities are
 * pinned, and none signed last
 * @throws FormatError, VerificationError where the ledger does not hold; AbortedError
 */
export function replayBehind(
  beginning: Beginning,
  options: RecoveryReplayOptions,
): Promise<Replay> {
  return new RecoveryReplay(beginning, options).run();
}

class RecoveryReplay {
  readonly #beginning: Beginning;
  readonly #options: RecoveryReplayOptions;
  #last: Replay['last'];
  #signatures: LedgerSignatures | undefined;

  constructor(beginning: Beginning, options: RecoveryReplayOptions) {
    this.#beginning = beginning;
    this.#options = options;
    this.#last = beginning.start;
  }

  async run(): Promise<Replay> {
    const { index } = this.#beginning;
    const { ledger } = this.#options;
    await this.#checkFailure();
    this.#checkSigner();
    const unsigned = await unsignedTailOf(ledger, index);
    const verifier = this.#verifier(index.secrets);
    const flaw = await this.#apply(verifier, index.secrets, unsigned?.seqno);
    const trusted = this.#checkTrust();
    if (flaw === undefined && unsigned !== undefined) {
      const { logger } = this.#options;
      logger?.warn({ unsigned }, 'entries that no signature covers were left out');
      return { ...this.#reached(verifier), trusted, cut: unsigned, torn: undefined, unsigned };
    }
    const cut = flaw ?? (await ledger.tailFlaw());
    const torn = cut && (await this.#judge(cut, verifier));
    return { ...this.#reached(verifier), trusted, cut, torn, unsigned: undefined };
  }

  #reached(verifier: LedgerVerifier): Pick<Replay, 'beginning' | 'verifier' | 'last'> {
    return { beginning: this.#beginning, verifier, last: this.#last };
  }

  #verifier(secrets: LedgerSecrets): LedgerVerifier {
    const { start, index } = this.#beginning;
    return new LedgerVerifier(start, secrets, { known: index.proven });
  }

  /**
   * A ledger in which the first reading found what does not verify, and no crash can have torn, is certain not to hold.
   * Reading it with all the secrets that it claims tells where.
   */
  async #checkFailure(): Promise<void> {
    const { failure } = this.#beginning.index;
    if (failure === undefined || (await this.#isTornBefore(failure.entry.seqno))) return;
    const claimed = failure.claimedSecrets();
    const verifier = this.#verifier(claimed);
    const flaw = await this.#apply(verifier, claimed, undefined);
    if (flaw !== undefined) await this.#judge(flaw, verifier);
    throw failure.error;
  }

  /** Whether a crash may have torn an entry behind the last signature, up to `end`. */
  async #isTornBefore(end: Seqno): Promise<boolean> {
    const { signedUntil, secrets } = this.#beginning.index;
    const { ledger } = this.#options;
    for await (const entry of ledger.entries({ from: toSeqno(signedUntil + 1) })) {
      if (entry.seqno > end) return false;
      if ((await ledger.flawOf(entry, secrets)) !== undefined) return true;
    }
    return false;
  }

  /** @throws VerificationError `UNTRUSTED_SERVICE` when somebody else signed after the pinned identities did */
  #checkSigner(): void {
    const { signedUntil, trustedUntil } = this.#beginning.index;
    if (trustedUntil < signedUntil) throw this.#untrusted(signedUntil);
  }

  #checkTrust(): boolean {
    const { start, snapshot } = this.#beginning;
    const { pinned, ledger } = this.#options;
    const signatures = this.#signatures;
    if (signatures === undefined && snapshot === undefined) throw unsigned(ledger.directory);
    if (pinned.length === 0) return false;
    if (signatures === undefined) return snapshot?.trusted ?? false;
    if (isVouchedFor(signersOf(signatures, start.register), pinned)) return true;
    throw this.#untrusted(this.#last.seqno);
  }

  #untrusted(seqno: Seqno): VerificationError {
    const { directory: file } = this.#options.ledger;
    const { index, start } = this.#beginning;
    const named = index.identities.at(-1)?.signer ?? attempt(() => start.register.signer());
    const message = `no pinned identity vouches for the signature at seqno ${seqno}: the ledger's is ${named?.keyId}`;
    return new VerificationError('UNTRUSTED_SERVICE', message, { file, seqno });
  }

  /** @returns what may be torn, and ended it */
  async #apply(
    verifier: LedgerVerifier,
    secrets: LedgerSecrets,
    end: Seqno | undefined,
  ): Promise<TailFlaw | undefined> {
    const { start, index } = this.#beginning;
    const { ledger, signal, onProgress } = this.#options;
    for await (const entry of ledger.entries({ from: toSeqno(start.seqno + 1) })) {
      if (signal?.aborted) throw new AbortedError('the recovery');
      if (end !== undefined && entry.seqno >= end) return undefined;
      const applied = await applyOrFlaw(verifier, entry, () => ledger.flawOf(entry, secrets));
      if ('error' in applied) return applied;
      this.#checkKnown(applied, entry);
      start.store.compact(applied.seqno);
      this.#last = applied;
      this.#signatures = applied.signatures ?? this.#signatures;
      onProgress?.({ seqno: entry.seqno, last: index.last });
    }
    return undefined;
  }

  /** Files may change between the two readings: what the first did not judge must not steer the second. */
  #checkKnown({ seqno, domain, signatures }: AppliedEntry, { file }: LedgerEntry): void {
    const { signedUntil, failure } = this.#beginning.index;
    if (seqno <= signedUntil || failure !== undefined) return;
    if (signatures === undefined && steeringTableIn(domain) === undefined) return;
    const message = `${file} was changed while it was read: seqno ${seqno} was another entry before`;
    throw new StorageError('CHANGED_WHILE_READING', message, { file, seqno });
  }

  async #judge(flaw: TailFlaw, { counts }: LedgerVerifier): Promise<TornTail> {
    const { secrets } = this.#beginning.index;
    const { verifiedUntil } = counts;
    const torn = await this.#options.ledger.judge(flaw, { verifiedUntil, secrets });
    this.#options.logger?.warn({ torn }, 'a torn tail was passed over');
    return torn;
  }
}

/** Applies an entry; one that fails may be torn, and then says so instead. */
async function applyOrFlaw(
  verifier: LedgerVerifier,
  entry: LedgerEntry,
  flawOf: () => Promise<TailFlaw | undefined>,
): Promise<AppliedEntry | TailFlaw> {
  try {
    return await verifier.apply(entry);
  } catch (error) {
    const flaw = await flawOf();
    if (flaw === undefined) throw error;
    return flaw;
  }
}

function unsigned(directory: string): FormatError | VerificationError {
  const message = `${directory}: no entry of this ledger is signed, so nothing in it can be believed`;
  return new VerificationError('NO_SIGNATURE', message, { file: directory });
}
