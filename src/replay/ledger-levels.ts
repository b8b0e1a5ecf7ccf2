import { AbortedError, type FormatError, type VerificationError } from '../core/errors.ts';
import { type Seqno, seqno as toSeqno, view as toView, type View } from '../core/words.ts';
import { copiesIn } from '../files/ledger/chunk-copies.ts';
import { isOfBytes } from '../files/ledger/ledger-cover.ts';
import {
  LedgerDirectory,
  type LedgerListing,
  listLedger,
} from '../files/ledger/ledger-directory.ts';
import { runsOf } from '../files/ledger/ledger-listing.ts';
import { judgeTail, type TornTail } from '../files/ledger/torn-tail.ts';
import { LedgerSecrets } from '../formats/keys/ledger-secrets.ts';
import type { World } from '../io/world.ts';
import { IdentityHistory } from '../ledger/identity-history.ts';
import { identitiesOf, type LedgerIdentities, startsOf } from '../ledger/ledger-identities.ts';
import { publicGenesis } from '../ledger/ledger-start.ts';
import { OtherCounts, totalOfOthers, unverifiedOf } from '../ledger/other-signatures.ts';
import type { SignedEnd } from '../ledger/signed-end.ts';
import {
  readSignedLedger,
  type SignedLedger,
  type SteeringEntry,
} from '../ledger/signed-ledger.ts';
import { steeringIn } from '../ledger/unsigned-tail.ts';
import {
  endorsementLinksOf,
  isInTime,
  isTrusted,
  pinnedKeys,
  type Signers,
} from '../ledger/vouching.ts';
import type { Checked, CheckedRun, ReplayLevel, SeqnoRange } from './level.ts';
import type { ReplayOptions } from './options.ts';
import type { ReplayReport } from './report.ts';
import { readInOrder, TreeRun } from './tree-run.ts';

/**
 * Checks a ledger without its state: each run of entries that follow one another by itself.
 * @throws StorageError, FormatError as `openLedger`, but for gaps; AbortedError
 */
export async function checkLevel(
  level: Exclude<ReplayLevel, 'full'>,
  options: ReplayOptions,
  { fileSystem }: Pick<World, 'fileSystem'>,
): Promise<ReplayReport> {
  const listing = await listLedger(fileSystem, options.ledger, options.readOnlyLedgers);
  for (const file of listing.ignored) options.onPassedOver?.(file);
  const runs = runsOf(listing);
  // Without a chunk this one says so.
  const ledgers = (runs.length > 0 ? runs : [listing]).map(
    (run) => new LedgerDirectory(fileSystem, run),
  );
  const check = new LevelCheck(ledgers, options);
  await check.run(level);
  return check.report(level, listing);
}

/** What became of one run. */
interface RunResult {
  readonly ledger: LedgerDirectory;
  readonly entries: number;
  readonly roots: number;
  readonly nodeSignatures: number;
  readonly coseSignatures: number;
  readonly notVerified: number;
  readonly others: OtherCounts;
  readonly verifiedUntil: Seqno;
  /** Of its last signature. */
  readonly signers: Signers | undefined;
  readonly end: SignedEnd | undefined;
  readonly uncovered: readonly SeqnoRange[];
}

const nothingVerified = {
  ...{ roots: 0, nodeSignatures: 0, coseSignatures: 0, notVerified: 0, others: new OtherCounts() },
  ...{ verifiedUntil: toSeqno(0), signers: undefined, end: undefined },
};

type Defect = FormatError | VerificationError;

class LevelCheck {
  readonly #ledgers: readonly LedgerDirectory[];
  readonly #options: ReplayOptions;
  readonly #results: RunResult[] = [];
  readonly #history = new IdentityHistory();
  /** As in `SignedLedger.ends`. */
  readonly #ends = new Map<Seqno, SignedEnd>();
  #index: SignedLedger | undefined;
  #torn: TornTail | undefined;
  #unsigned: SteeringEntry | undefined;
  #failure: Defect | undefined;
  #whose: LedgerIdentities = { identities: [], trusted: false };
  #view: View = toView(0);
  #last = toSeqno(0);

  constructor(ledgers: readonly LedgerDirectory[], options: ReplayOptions) {
    this.#ledgers = ledgers;
    this.#options = options;
  }

  /** What does not hold ends it. */
  async run(level: Exclude<ReplayLevel, 'full'>): Promise<void> {
    try {
      this.#last = (await this.#ledgers.at(-1)?.expectedLast()) ?? this.#last;
      if (level === 'chunks') await this.#eachRun((ledger) => this.#readChunks(ledger));
      else await this.#readTrees();
      this.#judgeEnd();
    } catch (error) {
      if (!isOfBytes(error)) throw error;
      this.#failure ??= error;
    }
    if (level === 'tree') this.#whose = await this.#identities();
  }

