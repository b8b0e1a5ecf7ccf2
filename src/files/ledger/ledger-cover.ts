import { FormatError, VerificationError } from '../../core/errors.ts';
import { type Seqno, seqno as toSeqno } from '../../core/words.ts';
import { beginOf, isCommitted, type LedgerChunk } from '../ledger-names.ts';

/** What the choice among overlapping chunks must know of their content. */
export interface ChunkLook {
  /** Whether a committed chunk has the size that its header and its name ask for. */
  isWhole(chunk: LedgerChunk): Promise<boolean>;
  /** How far a chunk really reaches. */
  extentOf(chunk: LedgerChunk): Promise<Extent>;
  /** Whether two chunks hold the same entry at a seqno. */
  agree(a: LedgerChunk, b: LedgerChunk, at: Seqno): Promise<boolean>;
}

export interface Extent {
  /** The last whole entry's; `first - 1` without any. */
  readonly last: number;
  /** Of the last whole entry. */
  readonly view: number;
}

/** Which files are read, and which are only compared with them. */
export interface Cover {
  /** In the order of their entries. */
  readonly chunks: readonly LedgerChunk[];
  readonly others: readonly LedgerChunk[];
  /** Of `others`, the committed ones that are cut short. */
  readonly cut: ReadonlySet<LedgerChunk>;
}

/**
 * Chooses, among chunks that may overlap, those that hold the most: committed ones first, and uncommitted ones only
 * for seqnos that no committed one holds. Of those that go on at a seqno the one that reaches furthest is taken,
 * which finds the longest cover that there is; among uncommitted ones the one that ends in the latest view.
 */
export async function coverOf(names: readonly LedgerChunk[], look: ChunkLook): Promise<Cover> {
  const sorted = [...names].sort((a, b) => a.first - b.first);
  if (isPlain(sorted)) return { chunks: sorted, others: [], cut: new Set() };
  const cut = await cutShort(sorted, look);
  const committed = furthestReaching(sorted.filter(isRanged).filter((chunk) => !cut.has(chunk)));
  const spare = sorted.filter((chunk) => !isRanged(chunk) || cut.has(chunk));
  const chunks = await new GapFiller(committed, spare, look).fill();
  const chosen = new Set(chunks.map(keyOf));
  const others = names.filter((chunk) => !chosen.has(keyOf(chunk)));
  return { chunks, others, cut };
}

const keyOf = ({ directory, file }: LedgerChunk): string => `${directory}\0${file}`;

/** Committed, with its end in its name. */
type Ranged = LedgerChunk & { readonly last: Seqno };

const isRanged = (chunk: LedgerChunk): chunk is Ranged =>
  isCommitted(chunk) && chunk.last !== undefined;

/** Whether the names alone say that no seqno is in two files: only the last of them may be open. */
function isPlain(sorted: readonly LedgerChunk[]): boolean {
  return sorted.every(({ last, committed }, i) => {
    const next = sorted[i + 1];
    return next === undefined || (committed && last !== undefined && next.first > last);
  });
}

/** Committed chunks that share seqnos with others, and are not as long as they say. */
async function cutShort(
  sorted: readonly LedgerChunk[],
  look: ChunkLook,
): Promise<ReadonlySet<LedgerChunk>> {
  const cut = new Set<LedgerChunk>();
  let end = 0;
  for (const [i, chunk] of sorted.entries()) {
    const { first, last = Number.MAX_SAFE_INTEGER } = chunk;
    const next = sorted[i + 1];
    const isShared = first <= end || (next !== undefined && next.first <= last);
    if (isShared && isRanged(chunk) && !(await look.isWhole(chunk))) cut.add(chunk);
    end = Math.max(end, last);
  }
  return cut;
}

/** The fewest files with the most seqnos; sorted by their first, and of equals the one of the first directory. */
function furthestReaching(sorted: readonly Ranged[]): readonly Ranged[] {
  const chosen: Ranged[] = [];
  let at = sorted[0]?.first ?? toSeqno(1);
  let best: Ranged | undefined;
  for (let i = 0; i < sorted.length || best !== undefined; ) {
    const chunk = sorted[i];
    if (chunk !== undefined && chunk.first <= at) {
      i++;
      if (chunk.last >= at && (best === undefined || chunk.last > best.last)) best = chunk;
    } else if (best !== undefined) {
      chosen.push(from(best, at));
      at = toSeqno(best.last + 1);
      best = undefined;
    } else {
      at = chunk?.first ?? at;
    }
  }
  return chosen;
}

