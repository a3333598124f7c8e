import type { Reading } from '../model.ts';

/** Tells of something a probe could not observe, while the rest of its readings stand. */
export type ReportProblem = (error: unknown) => void;

/**
 * Observes one thing. `sample` resolves to what could be observed; a subject that could not is absent
 * and reported as a problem. It rejects when nothing could be observed at all.
 */
export interface Probe extends AsyncDisposable {
  readonly name: string;
  /** Least time between two samples, milliseconds; absent = at every tick of the sampler. */
  readonly everyMs?: number;
  sample(report?: ReportProblem): Promise<readonly Reading[]>;
}
