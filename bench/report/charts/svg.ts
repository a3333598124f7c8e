export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** One element; numbers are rounded to a tenth of a pixel, so that the same data gives the same text. */
export function tag(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const written = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : escapeXml(String(value))}"`)
    .join('');
  const inside = children.join('');
  return inside === '' ? `<${name}${written}/>` : `<${name}${written}>${inside}</${name}>`;
}

export function text(x: number, y: number, words: string, attributes: Attributes = {}): string {
  return tag('text', { x, y, ...attributes }, escapeXml(words));
}

/** A label centred on a tick, or beside it where half of the label would be cut off. */
export function tickLabel(
  x: number,
  y: number,
  words: string,
  [from, to]: readonly [number, number],
): string {
  const half = widthOf(words, 11) / 2;
  const anchor = x - half < from ? '' : x + half > to ? 'end ' : 'middle ';
  return text(x, y, words, { class: `${anchor}muted small` });
}

export function line(x1: number, y1: number, x2: number, y2: number, attributes: Attributes = {}): string {
  return tag('line', { x1, y1, x2, y2, ...attributes });
}

/** What a pointer that rests on an element is told. */
export function hint(words: string): string {
  return `<title>${escapeXml(words)}</title>`;
}

export type XY = readonly [x: number, y: number];

/** A line through the points, as a path's `d`. */
export function through(points: readonly XY[]): string {
  return points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${round(x)} ${round(y)}`).join('');
}

/** What lies between two lines, as a path's `d`. */
export function between(upper: readonly XY[], lower: readonly XY[]): string {
  return `${through([...upper, ...lower.toReversed()])}Z`;
}

export function round(value: number): string {
  return String(Number(value.toFixed(1)));
}

/**
 * How wide a text is about to be, in pixels: nothing here can measure one. Rather too wide, for a sans serif
 * of the given size.
 */
export function widthOf(words: string, sizePx = 12): number {
  return words.length * sizePx * 0.54;
}

export function escapeXml(words: string): string {
  return words
    .replace(notXml, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** No escape makes these characters XML, and one of them makes a whole file unreadable. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const notXml = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu;
