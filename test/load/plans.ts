import { addOutcomes, summarizeLatency } from '../../bench/analysis/latency.ts';
import { createArrivals } from '../../bench/load/arrivals.ts';
import { randomStream } from '../../bench/load/random.ts';
import type { LatencySummary, LoadPlan, LoadResult, LoadStream, OutcomeCounts } from '../../bench/model.ts';

/** A plan of one GET whose path says which request of the stream it is: `/u<slice>-<lane>-<n>`. */
export function plan(baseUrl: string, part: Partial<LoadPlan> & Pick<LoadPlan, 'streams'>): LoadPlan {
  return {
    baseUrl,
    seed: 11,
    sliceIndex: 0,
    readShare: 1,
    operations: [{ name: 'get', class: 'read', weight: 1, method: 'GET', path: '/{serial}' }],
    keys: { serial: { kind: 'unique', prefix: 'u' } },
    timeoutMs: 5000,
    drainMs: 5000,
    ...part,
  };
}

export function openStream(
  rateHz: number,
  durationMs: number,
  part: { readonly arrivals?: 'poisson' | 'uniform'; readonly maxInFlight?: number } = {},
): LoadStream {
  return {
    kind: 'open',
    classes: ['read'],
    arrivals: 'uniform',
    segments: [{ durationMs, fromHz: rateHz, toHz: rateHz }],
    maxInFlight: 64,
    ...part,
  };
}

export function closedStream(connections: number, durationMs: number): LoadStream {
  return { kind: 'closed', classes: ['read'], connections, durationMs };
}

/** Position of a request in its open stream, from 1. */
export function serialOf(path: string | undefined): number {
  return Number(/-(\d+)$/.exec(path ?? '')?.[1]);
}

/** The due times of the plan's first stream, ms from its origin. */
export function dueTimes(loadPlan: LoadPlan): readonly number[] {
  const stream = loadPlan.streams[0];
  if (stream?.kind !== 'open') throw new Error('the first stream is not open');
  const next = createArrivals({ ...stream, random: randomStream(loadPlan.seed, 0, 2) });
  const times: number[] = [];
  for (let time = next(); time < Number.POSITIVE_INFINITY; time = next()) times.push(time);
  return times;
}

export interface Totals {
  readonly outcomes: OutcomeCounts;
  readonly service: LatencySummary;
  readonly response: LatencySummary;
  readonly lag: LatencySummary;
}

export function totals({ operations }: LoadResult): Totals {
  return {
    outcomes: addOutcomes(operations.map((operation) => operation.outcomes)),
    service: summarizeLatency(operations.map((operation) => operation.serviceTime)),
    response: summarizeLatency(operations.map((operation) => operation.responseTime)),
    lag: summarizeLatency(operations.map((operation) => operation.scheduleLag)),
  };
}

/** Outcomes with everything but the named ones 0. */
export function outcomes(part: Partial<OutcomeCounts>): OutcomeCounts {
  return {
    ok: 0,
    'http-error': 0,
    timeout: 0,
    'connection-error': 0,
    unsent: 0,
    'in-flight-at-end': 0,
    ...part,
  };
}

/** HdrHistogram's convention: the smallest value that at least this share of the values do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/**
 * How far a measured quantile may be from the truth: 2 % and 1 ms, and as much as the generator says that
 * its own event loop was late, which is a fraction of a millisecond unless others compete for the CPU.
 */
export function tolerance(truthMs: number, { generator }: LoadResult): number {
  return 0.02 * truthMs + 1 + generator.eventLoopDelayP99Ms;
}
