import { createJournalFold } from '../../bench/analysis/fold.ts';
import type { JournalEntry, RunResult } from '../../bench/model.ts';

/** Folds a whole journal at once. */
export function foldJournal(entries: Iterable<JournalEntry>): RunResult {
  const fold = createJournalFold();
  for (const entry of entries) fold.add(entry);
  return fold.result();
}
