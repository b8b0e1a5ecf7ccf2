import { byId, countText, element } from './elements.ts';
import type { GenerationView } from './model.ts';

interface Listed {
  readonly file: string;
  readonly seqno?: number;
  readonly bytes: number;
  readonly ignored?: string;
  readonly verification?: {
    readonly status: 'verified' | 'refused' | 'unreadable' | 'not-yet';
    readonly trusted?: boolean;
    readonly message?: string;
    readonly code?: string;
  };
}

interface Listing {
  readonly directory?: string;
  readonly files: readonly Listed[];
}

/** The files of the snapshots directory and what each proved to be; of a recording, those that it tells of. */
export class Files {
  readonly #query: string;
  #isLoading = false;
  #isStale = true;
  /** What was listed last, while the service is followed. */
  #listing: Listing = { files: [] };
  #recorded: readonly GenerationView[] | undefined;
  #drawn: string | undefined;

  constructor(query: string) {
    this.#query = query;
  }

  /** Lists what a recording tells of, without one what is on disk now. */
  show(recorded: readonly GenerationView[] | undefined): void {
    // While the service is followed, only a new listing has anything to show.
    if (recorded === undefined && this.#recorded === undefined) return;
    this.#recorded = recorded;
    this.#draw();
  }

  /** Something may have changed on disk. */
  refresh(): void {
    this.#isStale = true;
    if (this.#isLoading) return;
    this.#isLoading = true;
    this.#load()
      .catch(() => {
        if (this.#recorded === undefined) {
          byId('directory').textContent = 'The directory could not be read.';
        }
        this.#drawn = undefined;
      })
      .finally(() => {
        // The service verifies each file once: not more often than this.
        setTimeout(() => {
          this.#isLoading = false;
          if (this.#isStale) this.refresh();
        }, 1000);
      });
  }

  async #load(): Promise<void> {
    this.#isStale = false;
    const response = await fetch(`snapshots${this.#query}`);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    this.#listing = (await response.json()) as Listing;
    const { files } = this.#listing;
    if (files.some(({ verification }) => verification?.status === 'not-yet')) this.#isStale = true;
    this.#draw();
  }

  #draw(): void {
    const { title, hint, columns, rows } =
      this.#recorded === undefined ? onDisk(this.#listing) : inRecording(this.#recorded);
    const text = [title, hint, ...rows.map(({ outerHTML }) => outerHTML)].join('\n');
    if (text === this.#drawn) return;
    this.#drawn = text;
    byId('files-title').textContent = title;
    byId('directory').textContent = hint;
    const none = element('p', { class: 'hint' }, 'No file yet.');
    byId('files').replaceChildren(rows.length === 0 ? none : table(columns, rows));
  }
}

interface Drawing {
  readonly title: string;
  readonly hint: string;
  readonly columns: readonly string[];
  readonly rows: readonly HTMLElement[];
}

function onDisk({ directory, files }: Listing): Drawing {
  const shown = files.filter(({ seqno }) => seqno !== undefined).slice(0, rowsMax);
  const hint = directory ?? 'This host has not named its directory.';
  const columns = ['file', 'bytes', 'verification'];
  return { title: 'Snapshots on disk', hint, columns, rows: shown.map(row) };
}

/** A recording says what was published; whether the files are still there, and prove anything, it cannot. */
function inRecording(generations: readonly GenerationView[]): Drawing {
  const published = generations.filter(({ file }) => file !== undefined).slice(-rowsMax);
  const rows = published.map(({ file = '', seqno, outcome = '' }) =>
    cells(file, countText(seqno), [outcome === 'committed' ? 'good' : '', outcome]),
  );
  return {
    title: 'Snapshots of the recording',
    hint: 'As it tells of them up to this frame: what is on disk now is not shown.',
    columns: ['file', 'seqno', 'outcome'],
    rows: rows.reverse(),
  };
}

/** The newest are enough to look at. */
const rowsMax = 100;

function table(columns: readonly string[], rows: readonly HTMLElement[]): HTMLElement {
  const head = columns.map((name) => element('th', { scope: 'col' }, name));
  return element(
    'table',
    {},
    element('thead', {}, element('tr', {}, ...head)),
    element('tbody', {}, ...rows),
  );
}

function row(listed: Listed): HTMLElement {
  return cells(listed.file, countText(listed.bytes), wordsOf(listed));
}

function cells(
  file: string,
  number: string,
  [kind, words]: readonly [string, string],
): HTMLElement {
  return element(
    'tr',
    {},
    element('td', {}, file),
    element('td', { class: 'number' }, number),
    element('td', { class: kind }, words),
  );
}

function wordsOf({ ignored, verification }: Listed): readonly [string, string] {
  if (ignored !== undefined) return ['', `passed over: ${ignored}`];
  switch (verification?.status) {
    case 'verified':
      return verification.trusted
        ? ['good', '✓ verified, trusted']
        : ['', '✓ agrees with itself, not trusted'];
    case 'refused':
      return ['bad', `✗ refused: ${verification.message ?? ''} [${verification.code ?? ''}]`];
    case 'unreadable':
      return ['', `could not be read, will be tried again: ${verification.message ?? ''}`];
    default:
      return ['', 'being verified…'];
  }
}