function from<Chunk extends LedgerChunk>(chunk: Chunk, at: number): Chunk {
  return at === chunk.first ? chunk : { ...chunk, from: toSeqno(at) };
}

/** A chunk that no committed cover holds, and how far it reaches. */
interface Spare {
  readonly chunk: LedgerChunk;
  readonly extent: Extent;
}

/** Puts uncommitted chunks where the committed ones leave gaps, and behind them. */
class GapFiller {
  readonly #committed: readonly Ranged[];
  readonly #spare: readonly LedgerChunk[];
  readonly #look: ChunkLook;
  readonly #chunks: LedgerChunk[] = [];

  constructor(committed: readonly Ranged[], spare: readonly LedgerChunk[], look: ChunkLook) {
    this.#committed = committed;
    this.#spare = spare;
    this.#look = look;
  }

  async fill(): Promise<readonly LedgerChunk[]> {
    const [only] = this.#spare;
    const end = (this.#committed.at(-1)?.last ?? 0) + 1;
    // What lies there is read in its turn.
    if (this.#spare.length === 1 && only !== undefined && only.first === end) {
      return [...this.#committed, only];
    }
    const spares: Spare[] = [];
    for (const chunk of this.#spare) {
      spares.push({ chunk, extent: await this.#look.extentOf(chunk) });
    }
    let at = Math.min(...[...this.#committed, ...this.#spare].map(({ first }) => first));
    for (const chunk of this.#committed) {
      await this.#fillGap(at, beginOf(chunk) - 1, spares);
      this.#chunks.push(chunk);
      at = chunk.last + 1;
    }
    const reached = await this.#fillGap(at, Number.MAX_SAFE_INTEGER, spares);
    this.#addEmptyTail(reached, spares);
    return this.#chunks;
  }

  /** @returns where it came to */
  async #fillGap(first: number, last: number, spares: readonly Spare[]): Promise<number> {
    let at = first;
    while (at <= last) {
      const best = await this.#bestAt(at, spares);
      if (best !== undefined) {
        this.#chunks.push(from({ ...best.chunk, reaches: best.extent.last }, at));
        at = best.extent.last + 1;
        continue;
      }
      const broken = this.#brokenAt(at, spares);
      if (broken !== undefined) {
        at = broken.last + 1;
        continue;
      }
      const ahead = spares.filter(({ chunk, extent }) => chunk.first > at && extent.last > at);
      const next = Math.min(...ahead.map(({ chunk }) => chunk.first));
      if (next > last) break;
      at = next;
    }
    return at;
  }

  /** Where the rest of a committed chunk is missing and nothing else holds it, that chunk is read, and refused. */
  #brokenAt(at: number, spares: readonly Spare[]): Ranged | undefined {
    const ranged = spares.map(({ chunk }) => chunk).filter(isRanged);
    const broken = ranged.find(({ first, last }) => first <= at && at <= last);
    if (broken === undefined) return undefined;
    const before = this.#chunks.at(-1);
    const isBeginning = before !== undefined && keyOf(before) === keyOf(broken);
    if (isBeginning) this.#chunks.pop();
    this.#chunks.push(from(broken, isBeginning ? beginOf(before) : at));
    return broken;
  }

  async #bestAt(at: number, spares: readonly Spare[]): Promise<Spare | undefined> {
    let best: Spare | undefined;
    for (const spare of spares) {
      const { first } = spare.chunk;
      if (first > at || spare.extent.last < at) continue;
      if (best !== undefined && !isPreferred(spare.extent, best.extent)) continue;
      if (first === at || (await this.#agrees(spare.chunk, at - 1))) best = spare;
    }
    return best;
  }

  /** What goes on in the middle of a chunk must have gone there the same way. */
  async #agrees(chunk: LedgerChunk, before: number): Promise<boolean> {
    const last = this.#chunks.at(-1);
    return last === undefined || this.#look.agree(last, chunk, toSeqno(before));
  }

  /** A last chunk without a whole entry: what it does hold may tell of damage. */
  #addEmptyTail(at: number, spares: readonly Spare[]): void {
    const tail = spares.find(({ chunk, extent }) => chunk.first === at && extent.last < at);
    if (tail !== undefined) this.#chunks.push(tail.chunk);
  }
}

function isPreferred(a: Extent, b: Extent): boolean {
  return a.view !== b.view ? a.view > b.view : a.last > b.last;
}

/** Whether an error says that bytes are malformed, or prove nothing. */
export const isOfBytes = (error: unknown): error is FormatError | VerificationError =>
  error instanceof FormatError || error instanceof VerificationError;
