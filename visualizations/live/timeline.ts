import { byId, countText, durationText, element } from './elements.ts';
import { type GenerationView, isFailure } from './model.ts';
import { WindowedList } from './windowed-list.ts';

/** The generations on a time line, newest first; one is chosen. */
export class Timeline {
  readonly #list: WindowedList;
  readonly #container = byId('generations');
  readonly #onChoose: (key: string | undefined) => void;
  #generations: readonly GenerationView[] = [];
  #chosen: GenerationView | undefined;
  #nowMs = 0;

  /** `onChoose` is told the key of the chosen one, `undefined` for the newest, whichever that is. */
  constructor(onChoose: (key: string | undefined) => void) {
    this.#onChoose = onChoose;
    this.#list = new WindowedList({
      container: this.#container,
      rowHeight: 30,
      row: (index) => this.#row(index),
    });
    this.#container.addEventListener('keydown', (event) => this.#move(event));
  }

  update(
    generations: readonly GenerationView[],
    chosen: GenerationView | undefined,
    nowMs: number,
  ): void {
    this.#generations = generations;
    this.#chosen = chosen;
    this.#nowMs = nowMs;
    byId('none').hidden = generations.length > 0;
    this.#list.update(generations.length);
    const [fromMs, toMs] = this.#span();
    byId('scale').textContent = `time, ${durationText(toMs - fromMs)} across`;
    const id = chosen && rowId(chosen);
    // Only rows in sight have elements.
    if (id !== undefined && document.getElementById(id) !== null) {
      this.#container.setAttribute('aria-activedescendant', id);
    } else this.#container.removeAttribute('aria-activedescendant');
  }

  #at(index: number): GenerationView | undefined {
    return this.#generations[this.#generations.length - 1 - index];
  }

  #choose(index: number): void {
    const bounded = Math.max(0, Math.min(this.#generations.length - 1, index));
    this.#onChoose(bounded === 0 ? undefined : this.#at(bounded)?.key);
    this.#list.scrollTo(bounded);
  }

  #move(event: KeyboardEvent): void {
    const now = this.#generations.length - 1 - this.#generations.indexOf(this.#chosen ?? never);
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: now + 1,
      ArrowUp: now - 1,
      PageDown: now + 8,
      PageUp: now - 8,
      Home: 0,
      End: this.#generations.length - 1,
    };
    const target = steps[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.#choose(target);
  }

  /** Of the rows in sight: when the first began, and when the last ended or is now. */
  #span(): readonly [number, number] {
    const [first, last] = this.#list.range;
    let [fromMs, toMs] = [Number.POSITIVE_INFINITY, 0];
    for (let index = first; index <= last; index++) {
      const view = this.#at(index);
      if (view === undefined) continue;
      fromMs = Math.min(fromMs, view.startedAtMs);
      toMs = Math.max(toMs, view.endedAtMs ?? this.#nowMs);
    }
    return fromMs < toMs ? [fromMs, toMs] : [0, 1];
  }

  #row(index: number): HTMLElement {
    const view = this.#at(index);
    if (view === undefined) return element('div');
    const { word, kind } = stateOf(view);
    const row = element(
      'div',
      {
        class: 'row',
        role: 'option',
        id: rowId(view),
        'aria-selected': String(view === this.#chosen),
        'aria-setsize': String(this.#generations.length),
        'aria-posinset': String(index + 1),
        'data-phase': word,
      },
      element('span', {}, `seqno ${countText(view.seqno)}`),
      element('span', {}, element('span', { class: `chip ${kind}` }, word)),
      this.#bar(view),
      element(
        'span',
        { class: 'took' },
        durationText((view.endedAtMs ?? this.#nowMs) - view.startedAtMs),
      ),
    );
    row.addEventListener('click', () => this.#choose(index));
    return row;
  }

  #bar(view: GenerationView): HTMLElement {
    const [fromMs, toMs] = this.#span();
    const percent = (ms: number) => (100 * (ms - fromMs)) / (toMs - fromMs);
    const { phases, startedAtMs } = view;
    const endMs = view.endedAtMs ?? this.#nowMs;
    const known = phases.length > 0 ? phases : [{ phase: stateOf(view).kind, atMs: startedAtMs }];
    const bar = element('div', { class: 'bar', 'aria-hidden': 'true' });
    known.forEach(({ phase, atMs }, index) => {
      const untilMs = known[index + 1]?.atMs ?? endMs;
      const part = element('span', { class: kindOf(phase), title: phase });
      part.style.left = `min(${percent(atMs)}%, 100% - 3px)`;
      part.style.width = `${Math.max(0, percent(untilMs) - percent(atMs))}%`;
      bar.append(part);
    });
    return bar;
  }
}

/** Stands where nothing is chosen. */
const never = {} as GenerationView;

const rowId = ({ key }: GenerationView) => `generation-${key.replace(':', '-')}`;

const five = ['scheduled', 'serialised', 'awaiting-evidence', 'persisting', 'committed'];

/** The colour of a state: a phase's own, else that of a failure. */
export function kindOf(state: string): string {
  if (state === 'duplicate') return 'committed';
  return five.includes(state) ? state : 'failed';
}

/** What a generation is now, in a word. */
export function stateOf(view: GenerationView): { readonly word: string; readonly kind: string } {
  const { outcome, phases } = view;
  const state = outcome ?? phases.at(-1)?.phase ?? 'scheduled';
  const kind = outcome !== undefined && isFailure(outcome) ? 'failed' : kindOf(state);
  return { word: state.replaceAll('-', ' '), kind };
}

/** The phases that a generation goes through when all goes well. */
export const phases = five;
