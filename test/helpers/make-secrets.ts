import { assert } from '../../src/core/errors.ts';
import type { Seqno } from '../../src/core/words.ts';
import { tables } from '../../src/formats/entries/tables.ts';
import type { MapWrites } from '../../src/formats/entries/write-set.ts';
import { encodeHistoricalSecret } from '../../src/formats/keys/ledger-secrets.ts';
import { encodeRecoveryShares, sealSecret } from '../../src/formats/keys/recovery-shares.ts';
import { type MadeMember, makeShares, type ShareForm } from './make-members.ts';
import type { SeededRandomness } from './make-random.ts';
import { singleton } from './make-tables.ts';

export interface MadeSecretsOptions {
  readonly randomness: SeededRandomness;
  readonly members: readonly MadeMember[];
  readonly threshold: number;
}

/** A ledger secret and the first seqno under it. */
export interface MadeSecret {
  readonly from: Seqno;
  readonly secret: Uint8Array;
}

/** The ledger secrets of a made service, and how it shares them. */
export class MadeSecrets {
  readonly all: MadeSecret[] = [];
  readonly #options: MadeSecretsOptions;
  #threshold: number;
  #lastRecord: Seqno | undefined;

  constructor(options: MadeSecretsOptions) {
    this.#options = options;
    this.#threshold = options.threshold;
  }

  /** The secret in force at a seqno. */
  at(seqno: Seqno): Uint8Array {
    const found = this.all.findLast(({ from }) => from <= seqno);
    assert(found !== undefined, `a secret is in force at ${seqno}`);
    return found.secret;
  }

  get newest(): MadeSecret {
    const newest = this.all.at(-1);
    assert(newest !== undefined, 'a service begins with a secret');
    return newest;
  }

  begin(from: Seqno): void {
    this.all.push({ from, secret: this.#options.randomness.bytes(32) });
  }

  changeThreshold(threshold: number): void {
    this.#threshold = threshold;
  }

  /** Shares of the newest secret, and a record of how to get at the one before, both written at `at`. */
  change(at: Seqno, nextVersion: Seqno | undefined, form: ShareForm): readonly MapWrites[] {
    const previous = this.all.at(-2);
    const storedVersion = this.#lastRecord;
    this.#lastRecord = at;
    const record = encodeHistoricalSecret({
      ...(nextVersion === undefined ? {} : { nextVersion }),
      ...(previous && {
        previous: {
          sealed: this.#seal(previous.secret),
          version: previous.from,
          ...(storedVersion === undefined ? {} : { storedVersion }),
        },
      }),
    });
    return [singleton(tables.historicalSecrets, record), this.shares(form, storedVersion)];
  }

  #seal(secret: Uint8Array): Uint8Array {
    return sealSecret(this.newest.secret, secret, this.#options.randomness.bytes(12));
  }

  /** Shares of the newest secret. */
  shares(form: ShareForm, storedVersion?: Seqno): MapWrites {
    const { randomness, members } = this.#options;
    const [threshold, { secret }] = [this.#threshold, this.newest];
    const shares = makeShares({ form, secret, members, threshold, randomness, storedVersion });
    return singleton(tables.recoveryShares, encodeRecoveryShares(shares));
  }
}
