import { byId, durationText, element, shape } from './elements.ts';
import { type GenerationView, lanes, type Sent } from './model.ts';
import { WindowedList } from './windowed-list.ts';

const laneWidth = 70;

/** The events of the chosen generation as a sequence diagram: a lane for each who speaks. */
export class Sequence {
  readonly #list: WindowedList;
  #view: GenerationView | undefined;

  constructor() {
    const names = lanes.map((lane) => element('span', {}, lane));
    byId('lanes').replaceChildren(
      element('span', { class: 'at' }, 'after'),
      element('div', {}, ...names),
      element('span', {}, 'event'),
    );
    this.#list = new WindowedList({
      container: byId('events'),
      rowHeight: 26,
      row: (index) => this.#row(index),
    });
  }

  update(view: GenerationView | undefined): void {
    const isOther = view?.key !== this.#view?.key;
    const container = byId('events');
    const fromEnd = container.scrollHeight - container.scrollTop - container.clientHeight;
    this.#view = view;
    const count = view?.sent.length ?? 0;
    this.#list.update(count);
    // Who reads the end follows it; who has scrolled up stays there.
    if (isOther || fromEnd < 30) this.#list.scrollTo(count - 1);
  }

  #row(index: number): HTMLElement {
    const sent = this.#view?.sent[index];
    if (sent === undefined) return element('div');
    const { atMs, from, to, label, detail, isFailure } = sent;
    const afterMs = atMs - (this.#view?.startedAtMs ?? atMs);
    const way = from === to ? `${from} to itself` : `${from} to ${to}`;
    return element(
      'div',
      {
        class: isFailure ? 'row failure' : 'row',
        role: 'listitem',
        'aria-label': `${way}: ${label} ${detail}, after ${durationText(afterMs)}`,
        title: `${way}: ${label} ${detail}`,
      },
      element('span', { class: 'at' }, durationText(Math.max(0, afterMs))),
      arrow(sent),
      element('span', { class: 'said' }, `${label} `, element('small', {}, detail)),
    );
  }
}

function arrow({ from, to, isFailure }: Sent): HTMLElement {
  const middle = (lane: Sent['from']) => (lanes.indexOf(lane) + 0.5) * laneWidth;
  const svg = shape('svg', {
    class: isFailure ? 'arrow failure' : 'arrow',
    viewBox: `0 0 ${laneWidth * lanes.length} 26`,
    'aria-hidden': 'true',
  });
  for (const lane of lanes) {
    const x = String(middle(lane));
    svg.append(shape('line', { class: 'lane', x1: x, x2: x, y1: '0', y2: '26' }));
  }
  const [x1, x2] = [middle(from), middle(to)];
  if (from === to) {
    const d = `M${x1} 7h22v12h-16`;
    const tip = `M${x1} 19l8 -4v8z`;
    svg.append(shape('path', { class: 'line', d }), shape('path', { class: 'tip', d: tip }));
  } else {
    const back = x2 > x1 ? -9 : 9;
    const d = `M${x1} 13H${x2 + back}`;
    const tip = `M${x2} 13l${back} -4.5v9z`;
    svg.append(shape('path', { class: 'line', d }), shape('path', { class: 'tip', d: tip }));
  }
  return element('div', {}, svg);
}
