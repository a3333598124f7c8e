import type { JournalEntry, RunResult } from '../model.ts';
import { createJournalFold } from './fold.ts';
import { createCurveFold, type LatencyCurve } from './percentile-curve.ts';
import { createTimelineFold, joinTimelines, type Timeline } from './timeline.ts';

/** Everything that a report is made of: the result of a run, and what a result has no room for. */
export interface RunView {
  readonly result: RunResult;
  readonly timeline: Timeline;
  readonly curves: readonly LatencyCurve[];
}

export interface ViewFold {
  /** Takes the journal's entries in their order. */
  add(entry: JournalEntry): void;
  /**
   * Of what was added so far.
   * @throws EnvironmentError when there was no plan: nothing is known about such a run
   */
  view(): RunView;
}

export function createViewFold(): ViewFold {
  const result = createJournalFold();
  const timeline = createTimelineFold();
  const curves = createCurveFold();
  return {
    add(entry) {
      for (const fold of [result, timeline, curves]) fold.add(entry);
    },
    view: () => ({ result: result.result(), timeline: timeline.result(), curves: curves.result() }),
  };
}

/** Of two runs of one arm each, whose results are combined already. */
export function joinViews(result: RunResult, baseline: RunView, candidate: RunView): RunView {
  return {
    result,
    timeline: joinTimelines(baseline.timeline, candidate.timeline),
    curves: [...baseline.curves, ...candidate.curves],
  };
}
