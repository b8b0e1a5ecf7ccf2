import type { Sequence, SequenceMessage, SequenceStep } from './sequence.ts';

/** Draws a sequence as a Mermaid sequence diagram. */
export function sequenceToMermaid({ title, lanes, steps }: Sequence): string {
  const [first, last] = [lanes[0]?.id ?? '', lanes.at(-1)?.id ?? ''];
  const lines = [
    'sequenceDiagram',
    `  title ${textOf(title)}`,
    ...lanes.map(({ id, name, note }) => `  participant ${id} as ${textOf(`${name}, ${note}`)}`),
    ...steps.flatMap((step) => linesOf(step, `${first},${last}`)),
  ];
  return `${lines.join('\n')}\n`;
}

function linesOf(step: SequenceStep, allLanes: string): readonly string[] {
  const text = textOf(wordsOf(step));
  if (step.kind === 'band') return [`  Note over ${allLanes}: ${text}`];
  const { from, to } = step;
  if (step.kind === 'answer') return [`  ${from}-->>${to}: ${text}`];
  const asked = `  ${from}->>${to}: ${text}`;
  return step.kind === 'call' ? [asked, `  ${to}-->>${from}: done`] : [asked];
}

/** What a step says, its detail behind it. */
export function wordsOf({ label, detail }: Pick<SequenceMessage, 'label' | 'detail'>): string {
  return detail === undefined ? label : `${label}: ${detail}`;
}

/** A semicolon or a hash would end what Mermaid reads as text. */
const textOf = (text: string) =>
  text.replaceAll(/[;#]/g, (sign) => (sign === ';' ? '#59;' : '#35;'));
