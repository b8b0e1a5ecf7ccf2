import { textOf } from './sources.ts';

/** The guides beside README and ARCHITECTURE. */
export const guides = ['OPERATIONS.md', 'EMBEDDING.md', 'CCF.md', 'SECURITY.md'] as const;

/** A block of code: its language, and what stands behind it on the first line. */
export interface CodeBlock {
  readonly language: string;
  readonly info: string;
  readonly text: string;
}

export function codeBlocksOf(file: string): readonly CodeBlock[] {
  const blocks = textOf(file).matchAll(/^```(\w+) *(.*)\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, language = '', info = '', text = '']) => ({ language, info, text }));
}

/** The rows of the table below a heading, each a list of its cells. */
export function tableBelow(file: string, heading: string): readonly (readonly string[])[] {
  const [, section = ''] = textOf(file).split(`\n## ${heading}\n`);
  const [own = ''] = section.split('\n## ');
  const rows = own.split('\n').filter((line) => line.startsWith('| '));
  return rows.slice(1).map((row) =>
    row
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim()),
  );
}

/** What stands in the first back-quotes of a cell. */
export const nameIn = (cell = ''): string => /`([^`]+)`/.exec(cell)?.[1] ?? '';

/** Everything that stands in back-quotes in a cell. */
export const namesIn = (cell = ''): readonly string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
