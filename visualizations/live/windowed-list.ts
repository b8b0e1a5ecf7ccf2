import { element } from './elements.ts';

export interface WindowedListOptions {
  readonly container: HTMLElement;
  /** Height of every row, in pixels. */
  readonly rowHeight: number;
  readonly row: (index: number) => HTMLElement;
}

/** A list of any length that has elements only for the rows in sight. */
export class WindowedList {
  readonly #options: WindowedListOptions;
  readonly #space = element('div', { role: 'presentation' });
  #count = 0;

  constructor(options: WindowedListOptions) {
    this.#options = options;
    const { container } = options;
    container.append(this.#space);
    container.addEventListener('scroll', () => this.#draw(), { passive: true });
    new ResizeObserver(() => this.#draw()).observe(container);
  }

  /** The first and the last row in sight. */
  get range(): readonly [number, number] {
    const { container, rowHeight } = this.#options;
    const first = Math.max(0, Math.floor(container.scrollTop / rowHeight));
    const last = first + Math.ceil(container.clientHeight / rowHeight);
    return [first, Math.min(this.#count - 1, last)];
  }

  update(count: number): void {
    this.#count = count;
    this.#space.style.height = `${count * this.#options.rowHeight}px`;
    this.#draw();
  }

  scrollTo(index: number): void {
    const { container, rowHeight } = this.#options;
    const top = index * rowHeight;
    if (top < container.scrollTop) container.scrollTop = top;
    const bottom = top + rowHeight - container.clientHeight;
    if (bottom > container.scrollTop) container.scrollTop = bottom;
  }

  #draw(): void {
    const [first, last] = this.range;
    const rows: HTMLElement[] = [];
    for (let index = first; index <= last; index++) {
      const row = this.#options.row(index);
      row.style.top = `${index * this.#options.rowHeight}px`;
      rows.push(row);
    }
    this.#space.replaceChildren(...rows);
  }
}
