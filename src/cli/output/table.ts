/** One column of a table for people. */
export interface Column {
  readonly title: string;
  /** @default left */
  readonly align?: 'left' | 'right';
}

/** Lines of a table: a head, then the rows, two blanks between columns and none at the end. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const titles = columns.map(({ title }) => title);
  const widths = columns.map(({ title }, i) =>
    rows.reduce((width, row) => Math.max(width, row[i]?.length ?? 0), title.length),
  );
  return [titles, ...rows].map((row) =>
    columns
      .map(({ align }, i) => pad(row[i] ?? '', widths[i] ?? 0, align))
      .join('  ')
      .trimEnd(),
  );
}

function pad(text: string, width: number, align: Column['align']): string {
  return align === 'right' ? text.padStart(width) : text.padEnd(width);
}

/** Lines of `name  value`, the names in one column. */
export function formatFacts(facts: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd());
}

/** A number with its digits in groups of three. */
export function groupDigits(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 entry`, `2 entries`. */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${groupDigits(value)} ${value === 1 ? one : many}`;
}

/** Hex digits of a digest or key id that people are shown; JSON has all of them. */
const shortHexDigits = 16;

export function shortHex(hex: string): string {
  return hex.length > shortHexDigits ? `${hex.slice(0, shortHexDigits)}…` : hex;
}
