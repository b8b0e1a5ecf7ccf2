import { byId, countText, element } from './elements.ts';

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

/** The files of the snapshots directory, and what each proved to be. */
export class Files {
  readonly #query: string;
  #isLoading = false;
  #isStale = true;

  constructor(query: string) {
    this.#query = query;
  }

  /** Something may have changed on disk. */
  refresh(): void {
    this.#isStale = true;
    if (this.#isLoading) return;
    this.#isLoading = true;
    this.#load()
      .catch(() => {
        byId('directory').textContent = 'The directory could not be read.';
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
    const { directory, files } = (await response.json()) as {
      readonly directory?: string;
      readonly files: readonly Listed[];
    };
    byId('directory').textContent = directory ?? 'This host has not named its directory.';
    draw(files);
    if (files.some(({ verification }) => verification?.status === 'not-yet')) this.#isStale = true;
  }
}

function draw(files: readonly Listed[]): void {
  const shown = files.filter(({ seqno }) => seqno !== undefined).slice(0, 100);
  const head = element(
    'tr',
    {},
    ...['file', 'bytes', 'verification'].map((name) => element('th', { scope: 'col' }, name)),
  );
  if (shown.length === 0) {
    byId('files').replaceChildren(element('p', { class: 'hint' }, 'No file yet.'));
    return;
  }
  byId('files').replaceChildren(
    element('table', {}, element('thead', {}, head), element('tbody', {}, ...shown.map(row))),
  );
}

function row(listed: Listed): HTMLElement {
  const [kind, words] = wordsOf(listed);
  return element(
    'tr',
    {},
    element('td', {}, listed.file),
    element('td', { class: 'number' }, countText(listed.bytes)),
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
