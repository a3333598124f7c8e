import { build, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';
import {
  type EncodedHistogram,
  type LoadPlan,
  type OperationResult,
  type Outcome,
  type OutcomeCounts,
  outcomeNames,
} from '../model.ts';

/** Longest time a histogram can hold; longer ones are recorded as this. */
const highestUs = 3_600_000_000;

/** Takes the end of every due request of one loop, open or closed. */
export interface Recorder {
  /** Answers after this time are those of the drain. */
  scheduleEndsAt(endMs: number): void;
  /** A request became due; exactly one `record` must follow. */
  due(operation: number): void;
  /**
   * @param startedMs when it was sent; null = it never was.
   * @param answer what the server answered; null = nothing complete.
   */
  record(
    operation: number,
    outcome: Outcome,
    dueMs: number,
    startedMs: number | null,
    endedMs: number,
    answer: Answer | null,
  ): void;
}

export interface Answer {
  readonly status: number;
  /** Value of the node header, '' without one. */
  readonly servedBy: string;
}

export interface IntervalHistograms {
  readonly read: Histogram;
  readonly write: Histogram;
}

/**
 * Histograms and counts of one loop, of bounded size whatever the length of the run.
 *
 * Every due request enters the response time exactly once, when its outcome is known, whatever the
 * outcome: leaving out what failed or did not finish would flatter the tail. Whatever was sent enters
 * service time and schedule lag too.
 */
export function createRecorder(
  plan: LoadPlan,
  loop: 'open' | 'closed',
  interval: IntervalHistograms,
): Recorder & { results(): readonly OperationResult[] } {
  const tallies = plan.operations.map(() => createTally());
  const intervals = plan.operations.map((operation) => interval[operation.class]);
  let scheduleEndMs = Number.POSITIVE_INFINITY;

  return {
    scheduleEndsAt(endMs) {
      scheduleEndMs = endMs;
    },
    due(operation) {
      (tallies[operation] as Tally).due += 1;
    },
    record(operation, outcome, dueMs, startedMs, endedMs, answer) {
      const tally = tallies[operation] as Tally;
      tally.outcomes[outcome] += 1;
      const responseUs = toUs(endedMs - dueMs);
      if (loop === 'open') tally.responseTime.recordValue(responseUs);
      if (startedMs !== null) {
        tally.serviceTime.recordValue(toUs(endedMs - startedMs));
        if (loop === 'open') tally.scheduleLag.recordValue(toUs(startedMs - dueMs));
      }
      (intervals[operation] as Histogram).recordValue(responseUs);
      if (answer === null) return;
      tally.statuses.set(answer.status, (tally.statuses.get(answer.status) ?? 0) + 1);
      if (endedMs <= scheduleEndMs && (outcome === 'ok' || outcome === 'http-error'))
        tally.inTime[outcome] += 1;
      if (outcome === 'ok') {
        tally.servedBy.set(answer.servedBy, (tally.servedBy.get(answer.servedBy) ?? 0) + 1);
      }
    },
    results: () =>
      plan.operations.flatMap((operation, index) => {
        const tally = tallies[index] as Tally;
        if (tally.due === 0) return [];
        assertEveryOutcome(operation.name, tally);
        const serviceTime = encode(tally.serviceTime);
        return {
          name: operation.name,
          class: operation.class,
          loop,
          outcomes: tally.outcomes,
          inTime: tally.inTime,
          statuses: Object.fromEntries(tally.statuses),
          servedBy: Object.fromEntries(tally.servedBy),
          serviceTime,
          responseTime: loop === 'closed' ? serviceTime : encode(tally.responseTime),
          scheduleLag: encode(tally.scheduleLag),
        };
      }),
  };
}

/** A histogram of microseconds, 3 significant digits. */
export function createHistogram(): Histogram {
  return build({
    bitBucketSize: 32,
    autoResize: true,
    lowestDiscernibleValue: 1,
    highestTrackableValue: 1_000_000,
    numberOfSignificantValueDigits: 3,
  });
}

interface Tally {
  due: number;
  readonly outcomes: { -readonly [key in Outcome]: number };
  readonly inTime: { ok: number; 'http-error': number };
  readonly statuses: Map<number, number>;
  readonly servedBy: Map<string, number>;
  readonly serviceTime: Histogram;
  readonly responseTime: Histogram;
  readonly scheduleLag: Histogram;
}

function createTally(): Tally {
  return {
    due: 0,
    outcomes: {
      ok: 0,
      'http-error': 0,
      timeout: 0,
      'connection-error': 0,
      unsent: 0,
      'in-flight-at-end': 0,
    },
    inTime: { ok: 0, 'http-error': 0 },
    statuses: new Map(),
    servedBy: new Map(),
    serviceTime: createHistogram(),
    responseTime: createHistogram(),
    scheduleLag: createHistogram(),
  };
}

function toUs(ms: number): number {
  const us = Math.round(ms * 1000);
  return us < 0 ? 0 : us > highestUs ? highestUs : us;
}

function encode(histogram: Histogram): EncodedHistogram {
  return encodeIntoCompressedBase64(histogram);
}

function assertEveryOutcome(name: string, tally: Tally): void {
  const counts: OutcomeCounts = tally.outcomes;
  const sum = outcomeNames.reduce((total, outcome) => total + counts[outcome], 0);
  if (sum !== tally.due) {
    throw new Error(`operation "${name}": ${tally.due} requests were due but ${sum} have an outcome`);
  }
}
