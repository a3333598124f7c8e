import { type LoadPlan, type Outcome, outcomeNames, type Trace } from '../model.ts';
import { createIndex } from './history.ts';

/** The header whose presence tells a server that sheds load from one that fails. */
export const retryAfterHeader = 'retry-after';

export interface TracedAnswer {
  readonly status: number;
  readonly servedBy: string;
  /** Value of `retryAfterHeader`, '' without. */
  readonly retryAfter: string;
}

export interface Tracer {
  add(operation: number, outcome: Outcome, dueMs: number, endedMs: number, answer: TracedAnswer | null): void;
  /** Everything so far, times since `originMs`. */
  result(originMs: number): Trace;
}

/** Null unless the plan asks for it: some fifty bytes for each request. */
export function createTracer(plan: LoadPlan): Tracer | null {
  if (plan.trace !== true) return null;
  const isWrite = plan.operations.map((operation) => operation.class === 'write');
  const nodes = createIndex();
  const columns = {
    write: [] as number[],
    outcome: [] as number[],
    rejected: [] as number[],
    node: [] as number[],
  };
  const due: number[] = [];
  const ended: number[] = [];
  return {
    add(operation, outcome, dueMs, endedMs, answer) {
      due.push(dueMs);
      ended.push(endedMs);
      columns.write.push(isWrite[operation] === true ? 1 : 0);
      columns.outcome.push(outcomeNames.indexOf(outcome));
      columns.rejected.push(answer?.status === 503 && answer.retryAfter !== '' ? 1 : 0);
      columns.node.push(nodes.of(answer?.servedBy ?? ''));
    },
    result: (originMs) => ({
      ...columns,
      nodes: nodes.names(),
      dueUs: due.map((ms) => Math.round((ms - originMs) * 1000)),
      tookUs: ended.map((ms, index) => Math.round((ms - (due[index] ?? ms)) * 1000)),
    }),
  };
}
