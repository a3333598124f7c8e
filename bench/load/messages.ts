import type { LoadPlan, LoadProgress, LoadResult } from '../model.ts';

/** What the harness says to the generator process. */
export type ToWorker =
  | { readonly type: 'run'; readonly id: number; readonly plan: LoadPlan }
  | { readonly type: 'abort'; readonly id: number };

/** What the generator process says to the harness. */
export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly id: number; readonly progress: LoadProgress }
  | { readonly type: 'result'; readonly id: number; readonly result: LoadResult }
  | { readonly type: 'failed'; readonly id: number; readonly error: WireError };

/** An error as it crosses the process border; `usage` keeps its kind. */
export interface WireError {
  readonly usage: boolean;
  readonly message: string;
  readonly stack: string | undefined;
}
