import type { InspectMessage } from './messages.ts';

/** What a generation was and how it ended, for whoever comes after. */
export interface HistoryMessage {
  readonly type: 'history';
  readonly generation: number;
  readonly seqno: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly outcome: string;
  readonly reason?: string;
  readonly file?: string;
}

/** One thing that a viewer is told. */
export type Frame = InspectMessage | HistoryMessage;

/** First line of a recording. */
const header = { format: 'ledger-snapshotter-recording', version: 1 } as const;

/** Longest recording that is read, in characters, and longest line of one. */
const recordingCharactersMax = 256 * 1024 * 1024;

/** A recording as text: a header, then a frame a line, each as JSON. */
export function saveRecording(frames: readonly (Frame | string)[]): string {
  const lines = frames.map((frame) => (typeof frame === 'string' ? frame : JSON.stringify(frame)));
  return `${[JSON.stringify(header), ...lines].join('\n')}\n`;
}

/**
 * The frames of a recording. A last line that was cut off is left out.
 * @throws SyntaxError for what is no recording, with the number of the line
 */
export function loadRecording(text: string): readonly Frame[] {
  const reader = new RecordingReader();
  // The reader gives only lines that hold a frame.
  return [...reader.lines(text), ...reader.end()].map((line) => JSON.parse(line) as Frame);
}

/** Reads a recording in pieces of any size. A last line that was cut off is left out. */
export class RecordingReader {
  #rest = '';
  #line = 0;
  #characters = 0;

  /**
   * The lines that hold a frame and are whole with this piece.
   * @throws SyntaxError for what is no recording, with the number of the line
   */
  *lines(piece: string): Generator<string> {
    this.#characters += piece.length;
    if (this.#characters > recordingCharactersMax) {
      throw new SyntaxError('the recording is too long');
    }
    const lines = (this.#rest + piece).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) if (this.#holdsFrame(line)) yield line;
  }

  /** The last line, if it holds a frame without a line end. @throws SyntaxError when there is not even a header */
  *end(): Generator<string> {
    const rest = this.#rest;
    if (this.#line === 0) this.#holdsFrame(rest);
    else if (isFrame(parsed(rest))) yield rest;
  }

  #holdsFrame(line: string): boolean {
    this.#line++;
    if (this.#line === 1) {
      if (isHeader(parsed(line))) return false;
      throw new SyntaxError('line 1: not a recording of this project');
    }
    if (line === '') return false;
    if (isFrame(parsed(line))) return true;
    throw new SyntaxError(`line ${this.#line}: not a frame`);
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isHeader(value: unknown): boolean {
  const { format, version } = (value ?? {}) as Partial<typeof header>;
  return format === header.format && version === header.version;
}

/** Whether a value has what every reader of a frame relies on. */
export function isFrame(value: unknown): value is Frame {
  if (!isObject(value)) return false;
  switch (value['type']) {
    case '@xstate.actor':
      return isMessage(value) && typeof value['name'] === 'string' && isObject(value['snapshot']);
    case '@xstate.event':
      return isMessage(value) && hasType(value['event']);
    case '@xstate.snapshot':
      return isMessage(value) && hasType(value['event']) && isObject(value['snapshot']);
    case 'history':
      return ['generation', 'seqno', 'startedAtMs', 'endedAtMs'].every((key) =>
        Number.isFinite(value[key]),
      );
    default:
      return false;
  }
}

function isMessage(value: Readonly<Record<string, unknown>>): boolean {
  return typeof value['sessionId'] === 'string' && typeof value['createdAt'] === 'string';
}

function hasType(value: unknown): boolean {
  return isObject(value) && typeof value['type'] === 'string';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
