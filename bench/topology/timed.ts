import type { Step } from './topology.ts';

/** Runs a piece of work and notes how long it took. */
export type Timed = <T>(name: string, work: () => Promise<T>) => Promise<T>;

export function timer(steps: Step[], onStep: (step: Step) => void): Timed {
  return async (name, work) => {
    const startedAt = performance.now();
    const result = await work();
    const step = { name, durationMs: performance.now() - startedAt };
    steps.push(step);
    onStep(step);
    return result;
  };
}
