/** Colours of one scheme; `test/diagrams` holds every text to a contrast of 4.5 on what it stands on. */
export interface Palette {
  /** Behind everything, so that the picture can stand on a page of any colour. */
  readonly page: string;
  /** Ground of states with others inside, by depth in turn. */
  readonly outer: string;
  readonly inner: string;
  readonly leaf: string;
  readonly leafOfFailure: string;
  readonly border: string;
  readonly leafBorder: string;
  readonly text: string;
  readonly note: string;
  readonly line: string;
  readonly failure: string;
  /** Grounds of the numbers of paths, by decimal magnitude, and what is written on them. */
  readonly chips: readonly (readonly [ground: string, text: string])[];
  /** Lines of the coverage map, by decimal magnitude. */
  readonly heat: readonly string[];
}

export const light: Palette = {
  page: '#ffffff',
  outer: '#f6f8fa',
  inner: '#ffffff',
  leaf: '#e8f1fd',
  leafOfFailure: '#fdecea',
  border: '#8c959f',
  leafBorder: '#3b73b9',
  text: '#1f2328',
  note: '#50565e',
  line: '#3d444d',
  failure: '#b3261e',
  chips: [
    ['#ffe28a', '#1f2328'],
    ['#a8dba8', '#1f2328'],
    ['#2b6f6b', '#ffffff'],
    ['#24507a', '#ffffff'],
  ],
  heat: ['#8f6a00', '#2f7d37', '#2b6f6b', '#24507a'],
};

export const dark: Palette = {
  page: '#0d1117',
  outer: '#151b23',
  inner: '#0d1117',
  leaf: '#14263d',
  leafOfFailure: '#3a1a1c',
  border: '#656c76',
  leafBorder: '#5b94d6',
  text: '#f0f6fc',
  note: '#a9b3be',
  line: '#b1bac4',
  failure: '#ff8b82',
  chips: [
    ['#ffd866', '#0d1117'],
    ['#8fd694', '#0d1117'],
    ['#4fb3bf', '#0d1117'],
    ['#79a8ff', '#0d1117'],
  ],
  heat: ['#ffd866', '#8fd694', '#4fb3bf', '#79a8ff'],
};

const fontFamily = "Helvetica, Arial, 'Liberation Sans', sans-serif";

/** The style sheet of every picture; the dark scheme is taken where the reader prefers it. */
export function styleSheet(): string {
  return [
    `text{font:12px ${fontFamily}}`,
    '.title{font-size:14px;font-weight:700}.chip{font-weight:700}',
    '.edge{fill:none}.edge{stroke-width:1.4}.region{stroke-dasharray:5 4}',
    rulesOf(light),
    `@media (prefers-color-scheme:dark){${rulesOf(dark)}}`,
  ].join('\n');
}

function rulesOf(palette: Palette): string {
  const { page, outer, inner, leaf, leafOfFailure, border, leafBorder } = palette;
  const { text, note, line, failure, chips, heat } = palette;
  return [
    `.page{fill:${page}}.outer{fill:${outer};stroke:${border}}.inner{fill:${inner};stroke:${border}}`,
    `.leaf{fill:${leaf};stroke:${leafBorder}}.leaf.bad{fill:${leafOfFailure};stroke:${failure}}`,
    `.title,.label{fill:${text}}.note,.quiet{fill:${note}}.failure{fill:${failure}}`,
    `.edge{stroke:${line}}.tip,.dot{fill:${line}}.edge.bad{stroke:${failure}}.tip.bad{fill:${failure}}`,
    `.onOuter{fill:${outer}}.onInner{fill:${inner}}`,
    ...chips.map(
      ([ground, ink], magnitude) => `.g${magnitude}{fill:${ground}}.i${magnitude}{fill:${ink}}`,
    ),
    ...heat.map(
      (colour, magnitude) =>
        `.edge.h${magnitude}{stroke:${colour}}.tip.h${magnitude}{fill:${colour}}.leaf.h${magnitude}{stroke:${colour};stroke-width:2}`,
    ),
  ].join('');
}
