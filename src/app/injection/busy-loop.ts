/** An injected fault: CPU time that does nothing. */
import type { RequestHandler } from 'express';

/**
 * Between two looks at the clock a running loop takes well below a microsecond. Whatever takes longer than this was
 * a pause: somebody else's time slice, or the end of a CPU quota. It cost no CPU of ours, so no more of it counts.
 */
const longestStepMs = 0.02;

/** Spends `ms` milliseconds of CPU before each request that passes it. */
export function busyLoop(ms: number): RequestHandler {
  return (_request, _response, next) => {
    burnCpu(ms, () => performance.now());
    next();
  };
}

/**
 * Returns when the calling thread has run for `ms` milliseconds, however long that takes on a busy machine: an
 * injected share of CPU must be the same in a noisy block and in a calm one. `clock` is in milliseconds.
 */
export function burnCpu(ms: number, clock: () => number): void {
  let burnt = 0;
  let last = clock();
  while (burnt < ms) {
    const now = clock();
    burnt += Math.min(now - last, longestStepMs);
    last = now;
  }
}
