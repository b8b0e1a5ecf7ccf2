/** What a stream must be able to do; `process.stdout` and `process.stderr` can. */
export interface OutputStream {
  /** `false` asks to write no more before `drain`. */
  write(text: string): unknown;
  once?(event: 'drain' | 'close', listener: () => void): unknown;
  off?(event: 'drain' | 'close', listener: () => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/**
 * Where a command writes: results to stdout, everything else to stderr, and at most one transient
 * status, which gives way to both. No colour is ever used, so there is none to switch off.
 */
export class Terminal {
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  /** Lines that the status takes on the screen. */
  #statusLines = 0;
  /** Whether stdout has as much as it wants to hold. */
  #isFull = false;

  constructor(stdout: OutputStream, stderr: OutputStream) {
    this.#stdout = stdout;
    this.#stderr = stderr;
  }

  /** Whether a status line can be drawn over and over. */
  get isInteractive(): boolean {
    return this.#stderr.isTTY === true;
  }

  get columns(): number {
    return this.#stderr.columns ?? 80;
  }

  /** A line of the result, to stdout. */
  result(line: string): void {
    this.clearStatus();
    this.#isFull = this.#stdout.write(`${harmless(line)}\n`) === false;
  }

  /**
   * Waits until stdout takes more: for results without end, which must not pile up in memory.
   * @throws the signal's reason when it aborts
   */
  async drained(signal: AbortSignal): Promise<void> {
    if (this.#isFull) await untilDrained(this.#stdout, signal);
    this.#isFull = false;
    signal.throwIfAborted();
  }

  /** Text of our own that another program reads, tabs and line ends as they are, to stdout. */
  raw(text: string): void {
    this.clearStatus();
    this.#stdout.write(text);
  }

  /** A JSON object of the result, to stdout; `undefined` fields are left out. */
  json(value: object): void {
    this.result(JSON.stringify(value));
  }

  /** A line for whoever watches, to stderr. */
  note(line: string): void {
    this.clearStatus();
    this.#stderr.write(`${harmless(line)}\n`);
  }

  /** Draws the status anew: one line, and perhaps more below it; none may be longer than the screen. */
  status(text: string, below: readonly string[] = []): void {
    const lines = [text, ...below].map((line) => `${harmless(line)}\u001b[K`);
    this.#stderr.write(`${this.#toStatusStart()}${lines.join('\n')}`);
    this.#statusLines = lines.length;
  }

  clearStatus(): void {
    if (this.#statusLines > 0) this.#stderr.write(`${this.#toStatusStart()}\u001b[K`);
    this.#statusLines = 0;
  }

  /** To the status's first column, with its further lines wiped out. */
  #toStatusStart(): string {
    if (this.#statusLines <= 1) return '\r';
    return `\r\u001b[${this.#statusLines - 1}A\u001b[J`;
  }
}

/** Also ends where nobody will ever take more. */
async function untilDrained(stream: OutputStream, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const end = () => {
      stream.off?.('drain', end);
      stream.off?.('close', end);
      signal.removeEventListener('abort', end);
      resolve();
    };
    if (stream.once === undefined || signal.aborted) return end();
    stream.once('drain', end);
    stream.once('close', end);
    signal.addEventListener('abort', end);
  });
}

/**
 * File names, tables and messages come from outside, and a terminal obeys control characters. The escape
 * is JSON's own, so that a line of JSON stays the same JSON.
 */
function harmless(line: string): string {
  return line.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\u${code}`;
  });
}
