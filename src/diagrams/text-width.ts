/**
 * Widths of the printable ASCII characters in thousandths of the font size: of each the wider one of DejaVu Sans and
 * Liberation Sans (which has Arial's and Helvetica's widths), as Chromium measures them.
 *
 * A reader's machine draws the letters with what it has, and DejaVu Sans is the widest that is usual: what has room
 * for it has room in any other. `test/browser/fonts.test.ts` measures again.
 */
const regularWidths = [
  318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636,
  636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 556, 1015, 684, 686, 722, 770, 667,
  611, 778, 752, 295, 500, 667, 557, 863, 748, 787, 667, 787, 722, 667, 611, 732, 684, 989, 685,
  667, 685, 390, 337, 390, 838, 556, 500, 613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579,
  278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
] as const;

/** The same of the bold faces. */
const boldWidths = [
  348, 456, 521, 838, 696, 1002, 872, 306, 457, 457, 523, 838, 380, 415, 380, 365, 696, 696, 696,
  696, 696, 696, 696, 696, 696, 696, 400, 400, 838, 838, 838, 611, 1000, 774, 762, 734, 830, 683,
  683, 821, 837, 372, 556, 775, 637, 995, 837, 850, 733, 850, 770, 720, 682, 812, 774, 1103, 771,
  724, 725, 457, 365, 457, 838, 556, 500, 675, 716, 593, 716, 678, 435, 716, 712, 343, 343, 665,
  343, 1042, 712, 687, 716, 716, 493, 595, 478, 712, 652, 924, 645, 652, 582, 712, 365, 712, 838,
] as const;

/**
 * Verdana, which was not measured, has letters as wide as DejaVu's, and wider spaces and punctuation: so much of a
 * line's width is kept for them.
 */
const allowance = 1.02;

export interface TextFace {
  /** In pixels. */
  readonly size: number;
  readonly bold?: boolean;
}

/**
 * How wide a line of text may be in pixels, whichever font it is drawn with, without a browser; what is not ASCII
 * counts as wide as its size.
 */
export function textWidth(text: string, { size, bold = false }: TextFace): number {
  const widths = bold ? boldWidths : regularWidths;
  const thousandths = [...text].reduce(
    (sum, character) => sum + (widths[character.charCodeAt(0) - 32] ?? 1000),
    0,
  );
  return (thousandths / 1000) * size * allowance;
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
