/**
 * Milliseconds of the machine's monotonic clock: the same axis in every process of one host, unlike
 * `performance.now()`, whose zero is the start of each process.
 */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
