/** An element of {@link stdSort}: compared by `hash` only. */
export interface Hashed {
  readonly hash: number;
}

/** Longest run that quicksort leaves to the insertion sort: libstdc++'s `_S_threshold`. */
const runLengthMax = 16;

/** Elements `first` … `last - 1`. */
interface Span {
  readonly first: number;
  readonly last: number;
}

/**
 * Sorts in place by hash exactly as libstdc++'s `std::sort` does, so that equal hashes end up in the
 * same order: introsort, that is quicksort down to runs of 16, heapsort where that goes too deep, and
 * one insertion sort over everything.
 *
 * **Order contract:** each comparison and move below is one of libstdc++'s; a cleverer sort gives
 * another order among equal hashes and with it another snapshot digest.
 * @see libstdc++ bits/stl_algo.h, bits/stl_heap.h
 */
export function stdSort<T extends Hashed>(items: T[]): void {
  if (items.length < 2) return;
  const depth = 2 * Math.floor(Math.log2(items.length));
  quicksortToRuns(items, { first: 0, last: items.length }, depth);
  for (let i = 1; i < items.length; i++) {
    if (i < runLengthMax && hashAt(items, i) < hashAt(items, 0)) moveToFront(items, i);
    else moveDown(items, i);
  }
}

function quicksortToRuns<T extends Hashed>(items: T[], span: Span, depth: number): void {
  const { first } = span;
  let { last } = span;
  for (let left = depth; last - first > runLengthMax; left--) {
    if (left === 0) {
      heapsort(items, { first, last });
      return;
    }
    const cut = partition(items, { first, last });
    quicksortToRuns(items, { first: cut, last }, left - 1);
    last = cut;
  }
}

/** Moves the median of the second, middle and last element to the front, then splits around it. */
function partition<T extends Hashed>(items: T[], { first, last }: Span): number {
  swap(items, first, medianOf(items, [first + 1, first + ((last - first) >> 1), last - 1]));
  const pivot = hashAt(items, first);
  let low = first + 1;
  let high = last;
  while (true) {
    while (hashAt(items, low) < pivot) low++;
    high--;
    while (pivot < hashAt(items, high)) high--;
    if (low >= high) return low;
    swap(items, low, high);
    low++;
  }
}

function medianOf<T extends Hashed>(
  items: readonly T[],
  [a, b, c]: readonly [number, number, number],
): number {
  const isLess = (i: number, j: number): boolean => hashAt(items, i) < hashAt(items, j);
  if (isLess(a, b)) return isLess(b, c) ? b : isLess(a, c) ? c : a;
  return isLess(a, c) ? a : isLess(b, c) ? c : b;
}

function heapsort<T extends Hashed>(items: T[], { first, last }: Span): void {
  const heap = items.slice(first, last);
  for (let parent = Math.floor((heap.length - 2) / 2); parent >= 0; parent--) {
    siftFrom(heap, parent, at(heap, parent));
  }
  for (let end = last - 1; end > first; end--) {
    const top = at(heap, 0);
    const value = at(heap, heap.length - 1);
    heap.length--;
    siftFrom(heap, 0, value);
    items[end] = top;
  }
  items[first] = at(heap, 0);
}

/** Lets the hole at `top` sink to the bottom along the larger children, then `value` rise from there. */
function siftFrom<T extends Hashed>(heap: T[], top: number, value: T): void {
  let hole = top;
  for (let child = 2 * hole + 2; child <= heap.length; child = 2 * hole + 2) {
    const isLeftLarger = child === heap.length || hashAt(heap, child) < hashAt(heap, child - 1);
    const larger = isLeftLarger ? child - 1 : child;
    heap[hole] = at(heap, larger);
    hole = larger;
  }
  while (hole > top) {
    const parent = (hole - 1) >> 1;
    if (hashAt(heap, parent) >= value.hash) break;
    heap[hole] = at(heap, parent);
    hole = parent;
  }
  heap[hole] = value;
}

/** Moves an element that is below the first to the front. */
function moveToFront<T extends Hashed>(items: T[], from: number): void {
  const value = at(items, from);
  items.copyWithin(1, 0, from);
  items[0] = value;
}

/** Moves an element down behind the last one that is not above it; the first element never is. */
function moveDown<T extends Hashed>(items: T[], from: number): void {
  const value = at(items, from);
  let hole = from;
  for (; value.hash < hashAt(items, hole - 1); hole--) items[hole] = at(items, hole - 1);
  items[hole] = value;
}

function swap<T>(items: T[], i: number, j: number): void {
  const value = at(items, i);
  items[i] = at(items, j);
  items[j] = value;
}

function hashAt<T extends Hashed>(items: readonly T[], index: number): number {
  return at(items, index).hash;
}

/** The element of an index that is in range by the algorithm's own invariants. */
function at<T>(items: readonly T[], index: number): T {
  return items[index] as T;
}
