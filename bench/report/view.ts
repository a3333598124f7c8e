import type { LatencyCurve } from '../analysis/percentile-curve.ts';
import type { Timeline } from '../analysis/timeline.ts';
import type { RunResult } from '../model.ts';

/** Everything that pictures of a run are made of: its result, and what a result has no room for. */
export interface RunView {
  readonly result: RunResult;
  readonly timeline: Timeline;
  readonly curves: readonly LatencyCurve[];
}
