import { byId, element } from './elements.ts';

/** Messages that are handed over when the inspector connects: all actors, and the latest of the rest. */
const latestMax = 2000;

/**
 * Hands the page's messages to the Stately Inspector in a frame. It is the one part of the page that leaves this
 * machine, and only once somebody has asked for it.
 */
export class StatelyInspector {
  readonly #url: string;
  readonly #texts: () => readonly string[];
  #frame: HTMLIFrameElement | undefined;
  #isConnected = false;

  /** `texts` are the frames so far. */
  constructor(texts: () => readonly string[]) {
    const [meta] = document.getElementsByName('inspector-url');
    this.#url = meta?.getAttribute('content') ?? '';
    this.#texts = texts;
    globalThis.addEventListener('message', (event) => this.#heard(event));
  }

  open(): void {
    byId('frame-section').hidden = false;
    byId('inspector-state').textContent = `${this.#url}: waiting for it to connect…`;
    if (this.#frame === undefined) {
      this.#frame = element('iframe', { title: 'Stately Inspector', src: this.#url });
      byId('frame-section').append(this.#frame);
    }
    this.#frame.scrollIntoView();
  }

  /** Hands on one frame, if the inspector listens. */
  tell(text: string): void {
    if (this.#isConnected && text.includes('"@xstate.')) this.#post(text);
  }

  #heard({ data, source, origin }: MessageEvent<unknown>): void {
    const isOurs = source !== null && source === this.#frame?.contentWindow;
    if (!isOurs || origin !== new URL(this.#url).origin) return;
    const { type } = (data ?? {}) as { readonly type?: unknown };
    if (type !== '@statelyai.connected') return;
    this.#isConnected = true;
    byId('inspector-state').textContent = `${this.#url}: connected`;
    const texts = this.#texts().filter((text) => text.includes('"@xstate.'));
    const latest = texts.length - latestMax;
    texts.forEach((text, index) => {
      if (index >= latest || text.includes('"definition":')) this.#post(text);
    });
  }

  #post(text: string): void {
    this.#frame?.contentWindow?.postMessage(JSON.parse(text), new URL(this.#url).origin);
  }
}
