/**
 * Widths of the printable ASCII characters in Helvetica, in thousandths of the font size; Arial and
 * Liberation Sans share them.
 */
const widths = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
  556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
  611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
  667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
  222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
] as const;

/** How wide bold text is, against the same text in the regular face: at most, for the letters of names. */
const boldFactor = 1.1;

export interface TextFace {
  /** In pixels. */
  readonly size: number;
  readonly bold?: boolean;
}

/** Width of a line of text in pixels, without a browser; what is not ASCII counts as wide as its size. */
export function textWidth(text: string, { size, bold = false }: TextFace): number {
  const thousandths = [...text].reduce(
    (sum, character) => sum + (widths[character.charCodeAt(0) - 32] ?? 1000),
    0,
  );
  return (thousandths / 1000) * size * (bold ? boldFactor : 1);
}

/**
 * Breaks text between words, and long names behind a hyphen or full stop, so that no line is wider than `widthMax`
 * pixels unless a piece is.
 */
export function wrapText(text: string, widthMax: number, face: TextFace): readonly string[] {
  const lines: string[] = [];
  const fits = (line: string) => textWidth(line.trimEnd(), face) <= widthMax;
  for (const word of text.match(/\S+\s*/g) ?? []) {
    const pieces = fits(word) ? [word] : (word.match(/[^-.]+(?:[-.]+|$)|[-.]+/g) ?? []);
    for (const piece of pieces) {
      const longer = `${lines.at(-1) ?? ''}${piece}`;
      if (lines.length > 0 && fits(longer)) lines.splice(-1, 1, longer);
      else lines.push(piece);
    }
  }
  return lines.map((line) => line.trimEnd());
}
