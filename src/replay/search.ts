import { assert, VerificationError } from '../core/errors.ts';
import { type Digest, digest, type Seqno, seqno as toSeqno } from '../core/words.ts';
import type { LedgerDirectory } from '../files/ledger/ledger-directory.ts';
import { decodeEnvelope, openPrivateDomain } from '../formats/entries/entry.ts';
import { decodePrivateDomain, decodePublicDomain } from '../formats/entries/write-set.ts';
import type { LedgerSecrets } from '../formats/keys/ledger-secrets.ts';
import type { ProducerProfile } from '../formats/snapshot/snapshot-body.ts';
import type { SnapshotJobs } from '../jobs/snapshot-jobs.ts';
import type { SerialisedState } from '../serialising/copied.ts';
import type { Serialise } from '../snapshotter/generation-work.ts';
import {
  type FrozenToSerialise,
  findReleaseCopied,
  serialiseCopied,
} from '../snapshotter/serialise-frozen.ts';
import type { JobExecutor } from '../tasks/job.ts';
import type { PlannedSnapshot } from './plan.ts';

/** What replay's ports learn of each snapshot while its generation lives. */
export class SearchNotes {
  readonly #submissions = new Map<Seqno, Submission>();
  readonly #releases = new Map<Seqno, Map<Digest, ProducerProfile | undefined>>();
  readonly #others = new Map<Seqno, Digest>();

  /** The evidence of a snapshot is being submitted: its digest is known. */
  submitted(snapshotSeqno: Seqno): void {
    this.#submission(snapshotSeqno).resolve();
  }

  untilSubmitted(snapshotSeqno: Seqno): Promise<void> {
    return this.#submission(snapshotSeqno).promise;
  }

  /** Every way to write the snapshot was tried; `profile` is of the one that has the digest, if one has. */
  searched(snapshotSeqno: Seqno, digest: Digest, profile: ProducerProfile | undefined): void {
    const found =
      this.#releases.get(snapshotSeqno) ?? new Map<Digest, ProducerProfile | undefined>();
    this.#releases.set(snapshotSeqno, found.set(digest, profile));
  }

  isSearched(snapshotSeqno: Seqno, digest: Digest): boolean {
    return this.#releases.get(snapshotSeqno)?.has(digest) ?? false;
  }

  /** Of the release that wrote the snapshot with this digest. */
  profileOf(snapshotSeqno: Seqno, digest: Digest): ProducerProfile | undefined {
    return this.#releases.get(snapshotSeqno)?.get(digest);
  }

  /** The likeliest way to write a snapshot has this digest, which is not one that was looked for. */
  foundOther(snapshotSeqno: Seqno, digest: Digest): void {
    this.#others.set(snapshotSeqno, digest);
  }

  otherDigest(snapshotSeqno: Seqno): Digest | undefined {
    return this.#others.get(snapshotSeqno);
  }

  #submission(snapshotSeqno: Seqno): Submission {
    const known = this.#submissions.get(snapshotSeqno);
    if (known !== undefined) return known;
    let resolve = () => {};
    const promise = new Promise<void>((settle) => {
      resolve = settle;
    });
    const submission = { promise, resolve };
    this.#submissions.set(snapshotSeqno, submission);
    return submission;
  }
}

interface Submission {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

export interface SearchOptions {
  readonly ledger: LedgerDirectory;
  readonly secrets: LedgerSecrets;
  readonly executor: JobExecutor<SnapshotJobs>;
  readonly log: SearchNotes;
  /** All evidences of a snapshotSeqno, in their order. */
  readonly evidencesOf: (snapshotSeqno: Seqno) => readonly PlannedSnapshot[];
}

/**
 * Replay's own way to serialise: the digest is known, so the release that wrote it can be searched. Where a snapshot
 * has evidences of different digests each is searched, as its node may have taken the snapshot at another moment; the
 * first that is found goes to the spool.
 */
export function searchRelease({ log, evidencesOf, ...options }: SearchOptions): Serialise {
  return async (job, { signal }) => {
    const secret = options.secrets.secretAt(job.seqno);
    assert(secret !== undefined, 'a generation starts only where the secret is known');
    let serialised: SerialisedState | undefined;
    let refusal: VerificationError | undefined;
    for (const planned of oneOfEachDigest(evidencesOf(job.seqno))) {
      const lateMaps = await tablesMentioned(options.ledger, options.secrets, planned);
      const known = { ...job, secret, search: { digest: planned.digest, lateMaps } };
      const isFirst = serialised === undefined;
      const found = await findOne(known, { ...options, isFirst }, signal);
      log.searched(job.seqno, planned.digest, found.profile);
      serialised ??= found.serialised;
      refusal ??= found.refusal;
    }
    if (serialised !== undefined) return serialised;
    assert(refusal !== undefined, 'what has no evidence is not planned');
    log.foundOther(job.seqno, digest(String(refusal.actual)));
    throw refusal;
  };
}

function oneOfEachDigest(evidences: readonly PlannedSnapshot[]): readonly PlannedSnapshot[] {
  const digests = evidences.map(({ digest }) => digest);
  return evidences.filter((planned, i) => digests.indexOf(planned.digest) === i);
}

interface Found {
  readonly profile: ProducerProfile | undefined;
  readonly serialised?: SerialisedState;
  readonly refusal?: VerificationError;
}

/** Searches one digest; what the first search finds is written as well. */
async function findOne(
  known: FrozenToSerialise & Parameters<typeof findReleaseCopied>[1],
  { executor, isFirst }: Pick<SearchOptions, 'executor'> & { readonly isFirst: boolean },
  signal: AbortSignal,
): Promise<Found> {
  if (!isFirst) return { profile: await findReleaseCopied(executor, known, signal) };
  try {
    const serialised = await serialiseCopied(executor, known, signal);
    return { profile: serialised.profile, serialised };
  } catch (error) {
    if (!(error instanceof VerificationError) || error.code !== 'SNAPSHOT_DIGEST_MISMATCH') {
      throw error;
    }
    return { profile: undefined, refusal: error };
  }
}

/**
 * The tables that transactions between a snapshot and its evidence mention, in order of their first
 * mention: the node may have taken the snapshot after any of them, with the new ones in it, empty.
 */
export async function tablesMentioned(
  ledger: LedgerDirectory,
  secrets: LedgerSecrets,
  { snapshotSeqno, evidenceSeqno }: PlannedSnapshot,
): Promise<readonly string[]> {
  const names = new Set<string>();
  for await (const { seqno, bytes } of ledger.entries({ from: toSeqno(snapshotSeqno + 1) })) {
    if (seqno >= evidenceSeqno) break;
    const envelope = decodeEnvelope(bytes);
    const secret = secrets.secretAt(seqno);
    const plain = secret && openPrivateDomain(envelope, secret);
    const maps = [
      ...decodePublicDomain(envelope.publicDomain).maps,
      ...(plain ? decodePrivateDomain(plain) : []),
    ];
    for (const { name } of maps) names.add(name);
  }
  return [...names];
}
