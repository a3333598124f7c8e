import type { ComparisonRow } from '../model.ts';

/** What the interval of a change shows, in words; nothing below 95 % confidence, or out of turn. */
export function describeChange(row: ComparisonRow, interleaved: boolean): string {
  if (row.ratio === null) return row.verdict === 'pass' ? 'none at all' : 'no ratio';
  if (!interleaved) return 'no verdict: not interleaved';
  if (row.confidence === null || row.confidence < 0.95) return 'too few blocks';
  if (row.verdict === 'fail') return 'worse';
  const better = row.direction === 'higher-is-better' ? (row.ciLow ?? 0) > 1 : (row.ciHigh ?? 2) < 1;
  return better ? 'better' : 'no change shown';
}
