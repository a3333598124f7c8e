const offsetMs = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/**
 * Milliseconds of the machine's monotonic clock: the same axis in every process of one host. Read
 * through `performance.now()`, which costs 40 ns and no garbage, unlike `hrtime.bigint()`.
 */
export function monotonicMs(): number {
  return performance.now() + offsetMs;
}
