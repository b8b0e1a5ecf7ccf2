import { byId, countText, element } from './elements.ts';
import type { GenerationView } from './model.ts';
import { kindOf, phases, stateOf } from './timeline.ts';
import { type Need, needsOf } from './waits.ts';

const marks: Readonly<Record<Need['state'], readonly [string, string]>> = {
  done: ['✓', 'there'],
  waiting: ['…', 'waits'],
  working: ['▸', 'under way'],
  'not-yet': ['·', 'not yet'],
  'given-up': ['✗', 'given up'],
};

let drawn = '';

/** Shows how far the chosen generation is, and what it still waits for. */
export function drawChosen(view: GenerationView | undefined): void {
  const parts = view === undefined ? [hint('None is chosen.')] : partsOf(view);
  const text = parts.map(({ outerHTML }) => outerHTML).join('');
  // What is read aloud must change only when something has changed.
  if (text === drawn) return;
  drawn = text;
  byId('chosen').replaceChildren(...parts);
}

function partsOf(view: GenerationView): readonly HTMLElement[] {
  const { word, kind } = stateOf(view);
  const title = element(
    'p',
    {},
    `Generation ${view.generation}, snapshot of seqno ${countText(view.seqno)}: `,
    element('span', { class: `chip ${kind}` }, word),
  );
  const reason = view.reason === undefined || view.reason === view.outcome ? [] : [view.reason];
  const needs = needsOf(view);
  return [
    title,
    stepper(view),
    ...reason.map((words) => element('p', { class: 'reason' }, words)),
    needs.length > 0
      ? element('ul', { class: 'needs', 'aria-label': 'What it waits for' }, ...needs.map(item))
      : hint('It ended before anybody watched: only its outcome is known.'),
  ];
}

function stepper(view: GenerationView): HTMLElement {
  const entered = new Set(view.phases.map(({ phase }) => phase));
  if (view.phases.length === 0 && view.outcome) entered.add(view.outcome);
  const all = view.outcome === 'committed' && view.phases.length === 0;
  const steps = phases.map((phase) => {
    const isThere = all || entered.has(phase);
    const classes = `chip ${isThere ? phase : 'ahead'}`;
    return element('li', { class: classes }, phase.replaceAll('-', ' '));
  });
  const { word, kind } = stateOf(view);
  if (kind === 'failed' || kindOf(view.phases.at(-1)?.phase ?? 'scheduled') === 'failed') {
    steps.push(element('li', { class: 'chip failed' }, word));
  }
  return element('ol', { class: 'steps', 'aria-label': 'Phases so far' }, ...steps);
}

function item({ name, state, words }: Need): HTMLElement {
  const [mark, spoken] = marks[state];
  return element(
    'li',
    { class: state, 'data-need': name },
    element('span', { class: 'mark', role: 'img', 'aria-label': spoken }, mark),
    element('span', {}, `${name} `, element('span', { class: 'words' }, words)),
  );
}

const hint = (text: string) => element('p', { class: 'hint' }, text);
