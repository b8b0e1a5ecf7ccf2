import type { Clock } from '../../core/clock.ts';
import { groupDigits } from './table.ts';
import type { Terminal } from './terminal.ts';

export interface ProgressOptions {
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** What is done, such as `replaying`, and in what it is counted, such as `entries`. */
  readonly verb: string;
  readonly unit: string;
  /** Nothing is shown when false. */
  readonly isShown: boolean;
}

/** Between two drawings of the bar, and between two lines where there is no terminal. */
const redrawMs = 100;
const lineMs = 2000;

/** The bar takes the room that the text leaves, within these bounds. */
const barCellsMin = 5;
const barCellsMax = 30;

/** How far a long task has come: a bar that is redrawn on a terminal, a line now and then elsewhere. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #intervalMs: number;
  #start: { readonly at: number; readonly done: number } | undefined;
  #shownAt = 0;
  #isToldWhole = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#intervalMs = options.terminal.isInteractive ? redrawMs : lineMs;
  }

  /**
   * Says that `done` of `total` are done; shown at most every so often, however often it is called.
   * @param below more lines for a terminal, asked for only when they are shown
   */
  update(done: number, total: number, below: () => readonly string[] = () => []): void {
    const { clock, isShown, terminal } = this.#options;
    if (!isShown) return;
    const now = clock.now();
    if (this.#start === undefined) {
      this.#start = { at: now, done };
      this.#shownAt = now;
      return;
    }
    if (now - this.#shownAt < this.#intervalMs) return;
    this.#shownAt = now;
    const rate = ((done - this.#start.done) * 1000) / (now - this.#start.at);
    const text = this.#text(done, total, rate);
    if (!terminal.isInteractive) {
      // What is being waited for then is not counted here: one line is enough.
      if (!this.#isToldWhole) terminal.note(text);
      this.#isToldWhole = done >= total;
      return;
    }
    const fitted = (line: string) => line.slice(0, Math.max(0, terminal.columns - 1));
    terminal.status(fitted(text), below().map(fitted));
  }

  /** Takes the bar away. */
  end(): void {
    this.#options.terminal.clearStatus();
  }

  #text(done: number, total: number, rate: number): string {
    const { verb, unit } = this.#options;
    const share = total > 0 ? Math.min(1, done / total) : 0;
    const percent = `${Math.floor(share * 100)} %`;
    const counts = `${groupDigits(done)} of ${groupDigits(total)} ${unit}`;
    const left = rate > 0 && done < total ? `, ${duration((total - done) / rate)} left` : '';
    const text = `${percent}, ${counts}, ${groupDigits(Math.round(rate))}/s${left}`;
    return `${verb} ${this.#bar(share, verb.length + 1 + text.length)}${text}`;
  }

  #bar(share: number, textLength: number): string {
    const { terminal } = this.#options;
    const room = terminal.columns - 1 - textLength - '[] '.length;
    if (!terminal.isInteractive || room < barCellsMin) return '';
    const cells = Math.min(room, barCellsMax);
    return `[${'#'.repeat(Math.round(share * cells)).padEnd(cells, '.')}] `;
  }
}

/** `0:07`, `12:30`, `3:05:00`. */
function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  const rest = two(whole % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}
