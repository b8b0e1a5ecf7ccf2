/**
 * Runs in the page: every text that can be seen, with what a reader needs to know of it. Text that scrolls out of its
 * container's sight is left out, and what is cut off counts as far as it is seen.
 * @typedef {{ number: number, text: string, pixels: number, contrast: number, box: number[], owner: string }} SeenText
 * @returns {SeenText[]}
 */
globalThis.auditTexts = () => {
  const pencil = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
  const context = pencil.getContext('2d', { willReadFrequently: true });

  /** Any colour of CSS as red, green, blue (0 to 255) and alpha (0 to 1). */
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };

  const over = (upper, lower) => {
    const [, , , alpha] = upper;
    return [0, 1, 2].map((i) => upper[i] * alpha + lower[i] * (1 - alpha)).concat(1);
  };

  /** WCAG's relative luminance. */
  const luminance = (colour) => {
    const [red, green, blue] = colour.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };

  const contrastOf = (one, other) => {
    const [dark, bright] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };

  const around = (element) =>
    element.parentElement ??
    (element.getRootNode() instanceof ShadowRoot ? element.getRootNode().host : null);

  const ancestors = (element) => {
    const all = [];
    for (let one = element; one !== null; one = around(one)) all.push(one);
    return all;
  };

  const middleOf = ({ left, right, top, bottom }) => [(left + right) / 2, (top + bottom) / 2];

  /** The shape of a drawing that is painted last under a text: its box contains the middle of the text. */
  const shapeUnder = (text, svg) => {
    const [x, y] = middleOf(text.getBoundingClientRect());
    return [...svg.querySelectorAll('rect,circle,path,polygon')].findLast((shape) => {
      const isBefore = shape.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING;
      if (!isBefore || getComputedStyle(shape).fill === 'none') return false;
      const { left, right, top, bottom } = shape.getBoundingClientRect();
      return left <= x && x <= right && top <= y && y <= bottom;
    });
  };

  const backgroundOf = (element) => {
    const layers = [];
    const svg = element.closest('svg');
    const shape = svg && shapeUnder(element, svg);
    if (shape) layers.push(rgba(getComputedStyle(shape).fill));
    for (const one of ancestors(element)) {
      layers.push(rgba(getComputedStyle(one).backgroundColor));
    }
    return layers.reduceRight((lower, upper) => over(upper, lower), [255, 255, 255, 1]);
  };

  const opacityOf = (element) =>
    ancestors(element).reduce((product, one) => product * Number(getComputedStyle(one).opacity), 1);

  const foregroundOf = (element, background) => {
    const { color, fill } = getComputedStyle(element);
    const [red, green, blue, alpha] = rgba(element instanceof SVGElement ? fill : color);
    return over([red, green, blue, alpha * opacityOf(element)], background);
  };

  const pixelsOf = (element) => {
    const pixels = Number.parseFloat(getComputedStyle(element).fontSize);
    return element instanceof SVGGraphicsElement ? pixels * element.getScreenCTM().a : pixels;
  };

  /** What is left of a box inside all that cuts it off; undefined where nothing is. */
  const seen = (rect, element) => {
    let [left, top, right, bottom] = [rect.left, rect.top, rect.right, rect.bottom];
    for (const one of ancestors(element)) {
      if (one === document.documentElement || one === document.body) continue;
      if (getComputedStyle(one).overflow === 'visible') continue;
      const box = one.getBoundingClientRect();
      [left, top] = [Math.max(left, box.left), Math.max(top, box.top)];
      [right, bottom] = [Math.min(right, box.right), Math.min(bottom, box.bottom)];
    }
    return right - left > 1 && bottom - top > 1 ? [left, top, right, bottom] : undefined;
  };

  const textsIn = function* (root) {
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      if (node instanceof Element) {
        if (node.shadowRoot !== null) yield* textsIn(node.shadowRoot);
      } else if (node.data.trim() !== '') yield node;
    }
  };

  const isDrawn = (element) =>
    !element.closest('title,desc,style,script') &&
    element.checkVisibility({ visibilityProperty: true, opacityProperty: true });

  const audited = (node, number) => {
    const element = node.parentElement;
    if (element === null || !isDrawn(element)) return [];
    const range = document.createRange();
    range.selectNodeContents(node);
    const boxes = [...range.getClientRects()].flatMap((rect) => {
      const box = seen(rect, element);
      return box === undefined ? [] : [box];
    });
    const background = backgroundOf(element);
    const contrast = contrastOf(foregroundOf(element, background), background);
    const owner = element.closest('section,header')?.querySelector('h1,h2')?.textContent ?? 'chart';
    const text = node.data.trim();
    return boxes.map((box) => ({ number, text, pixels: pixelsOf(element), contrast, box, owner }));
  };

  return [...textsIn(document.body)].flatMap(audited);
};

/**
 * Texts of a picture that leave it, or cross the side of the box of a state that their middle is in.
 * @returns {string[]}
 */
globalThis.auditBoxes = () => {
  const svg = document.querySelector('svg');
  const boxes = [svg, ...svg.querySelectorAll('[data-state]')].map((box) =>
    box.getBoundingClientRect(),
  );
  return [...svg.querySelectorAll('text')].flatMap((text) => {
    const { left, right, top, bottom } = text.getBoundingClientRect();
    const [x, y] = [(left + right) / 2, (top + bottom) / 2];
    const around = boxes.filter(
      (box) => box.left < x && x < box.right && box.top < y && y < box.bottom,
    );
    const isOut =
      around.length === 0 || around.some((box) => left < box.left + 2 || right > box.right - 2);
    return isOut ? [text.textContent] : [];
  });
};
