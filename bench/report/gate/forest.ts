import type { GateResult, GateRow } from '../../model.ts';

/** Columns of one row, and where in it "no change" and the tolerance are. */
const cells = 31;
const zeroAt = 10;
const toleranceAt = 20;

/** What the marks mean; stands below every forest. */
export const forestLegend = [
  '├─●─┤ interval and estimate; right is worse; each row scaled to its tolerance',
  '│ no change   : smallest effect that fails   ║ tolerance   ◄ ► beyond the edge',
] as const;

/**
 * One line a metric and a head, as wide as the longest metric and 33 columns. Only marks of the old WGL4
 * set, which every monospaced font has in one width. No line ends with a space.
 */
export function forestLines({ rows }: Pick<GateResult, 'rows'>): readonly string[] {
  if (rows.length === 0) return [];
  const width = Math.max(...rows.map(({ metric }) => metric.length));
  const head = `${' '.repeat(width)}  better${' '.repeat(cells - 11)}worse`;
  return [head, ...rows.map((row) => `${row.metric.padEnd(width)}  ${forestRow(row)}`.trimEnd())];
}

type Effect = Pick<GateRow, 'effect' | 'low' | 'high' | 'minEffect' | 'tolerance'>;

/** Estimate and interval of one metric between better (left) and worse (right), {@link cells} columns. */
export function forestRow({ effect, low, high, minEffect, tolerance }: Effect): string {
  const row = Array.from({ length: cells }, () => ' ');
  const at = (share: number): number => position(share, tolerance);
  const put = (index: number, mark: string): void => {
    if (index >= 0 && index < cells) row[index] = mark;
  };
  put(at(minEffect), ':');
  put(zeroAt, '│');
  put(toleranceAt, '║');
  if (low !== null && high !== null) {
    for (let index = Math.max(0, at(low)); index <= Math.min(cells - 1, at(high)); index += 1) {
      row[index] = index === zeroAt ? '┼' : index === toleranceAt ? '╫' : '─';
    }
    put(at(low), '├');
    put(at(high), '┤');
    if (at(low) < 0) row[0] = '◄';
    if (at(high) >= cells) row[cells - 1] = '►';
  }
  // Inside the arrows, which say that it is in truth further out.
  if (effect !== null) put(Math.min(cells - 2, Math.max(1, at(effect))), '●');
  return row.join('');
}

/** Rounded, but never across a mark: a picture must not say the opposite of its numbers. */
function position(share: number, tolerance: number): number {
  const rounded = zeroAt + Math.round((share / tolerance) * (toleranceAt - zeroAt));
  if (share === 0) return zeroAt;
  if (share < 0) return Math.min(rounded, zeroAt - 1);
  if (share < tolerance) return Math.min(Math.max(rounded, zeroAt + 1), toleranceAt - 1);
  return Math.max(rounded, toleranceAt);
}
