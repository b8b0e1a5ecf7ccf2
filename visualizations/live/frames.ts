import { type Frame, isFrame } from '../../src/inspect/recorder.ts';

/** What is kept of a live stream, in characters. */
const charactersMax = 64 * 1024 * 1024;

/** The frames of a stream or a recording, as text: small enough to keep, and what a recording holds. */
export class Frames {
  #texts: string[] = [];
  #characters = 0;

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
    this.#texts.push(text);
    this.#characters += text.length;
    if (this.#characters > charactersMax) this.#forgetOldest();
    return frame;
  }

  at(index: number): Frame | undefined {
    const text = this.#texts[index];
    return text === undefined ? undefined : parsed(text);
  }

  /** The older half goes, but for the actors: without them the newer half would say nothing. */
  #forgetOldest(): void {
    const half = this.#texts.length >> 1;
    this.#texts = this.#texts.filter((text, index) => index >= half || !isSaid(text));
    this.#characters = this.#texts.reduce((sum, { length }) => sum + length, 0);
  }
}

const isSaid = (text: string) => /"type":"@xstate\.(?:event|snapshot)"/.test(text.slice(0, 250));

function parsed(text: string): Frame | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isFrame(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
