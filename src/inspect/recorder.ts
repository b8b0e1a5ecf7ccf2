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
  if (text.length > recordingCharactersMax) throw new SyntaxError('the recording is too long');
  const [first = '', ...lines] = text.split('\n');
  if (!isHeader(parsed(first))) throw new SyntaxError('line 1: not a recording of this project');
  const isCut = lines.at(-1) !== '';
  return lines.flatMap((line, index) => {
    if (line === '') return [];
    const frame = parsed(line);
    if (isFrame(frame)) return [frame];
    if (isCut && index === lines.length - 1) return [];
    throw new SyntaxError(`line ${index + 2}: not a frame`);
  });
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
