/** How long a node has taken lately. */

export interface Latency {
  /** Takes one answered query into account. */
  observe(ms: number, nowMs: number): void;
  /** Milliseconds; sinks while nothing is observed, so that a node that was slow once is tried again. */
  at(nowMs: number): number;
}

/** A burst of a few queries should count, a single one should not. */
const timeConstantMs = 2_000;

/** The time that one query can speak for: a tenth of the mean. */
const mostMs = 200;

/** Below this, differences are noise: by them all reads that come one after the other would go to the same node. */
const leastMs = 5;

/**
 * An exponentially weighted mean over time rather than over queries: a busy node's does not forget faster than an
 * idle one's. After the load balancer of Finagle (twitter.github.io/finagle, "EWMA").
 */
export function createLatency(): Latency {
  let mean = 0;
  let sinceMs = Number.NEGATIVE_INFINITY;
  return {
    observe(ms, nowMs) {
      // Answers of the same moment weigh a little, or those of a busy node would all be the first one's; and one after
      // a pause is still a single one.
      const sinceLastMs = Math.min(mostMs, Math.max(1, nowMs - sinceMs));
      mean += (ms - mean) * (1 - Math.exp(-sinceLastMs / timeConstantMs));
      sinceMs = nowMs;
    },
    // Nearly always the first: answers take less.
    at: (nowMs) =>
      mean <= leastMs
        ? leastMs
        : Math.max(leastMs, mean * Math.exp(-Math.max(0, nowMs - sinceMs) / timeConstantMs)),
  };
}
