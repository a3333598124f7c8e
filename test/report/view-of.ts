import { createViewFold, type RunView } from '../../bench/analysis/run-view.ts';
import type { JournalEntry } from '../../bench/model.ts';
import { buildJournal, type JournalOptions } from '../analysis/journal-builder.ts';
import { gateRun } from './gate/gate-run.ts';

/** Folds a whole journal at once. */
export function viewOf(entries: Iterable<JournalEntry>): RunView {
  const fold = createViewFold();
  for (const entry of entries) fold.add(entry);
  return fold.view();
}

export function builtView(options: JournalOptions = {}): RunView {
  return viewOf(buildJournal(options));
}

/** A gate that was never run: its figures are those of {@link gateRun}, its pictures of a pretended run. */
export function gateView(...[gate, run]: Parameters<typeof gateRun>): RunView {
  const view = builtView({ blocks: 2, sliceMs: 1000, seed: 3 });
  const names: Readonly<Record<string, string>> = { baseline: 'reference', replicated: 'candidate' };
  return {
    result: gateRun(gate, run),
    timeline: {
      ...view.timeline,
      slices: view.timeline.slices.map((slice) => ({ ...slice, arm: names[slice.arm] ?? slice.arm })),
    },
    curves: view.curves.map((curve) => ({ ...curve, arm: names[curve.arm] ?? curve.arm })),
  };
}

/** Of three blocks one and a half, and then nothing more. */
export function cutOffView(): RunView {
  const journal = buildJournal({ blocks: 3 });
  const second = journal.findIndex((entry) => entry.type === 'slice-start' && entry.block === 2);
  const begun = journal.findIndex((entry, index) => index > second && entry.type === 'slice-end');
  return viewOf(journal.slice(0, begun + 20));
}
