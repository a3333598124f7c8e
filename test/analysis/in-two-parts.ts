import type { JournalEntry } from '../../bench/model.ts';

const two = { count: 2, seconds: 3 } as const;
const twoParts = { steady: two, 'read-saturation': two, 'write-saturation': two } as const;

/** The same run with every measured slice once more, as its second part, right after the first. */
export function inTwoParts(entries: readonly JournalEntry[]): readonly JournalEntry[] {
  const result: JournalEntry[] = [];
  let open: JournalEntry[] | null = null;
  for (const entry of entries) {
    const measured = 'kind' in entry && entry.kind !== 'warm-up' && entry.kind !== 'calibration';
    if (entry.type === 'slice-start' && measured) open = [];
    if (open === null) {
      result.push(entry.type === 'plan' ? { ...entry, plan: { ...entry.plan, parts: twoParts } } : entry);
      continue;
    }
    open.push(entry);
    if (entry.type !== 'slice-end') continue;
    for (const number of [1, 2])
      result.push(...open.map((one) => ('kind' in one ? { ...one, part: number } : one)));
    open = null;
  }
  return result;
}
