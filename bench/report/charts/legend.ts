import { line, round, tag, text, widthOf } from './svg.ts';

export interface LegendEntry {
  readonly label: string;
  /** Drawn around (0, 0), 18 pixels wide, 10 high. */
  readonly mark: string;
}

/** Marks with their names beside each other, in as many lines as it takes. `y` is the first text's baseline. */
export function legend(
  entries: readonly LegendEntry[],
  x: number,
  y: number,
  width: number,
): { readonly svg: string; readonly height: number } {
  let [atX, atY] = [x, y];
  const parts = entries.map(({ label, mark }) => {
    const needed = 26 + widthOf(label);
    if (atX > x && atX + needed > x + width) [atX, atY] = [x, atY + 18];
    const part =
      tag('g', { transform: `translate(${Math.round(atX)} ${atY - 4})` }, mark) +
      text(Math.round(atX) + 24, atY, label);
    atX += needed + 14;
    return part;
  });
  return { svg: parts.join(''), height: entries.length === 0 ? 0 : atY - y + 18 };
}

/** The n-th arm's colour; more arms than colours begin anew. */
export function armClass(index: number): string {
  return `arm-${Math.max(0, index) % 4}`;
}

export function lineMark(arm: number | null, kind: 'line' | 'line dash' | 'line dot' | 'fine'): string {
  return tag('g', arm === null ? {} : { class: armClass(arm) }, line(0, 0, 18, 0, { class: kind }));
}

export function areaMark(arm: number | null, shade: string): string {
  return tag(
    'g',
    arm === null ? {} : { class: armClass(arm) },
    tag('rect', { x: 0, y: -5, width: 18, height: 10, class: shade }),
  );
}

/** Round for the first arm, a diamond for the second: shapes hold where colours do not. */
export function pointMark(x: number, y: number, arm: number, filled: boolean, radius = 4): string {
  const style = filled ? 'fill' : 'hollow';
  if (arm % 2 === 0) return tag('circle', { cx: x, cy: y, r: radius, class: style });
  const r = radius * 1.25;
  return tag('path', {
    d: `M${round(x - r)} ${round(y)}L${round(x)} ${round(y - r)}L${round(x + r)} ${round(y)}L${round(x)} ${round(y + r)}Z`,
    class: style,
  });
}
