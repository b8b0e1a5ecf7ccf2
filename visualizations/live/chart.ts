import { byId, durationText, element } from './elements.ts';
import type { ActorView, GenerationView, Lane, Model } from './model.ts';
import { innermost, statePaths } from './model.ts';

/** The charts that can be looked at, with whose they are. */
const charts = [
  { file: 'generation', lane: 'generation', title: 'generation' },
  { file: 'ordered-tasks', lane: 'chain', title: 'its chain of actions' },
  { file: 'writer', lane: 'writer', title: 'its writer' },
  { file: 'snapshotter', lane: 'snapshotter', title: 'snapshotter, the parent' },
] as const satisfies readonly { file: string; lane: Lane; title: string }[];

/** The rules that light a chart, in the colours of both schemes. */
const litRules = `
  svg{display:block;max-width:100%;height:auto}
  .lit.leaf{fill:#bfeec8;stroke:#1a6b2f;stroke-width:3}
  .lit.leaf.bad{fill:#ffcfca;stroke:#b3261e}
  .lit.inner,.lit.outer{stroke:#1a6b2f;stroke-width:3}
  .edge.taken{stroke:#1a6b2f;stroke-width:4}
  @media (prefers-color-scheme:dark){
    .lit.leaf{fill:#0f4022;stroke:#6fd383}
    .lit.leaf.bad{fill:#5a1f22;stroke:#ff8b82}
    .lit.inner,.lit.outer{stroke:#6fd383}
    .edge.taken{stroke:#6fd383}
  }`;

/** A machine's chart with its active states lit. */
export class Chart {
  readonly #root: ShadowRoot;
  readonly #svgs = new Map<string, SVGElement>();
  #chart: (typeof charts)[number] = charts[0];
  #shown = '';
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
    this.#root = byId('chart').attachShadow({ mode: 'open' });
    const buttons = charts.map((chart) => {
      const button = element('button', { type: 'button' }, chart.title);
      button.addEventListener('click', () => this.#choose(chart));
      button.dataset['chart'] = chart.file;
      return button;
    });
    byId('charts').replaceChildren(...buttons);
    this.#choose(this.#chart);
  }

  update(model: Model, view: GenerationView | undefined): void {
    const { lane } = this.#chart;
    const actor = lane === 'snapshotter' ? model.root : view?.actors.get(lane);
    const active = statePaths(actor?.value);
    const words = actor
      ? `Active now: ${innermost(active).join(', ')}`
      : 'It does not live, or was not seen.';
    if (byId('active').textContent !== words) byId('active').textContent = words;
    const [last] = actor?.changes ?? [];
    const key = `${this.#chart.file} ${actor?.sessionId} ${words} ${last?.atMs}`;
    const svg = this.#svgs.get(this.#chart.file);
    if (key === this.#shown || svg === undefined) return;
    this.#shown = key;
    this.#light(svg, active, last);
    drawChanges(actor, view?.startedAtMs ?? 0);
  }

  #light(
    svg: SVGElement,
    active: readonly string[],
    last: ActorView['changes'][number] | undefined,
  ) {
    for (const box of svg.querySelectorAll('[data-state]')) {
      box.classList.toggle('lit', active.includes(box.getAttribute('data-state') ?? ''));
    }
    for (const edge of svg.querySelectorAll('[data-from]')) {
      const [from, to] = ['data-from', 'data-to'].map((name) => edge.getAttribute(name) ?? '');
      const isTaken =
        last?.from.includes(from ?? '') &&
        last.to.includes(to ?? '') &&
        !last.from.includes(to ?? '');
      edge.classList.toggle('taken', isTaken);
    }
    this.#show(svg);
  }

  /** Scrolls the innermost active states into sight. */
  #show(svg: SVGElement): void {
    const lit = [...svg.querySelectorAll('.lit.leaf')];
    const [first = svg.querySelector('.lit')] = lit;
    const container = byId('chart');
    if (!first) return;
    const [box, around] = [first.getBoundingClientRect(), container.getBoundingClientRect()];
    container.scrollTop += box.top + box.height / 2 - (around.top + around.height / 2);
    container.scrollLeft += box.left + box.width / 2 - (around.left + around.width / 2);
  }

  #choose(chart: (typeof charts)[number]): void {
    this.#chart = chart;
    this.#shown = '';
    for (const button of byId('charts').querySelectorAll('button')) {
      button.setAttribute('aria-pressed', String(button.dataset['chart'] === chart.file));
    }
    this.#load(chart.file).catch(() => {
      byId('active').textContent = 'The chart could not be loaded.';
    });
  }

  async #load(file: string): Promise<void> {
    if (!this.#svgs.has(file)) {
      const response = await fetch(`assets/charts/${file}.svg`);
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      this.#svgs.set(file, parsed(await response.text()));
    }
    const svg = this.#svgs.get(file);
    if (this.#chart.file !== file || svg === undefined) return;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync((svg.dataset['styles'] ?? '') + litRules + widthRule(svg));
    this.#root.adoptedStyleSheets = [sheet];
    this.#root.replaceChildren(svg);
    this.#onChange();
  }
}

/** A chart's text, of 12 pixels, may shrink to 11 and no further: a wider one is scrolled. */
function widthRule(svg: SVGElement): string {
  const width = Number(svg.getAttribute('width'));
  return `svg{min-width:${Math.ceil((width * 11) / 12) + 1}px}`;
}

/** The policy of the page allows no style element; the text of one may be adopted. */
const styleElement = /<style>([\s\S]*?)<\/style>/;

function parsed(text: string): SVGElement {
  const drawing = text.replace(styleElement, '');
  const { documentElement } = new DOMParser().parseFromString(drawing, 'image/svg+xml');
  const svg = document.importNode(documentElement, true);
  if (!(svg instanceof SVGElement)) throw new Error('the chart is no SVG');
  // All of its transitions in words are too long for a name.
  svg.setAttribute('aria-labelledby', 'title');
  svg.setAttribute('aria-describedby', 'desc');
  svg.dataset['styles'] = styleElement.exec(text)?.[1] ?? '';
  return svg;
}

function drawChanges(actor: ActorView | undefined, startedAtMs: number): void {
  const items = (actor?.changes ?? []).slice(0, 8).map(({ atMs, event, from, to }) => {
    const left = innermost(from.filter((path) => !to.includes(path))).join(', ');
    const entered = innermost(to.filter((path) => !from.includes(path))).join(', ');
    const after = durationText(Math.max(0, atMs - startedAtMs));
    return element(
      'li',
      {},
      `${event}: ${left || 'begin'} → ${entered || 'out'} `,
      element('small', {}, `after ${after}`),
    );
  });
  byId('changes').replaceChildren(...items);
}
