/** Run inside a page: each function stands alone there, and what it returns is data. */

/** Words in drawings that reach beyond their drawing, where nobody sees them. */
export function clippedTexts(): string[] {
  return [...document.querySelectorAll('svg.chart')].flatMap((svg) => {
    const frame = svg.getBoundingClientRect();
    if (frame.width === 0) return [];
    return [...svg.querySelectorAll('text')].flatMap((text) => {
      const box = text.getBoundingClientRect();
      const inside =
        box.left >= frame.left - 1.5 &&
        box.right <= frame.right + 1.5 &&
        box.top >= frame.top - 1.5 &&
        box.bottom <= frame.bottom + 1.5;
      return inside ? [] : [`${svg.querySelector('title')?.textContent}: ${text.textContent}`];
    });
  });
}

/** Words in drawings that lie on each other. */
export function overlappingTexts(): string[] {
  return [...document.querySelectorAll('svg.chart')].flatMap((svg) => {
    const texts = [...svg.querySelectorAll('text')]
      .map((text) => ({ words: text.textContent, box: text.getBoundingClientRect() }))
      .filter(({ box }) => box.width > 0);
    return texts.flatMap((one, index) =>
      texts.slice(index + 1).flatMap((other) => {
        const wide = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
        // A line's box is higher than its letters.
        const high = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top) - 4;
        return wide > 1 && high > 0 ? [`${one.words} | ${other.words}`] : [];
      }),
    );
  });
}

/** Contrast of an element's colour with what is behind it, by WCAG 2. */
export function contrastOf(
  wanted: readonly (readonly [selector: string, least: number])[],
): { selector: string; contrast: number; least: number }[] {
  const parse = (colour: string): number[] => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (colour: number[]): number => {
    const [r = 0, g = 0, b = 0] = colour.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element: Element | null): number[] => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] === undefined || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  return wanted.flatMap(([selector, least]) => {
    const element = document.querySelector(selector);
    if (element === null) return [];
    const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(behind(element))];
    return [{ selector, least, contrast: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) }];
  });
}
