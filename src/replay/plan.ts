import type { ReceiptForm, Seqno } from '../core/words.ts';
import type { IndexedEvidence, IndexedSignature, SignedLedger } from '../ledger/signed-ledger.ts';

/** What a replay will do about one snapshot that the ledger vouches for. */
export interface PlannedSnapshot extends IndexedEvidence {
  /** The form that the generation carries, which says whose signature its gate asks for. */
  readonly form: ReceiptForm;
  /** Why no file can be written; `undefined` when one can. */
  readonly whyNot: string | undefined;
}

export interface PlanOptions {
  /** @default COSE where the next signature has one, else JSON */
  readonly receipt?: 'json' | 'cose' | undefined;
  /** Only the snapshot of this seqno. */
  readonly at?: Seqno | undefined;
  /** Where the replay starts: only snapshots after this seqno can be generated. */
  readonly after: Seqno;
}

export interface ReplayPlan {
  /** Ascending by evidence. */
  readonly snapshots: readonly PlannedSnapshot[];
  /** Generations that can live at once: those that wait for one signature, and some that write. */
  readonly capacity: number;
}

/** Slots beyond those that wait for the ledger, so that writing does not hold up reading. */
const writingSlots = 16;

/**
 * Plans a replay from its index. CCF 1.x wrote no receipts: evidence of that age has its signature
 * transaction's seqno in the file's name instead.
 */
export function planReplay(
  index: Pick<SignedLedger, 'evidences' | 'signatures'>,
  options: PlanOptions,
): ReplayPlan {
  const { at, after, receipt } = options;
  const spans = index.evidences
    .filter(({ snapshotSeqno }) => at === undefined || snapshotSeqno === at)
    .map((evidence) => ({
      evidence,
      next: signatureAfter(index.signatures, evidence.evidenceSeqno),
    }));
  return {
    snapshots: spans.map(({ evidence, next }) =>
      evidence.snapshotSeqno > after ? planned(evidence, next, receipt) : notGenerated(evidence),
    ),
    capacity:
      overlap(spans.filter(({ evidence }) => evidence.snapshotSeqno > after)) + writingSlots,
  };
}

/** The evidences of each snapshotSeqno, in their order: there may be several, of one digest or of different ones. */
export function bySnapshot({
  snapshots,
}: Pick<ReplayPlan, 'snapshots'>): ReadonlyMap<Seqno, readonly PlannedSnapshot[]> {
  const found = new Map<Seqno, PlannedSnapshot[]>();
  for (const planned of snapshots) {
    const others = found.get(planned.snapshotSeqno);
    if (others === undefined) found.set(planned.snapshotSeqno, [planned]);
    else others.push(planned);
  }
  return found;
}

/** Evidence and the signature transaction that it waits for. */
interface Span {
  readonly evidence: IndexedEvidence;
  readonly next: IndexedSignature | undefined;
}

function planned(
  evidence: IndexedEvidence,
  next: IndexedSignature | undefined,
  receipt: 'json' | 'cose' | undefined,
): PlannedSnapshot {
  if (next === undefined)
    return { ...evidence, form: 'none', whyNot: 'no signature follows it yet' };
  if (evidence.entryType === 0) return { ...evidence, form: 'none', whyNot: undefined };
  if (evidence.entryType !== 4) {
    return { ...evidence, form: 'none', whyNot: 'its release had no receipts for such evidence' };
  }
  const form = receipt ?? (next.cose ? 'cose' : 'json');
  const whyNot = next[form] ? undefined : `the next signature has none for a ${form} receipt`;
  return { ...evidence, form, whyNot };
}

const notGenerated = (evidence: IndexedEvidence): PlannedSnapshot => ({
  ...evidence,
  form: 'none',
  whyNot: 'the replay starts after it, or from it',
});

/** The first signature above `seqno`, by bisection. */
function signatureAfter(
  signatures: readonly IndexedSignature[],
  seqno: Seqno,
): IndexedSignature | undefined {
  let low = 0;
  for (let high = signatures.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if ((signatures[middle]?.seqno ?? 0) > seqno) high = middle;
    else low = middle + 1;
  }
  return signatures[low];
}

/** How many generations wait at once for the ledger to go on, at most. */
function overlap(spans: readonly Span[]): number {
  const changes = spans
    .flatMap(({ evidence, next }) => [
      { at: evidence.snapshotSeqno, by: 1 },
      { at: (next?.seqno ?? Number.MAX_SAFE_INTEGER) + 0.5, by: -1 },
    ])
    .sort((a, b) => a.at - b.at);
  let live = 0;
  let most = 0;
  for (const { by } of changes) {
    live += by;
    most = Math.max(most, live);
  }
  return most;
}
