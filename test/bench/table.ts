import { type BenchLine, heldFigure, isWithinBound } from './bench.ts';

const columns = ['case', 'median', 'least', 'ratio', 'bound', ''] as const;

/** Lines as a person reads them: a table for each bench. */
export function tableOf(lines: readonly BenchLine[]): string {
  const names = [...new Set(lines.map(({ name }) => name))];
  return names
    .map((name) =>
      section(
        name,
        lines.filter((line) => line.name === name),
      ),
    )
    .join('\n');
}

function section(name: string, lines: readonly BenchLine[]): string {
  const rows = [columns, ...lines.map(rowOf)];
  const widths = columns.map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const text = rows.map((row) =>
    row
      .map((cell, column) => pad(cell, widths[column] ?? 0, column > 0 && column < 5))
      .join('  ')
      .trimEnd(),
  );
  return `${name}\n${text.map((line) => `  ${line}`).join('\n')}\n`;
}

const pad = (text: string, width: number, isNumber: boolean) =>
  isNumber ? text.padStart(width) : text.padEnd(width);

function rowOf(line: BenchLine): readonly string[] {
  if (line.skipped !== undefined) return [line.case, '', '', '', '', `skipped: ${line.skipped}`];
  const { unit = '', median, min, ratio, bound, discarded } = line;
  const figure = (value: number | undefined) => (value === undefined ? '' : `${value} ${unit}`);
  const verdict = isWithinBound(line) ? 'within' : 'ABOVE';
  const notes = [
    bound === undefined || heldFigure(line) === undefined ? '' : verdict,
    discarded === undefined ? '' : `${String(discarded)} discarded`,
  ];
  return [
    line.case,
    figure(median),
    figure(min),
    ratio === undefined ? '' : String(ratio),
    bound === undefined ? '' : String(bound),
    notes.filter((note) => note !== '').join(', '),
  ];
}
