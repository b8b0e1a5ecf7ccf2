import type { ServerResponse } from 'node:http';
import type { Viewer } from '../inspect/bridge.ts';

/** The headers of `/events`. */
export const streamHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

/** A browser that follows `/events`: what is sent within one turn of the event loop leaves in one piece. */
export class EventStream implements Viewer {
  readonly #response: ServerResponse;
  #waiting: string[] = [];
  #waitingBytes = 0;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.writeHead(200, streamHeaders);
    // A quiet stream would never open.
    response.flushHeaders();
  }

  get backlogBytes(): number {
    return this.#waitingBytes + this.#response.writableLength;
  }

  /** Sends JSON text, which has no line break, as a message or as the event of that name. */
  send(text: string, event?: string): void {
    if (this.#waiting.length === 0) setImmediate(() => this.#flush());
    const frame = `${event === undefined ? '' : `event: ${event}\n`}data: ${text}\n\n`;
    this.#waiting.push(frame);
    this.#waitingBytes += frame.length;
  }

  drop(reason: string): void {
    this.send(JSON.stringify({ reason }), 'dropped');
    this.#flush();
    this.#response.destroy();
  }

  /** Ends the stream once what waits has left. */
  end(): void {
    this.#flush();
    this.#response.end();
  }

  #flush(): void {
    const text = this.#waiting.join('');
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (text !== '' && !this.#response.destroyed && !this.#response.writableEnded) {
      this.#response.write(text);
    }
  }
}
