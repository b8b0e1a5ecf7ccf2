/**
 * Follows the service beside the page: a burst of thousands of messages is taken apart here, and comes to the page in
 * pieces that do not hold it up.
 */

/** What the service says, or what became of the connection to it. */
export interface StreamEvent {
  readonly kind: 'hello' | 'message' | 'dropped' | 'lost' | 'refused';
  /** JSON text of the first three. */
  readonly data: string;
}

/** Events of one piece at most. */
const pieceMax = 50;

let waiting: StreamEvent[] = [];

function tell(event: StreamEvent): void {
  if (waiting.length === 0) setTimeout(hand, 0);
  waiting.push(event);
}

function hand(): void {
  const events = waiting;
  waiting = [];
  for (let from = 0; from < events.length; from += pieceMax) {
    postMessage(events.slice(from, from + pieceMax));
  }
}

// The page gives its token to this file's address; the stream is beside the page, three folders up.
const source = new EventSource(`../../../events${location.search}`);
for (const kind of ['hello', 'message', 'dropped'] as const) {
  source.addEventListener(kind, ({ data }: MessageEvent<string>) => tell({ kind, data }));
}
source.addEventListener('error', () => {
  tell({ kind: source.readyState === EventSource.CLOSED ? 'refused' : 'lost', data: '' });
});
