import { type Frame, isFrame, RecordingReader, saveRecording } from '../../src/inspect/recorder.ts';
import { Slices } from './slices.ts';

/** What is kept of a live stream, in characters. */
const charactersMax = 64 * 1024 * 1024;

/** Frames that are made into text at once when they are saved. */
const savedAtOnce = 1000;

/** The frames of a stream or a recording, as text: small enough to keep, and what a recording holds. */
export class Frames {
  #texts: string[];
  #characters: number;

  private constructor(texts: string[], characters: number) {
    this.#texts = texts;
    this.#characters = characters;
  }

  static empty(): Frames {
    return new Frames([], 0);
  }

  /**
   * Those of a recording, read as it comes so that the page goes on meanwhile.
   * @throws SyntaxError for what is no recording
   */
  static async read(recording: Blob): Promise<Frames> {
    const reader = new RecordingReader();
    const frames = Frames.empty();
    const slices = new Slices();
    const keep = async (lines: Iterable<string>) => {
      for (const line of lines) {
        frames.#keep(line);
        if (slices.areOver) await slices.pause();
      }
    };
    const pieces = recording.stream().pipeThrough(new TextDecoderStream()).getReader();
    for (let piece = await pieces.read(); !piece.done; piece = await pieces.read()) {
      await keep(reader.lines(piece.value));
    }
    await keep(reader.end());
    return frames;
  }

  get count(): number {
    return this.#texts.length;
  }

  get texts(): readonly string[] {
    return this.#texts;
  }

  /** Keeps a frame, and gives it back parsed; what is none is passed over. */
  add(text: string): Frame | undefined {
    const frame = parsed(text);
    if (frame === undefined) return undefined;
    this.#keep(text);
    if (this.#characters > charactersMax) this.#forgetOldest();
    return frame;
  }

  at(index: number): Frame | undefined {
    const text = this.#texts[index];
    return text === undefined ? undefined : parsed(text);
  }

  /** These frames, while others are added here. */
  copy(): Frames {
    return new Frames([...this.#texts], this.#characters);
  }

  /** As a recording. */
  async save(): Promise<Blob> {
    const parts = [new Blob([saveRecording([])])];
    const slices = new Slices();
    const texts = [...this.#texts];
    for (let from = 0; from < texts.length; from += savedAtOnce) {
      parts.push(new Blob([`${texts.slice(from, from + savedAtOnce).join('\n')}\n`]));
      if (slices.areOver) await slices.pause();
    }
    return new Blob(parts);
  }

  #keep(text: string): void {
    this.#texts.push(text);
    this.#characters += text.length;
  }

  /** The older half goes, but for the actors that the newer half speaks of: without them it would say nothing. */
  #forgetOldest(): void {
    const half = this.#texts.length >> 1;
    const newer = this.#texts.slice(half);
    const spoken = new Set(newer.map(actorOf));
    const kept = this.#texts
      .slice(0, half)
      .filter((text) => isIntroduction(text) && spoken.has(actorOf(text)));
    this.#texts = [...kept, ...newer];
    this.#characters = this.#texts.reduce((sum, { length }) => sum + length, 0);
  }
}

/** Begin of a message as the service writes it, where it can be read without parsing all of it. */
const beginOf = (text: string) => text.slice(0, 250);

const isIntroduction = (text: string) => beginOf(text).includes('"type":"@xstate.actor"');

const actorOf = (text: string) => /"sessionId":"([^"]*)"/.exec(beginOf(text))?.[1];

function parsed(text: string): Frame | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFrame(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