  async #eachRun(read: (ledger: LedgerDirectory) => Promise<RunResult>): Promise<void> {
    this.#view = toView(0);
    for (const ledger of this.#ledgers) {
      const result = await read(ledger);
      this.#results.push(result);
      if (this.#failure !== undefined) return;
    }
  }

  async #readTrees(): Promise<void> {
    const [first] = this.#ledgers;
    if (this.#ledgers.length === 1 && first?.first === 1) {
      return this.#eachRun((ledger) => this.#readFromGenesis(ledger));
    }
    // An identity may be introduced, or endorsed, behind what it signed.
    await this.#eachRun((ledger) => this.#readChunks(ledger));
    if (this.#failure !== undefined) return;
    this.#results.length = 0;
    const links = await endorsementLinksOf(this.#history.endorsements);
    const keys = [
      ...pinnedKeys(this.#options.services ?? []),
      ...this.#introduced().flatMap(({ signer, certificate }) => [
        signer.publicKey,
        certificate.publicKey,
      ]),
      ...links.map(({ endorsedKey }) => endorsedKey),
    ];
    await this.#eachRun((ledger) =>
      ledger.first === 1 ? this.#readFromGenesis(ledger) : this.#readTree(ledger, keys),
    );
  }

  /** Reads the entries one by one; what breaks one is kept, with what was read before it. */
  async #readEntries(ledger: LedgerDirectory, read: EntryReading): Promise<void> {
    const { signal, onProgress } = this.#options;
    try {
      for await (const entry of ledger.entries()) {
        if (signal?.aborted) throw new AbortedError('the replay');
        await read(entry);
        onProgress?.({ seqno: entry.seqno, last: this.#last });
      }
    } catch (error) {
      if (!isOfBytes(error)) throw error;
      this.#failure = error;
    }
  }

  async #readChunks(ledger: LedgerDirectory): Promise<RunResult> {
    let last = toSeqno(ledger.first - 1);
    await this.#readEntries(ledger, (entry) => {
      const { domain, view } = readInOrder(entry, { last, view: this.#view });
      this.#view = view;
      last = entry.seqno;
      this.#history.add(entry.seqno, domain);
    });
    const entries = last - ledger.first + 1;
    const uncovered = entries === 0 ? [] : [{ first: ledger.first, last }];
    return { ledger, entries, uncovered, ...nothingVerified };
  }

  async #readTree(ledger: LedgerDirectory, keys: TreeRunKeys): Promise<RunResult> {
    const run = new TreeRun({ first: ledger.first, view: this.#view, keys });
    const introductions = new Set(this.#introduced().map(({ seqno }) => seqno));
    await this.#readEntries(ledger, async (entry) => {
      if (run.end !== undefined && introductions.has(entry.seqno)) {
        this.#ends.set(entry.seqno, run.end);
      }
      await run.apply(entry);
    });
    this.#view = run.view;
    const { counts, uncovered, signers, end, verifiedUntil } = run;
    return { ledger, ...counts, uncovered, signers, end, verifiedUntil };
  }

  async #readFromGenesis(ledger: LedgerDirectory): Promise<RunResult> {
    const { signal, onProgress } = this.#options;
    const onEntry = (seqno: Seqno) => onProgress?.({ seqno, last: this.#last });
    const index = await readSignedLedger(ledger, { start: publicGenesis(), signal, onEntry });
    this.#index = index;
    this.#failure = index.failure?.error ?? index.unreadable;
    if (this.#failure === undefined) this.#unsigned = steeringIn(index);
    const { transactions: entries, roots, nodeSignatures, coseSignatures } = index.counts;
    const { verifiedUntil, others } = index.counts;
    const above = { first: toSeqno(verifiedUntil + 1), last: toSeqno(entries) };
    const counts = { entries, roots, nodeSignatures, coseSignatures, notVerified: 0, others };
    const uncovered = above.first <= above.last ? [above] : [];
    for (const [seqno, end] of index.ends) this.#ends.set(seqno, end);
    const { signers, end } = index;
    return { ledger, ...counts, verifiedUntil, signers, end, uncovered };
  }

  /** @throws FormatError, VerificationError when what is behind the last entry is damage, and no torn tail */
  #judgeEnd(): void {
    const result = this.#results.at(-1);
    const brokenTail = result?.ledger.brokenTail;
    if (brokenTail === undefined || this.#failure !== undefined) return;
    const { verifiedUntil = toSeqno(0) } = result ?? {};
    const secrets = this.#index?.secrets ?? new LedgerSecrets([]);
    this.#torn = judgeTail(brokenTail, { verifiedUntil, secrets });
  }

  #introduced() {
    return this.#history.introduced(toSeqno(Number.MAX_SAFE_INTEGER));
  }

  /** Trusted only where the last signature of each run leads to a pinned identity. */
  async #identities(): Promise<LedgerIdentities> {
    const pinned = pinnedKeys(this.#options.services ?? []);
    const [only] = this.#results;
    const { endorsements } = this.#history;
    if (this.#results.length === 1 && only?.ledger.first === 1 && this.#index !== undefined) {
      return identitiesOf(this.#index, pinned);
    }
    const { signers, end } = this.#results.at(-1) ?? { signers: undefined, end: undefined };
    const identities = this.#introduced().filter(({ seqno }) => this.#isVerified(seqno));
    const ends = this.#ends;
    const whose = await identitiesOf({ identities, endorsements, signers, end, ends }, pinned);
    const source = { pinned, endorsements, starts: startsOf(identities) };
    const areTrusted = await Promise.all(
      this.#results.map(
        ({ signers: by, end: at }) =>
          by !== undefined && isTrusted({ signers: by, end: at }, source, isInTime),
      ),
    );
    return { ...whose, trusted: whose.trusted && !areTrusted.includes(false) };
  }

  #isVerified(seqno: Seqno): boolean {
    return this.#results.some(
      ({ ledger, verifiedUntil }) => seqno >= ledger.first && seqno <= verifiedUntil,
    );
  }

  report(level: ReplayLevel, { ignored }: Pick<LedgerListing, 'ignored'>): ReplayReport {
    const results = this.#results;
    const overlaps = this.#ledgers.flatMap((ledger) => ledger.overlaps);
    const runs = results.filter(({ entries }) => entries > 0).map(runOf);
    const sum = (key: 'nodeSignatures' | 'coseSignatures') =>
      results.reduce((total, result) => total + result[key], 0);
    const checked = totalOf(results.map(checkedOf));
    const otherSignatures = totalOfOthers(results.map(({ others }) => others));
    const summary = {
      transactions: checked.entries,
      verifiedUntil: toSeqno(Math.max(0, ...results.map((result) => result.verifiedUntil))),
      nodeSignatures: sum('nodeSignatures'),
      coseSignatures: sum('coseSignatures'),
      ...{ privateDomains: 0, evidences: 0, identical: 0 },
    };
    return {
      ...{ level, checked, runs, gaps: gapsOf(runs), summary, overlaps },
      ...{ snapshots: [], passedOver: ignored, torn: this.#torn, notCompared: undefined },
      ...{ from: undefined, ...this.#whose, unsigned: this.#unsigned },
      ...{ otherSignatures, unverified: unverifiedOf(otherSignatures) },
      ...{ crossCheck: { status: 'off' } as const, failure: this.#failure },
    };
  }
}

type EntryReading = (entry: Parameters<TreeRun['apply']>[0]) => Promise<void> | void;
type TreeRunKeys = ConstructorParameters<typeof TreeRun>[0]['keys'];

function checkedOf(result: RunResult): Checked {
  const { ledger, entries, roots, nodeSignatures, coseSignatures, notVerified } = result;
  const signatures = nodeSignatures + coseSignatures;
  const copies = copiesIn(ledger.overlaps);
  return { files: ledger.filesRead, entries, copies, roots, signatures, notVerified };
}

function totalOf(parts: readonly Checked[]): Checked {
  const sum = (key: keyof Checked) => parts.reduce((total, part) => total + part[key], 0);
  return {
    ...{ files: sum('files'), entries: sum('entries'), copies: sum('copies') },
    ...{ roots: sum('roots'), signatures: sum('signatures'), notVerified: sum('notVerified') },
  };
}

function runOf(result: RunResult): CheckedRun {
  const { first } = result.ledger;
  const last = toSeqno(first + result.entries - 1);
  return { first, last, ...checkedOf(result), uncovered: result.uncovered };
}

function gapsOf(runs: readonly SeqnoRange[]): readonly SeqnoRange[] {
  return runs.flatMap(({ first }, i) => {
    const before = runs[i - 1]?.last;
    const from = before === undefined ? 1 : before + 1;
    return first > from ? [{ first: toSeqno(from), last: toSeqno(first - 1) }] : [];
  });
}
