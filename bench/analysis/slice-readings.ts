import { build, type Histogram } from 'hdr-histogram-js';
import type { LagSummary, Reading } from '../model.ts';
import { summarizeHistogram } from './latency.ts';

/** What the probes saw during the measured time of one slice. */
export interface SliceReadings {
  /** Increase per second of a cumulative value between its first and last reading; null when unknown. */
  ratePerSecond(subject: string, name: string): number | null;
  /** Increase of a cumulative value between its first and last reading; null when unknown. */
  increase(subject: string, name: string): number | null;
  gauge(subject: string, name: string): GaugeSummary | null;
  /** Names of everything that was read, sorted. */
  readonly subjects: readonly string[];
  lag(subject: string): LagSummary | null;
  /** Lag of all replicas together: one distribution, not an average of theirs. */
  readonly allLag: LagSummary | null;
}

export interface GaugeSummary {
  readonly mean: number;
  readonly max: number;
}

export interface ReadingsCollector {
  add(reading: Reading): void;
  /** What was read from `fromMs` to `toMs`, both included. Nothing can be added afterwards. */
  close(fromMs: number, toMs: number): SliceReadings;
}

/**
 * When a slice's measured time begins and ends is known only at its end, so the readings near both
 * edges wait here; those between are folded at once. Memory is that of two minutes of readings at most.
 */
const edgeMs = 60_000;

/** Values that only grow while their source lives; all others are gauges. */
const cumulative: ReadonlySet<string> = new Set([
  'cpuMs',
  'throttledMs',
  'throttledPeriods',
  'periods',
  'walBytes',
  'conflicts',
  'busyMs',
  'idleMs',
  'stealMs',
  'iowaitMs',
  'pressureCpuSomeMs',
  'gcMs',
]);

/** Collects the readings of a slice that was announced at `startedAtMs`. */
export function collectReadings(startedAtMs: number): ReadingsCollector {
  const totals = createTotals();
  const head: Reading[] = [];
  let tail: Reading[] = [];
  let flushAtMs = startedAtMs + 3 * edgeMs;
  return {
    add(reading) {
      if (reading.atMs < startedAtMs) return;
      if (reading.atMs < startedAtMs + edgeMs) {
        head.push(reading);
        return;
      }
      tail.push(reading);
      if (reading.atMs < flushAtMs) return;
      const keepFromMs = reading.atMs - edgeMs;
      for (const old of tail) if (old.atMs < keepFromMs) totals.add(old);
      tail = tail.filter((waiting) => waiting.atMs >= keepFromMs);
      flushAtMs = reading.atMs + edgeMs;
    },
    close(fromMs, toMs) {
      for (const reading of [...head, ...tail]) {
        if (reading.atMs >= fromMs && reading.atMs <= toMs) totals.add(reading);
      }
      return totals.summarise(toMs - fromMs);
    },
  };
}

/** A counter seen over less of the slice than this says nothing about the slice. */
const leastObservedShare = 0.5;

interface Increase {
  readonly by: number;
  readonly inMs: number;
}

interface CounterSpan {
  readonly first: { readonly atMs: number; readonly value: number };
  readonly last: { readonly atMs: number; readonly value: number };
}

interface Gauge {
  readonly count: number;
  readonly sum: number;
  readonly max: number;
}

/** Running totals; the order in which readings arrive does not matter. */
function createTotals(): { add(reading: Reading): void; summarise(lengthMs: number): SliceReadings } {
  const counters = new Map<string, CounterSpan>();
  const gauges = new Map<string, Gauge>();
  const lags = new Map<string, Histogram>();
  const subjects = new Set<string>();

  const addCounter = (key: string, atMs: number, value: number): void => {
    const span = counters.get(key);
    const point = { atMs, value };
    counters.set(key, {
      first: span === undefined || atMs < span.first.atMs ? point : span.first,
      last: span === undefined || atMs >= span.last.atMs ? point : span.last,
    });
  };

  const addGauge = (key: string, value: number): void => {
    const gauge = gauges.get(key) ?? { count: 0, sum: 0, max: Number.NEGATIVE_INFINITY };
    gauges.set(key, { count: gauge.count + 1, sum: gauge.sum + value, max: Math.max(gauge.max, value) });
  };

  const addLag = (subject: string, lagMs: number): void => {
    const histogram = lags.get(subject) ?? build({ numberOfSignificantValueDigits: 3 });
    histogram.recordValue(Math.max(0, Math.round(lagMs * 1000)));
    lags.set(subject, histogram);
  };

  const increase = (lengthMs: number, subject: string, name: string): Increase | null => {
    const span = counters.get(keyOf(subject, name));
    if (span === undefined) return null;
    const inMs = span.last.atMs - span.first.atMs;
    const by = span.last.value - span.first.value;
    if (inMs <= 0 || inMs < leastObservedShare * lengthMs) return null;
    // A counter that went back began anew: its source restarted, and what it counted before is lost.
    return by < 0 ? null : { by, inMs };
  };

  const gaugeOf = (subject: string, name: string): GaugeSummary | null => {
    const gauge = gauges.get(keyOf(subject, name));
    return gauge === undefined ? null : { mean: gauge.sum / gauge.count, max: gauge.max };
  };

  const summariseLag = (histogram: Histogram, of: readonly string[]): LagSummary => {
    const { count, p50Ms, p95Ms, maxMs } = summarizeHistogram(histogram);
    return {
      samples: count,
      p50Ms,
      p95Ms,
      maxMs,
      maxBytes: largest(of.map((subject) => gaugeOf(subject, 'lagBytes')?.max ?? null)),
      viewMaxMs: largest(of.map((subject) => gaugeOf(subject, 'viewReplayLagMs')?.max ?? null)),
    };
  };

  return {
    add({ atMs, subject, values }) {
      subjects.add(subject);
      for (const [name, value] of Object.entries(values)) {
        if (!Number.isFinite(value)) continue;
        if (cumulative.has(name)) addCounter(keyOf(subject, name), atMs, value);
        else addGauge(keyOf(subject, name), value);
        if (name === 'lagMs') addLag(subject, value);
      }
    },
    summarise(lengthMs) {
      const replicas = [...lags.keys()].sort();
      const all = build({ numberOfSignificantValueDigits: 3 });
      for (const histogram of lags.values()) all.add(histogram);
      return {
        increase: (subject, name) => increase(lengthMs, subject, name)?.by ?? null,
        ratePerSecond: (subject, name) => {
          const found = increase(lengthMs, subject, name);
          return found === null ? null : (found.by / found.inMs) * 1000;
        },
        gauge: gaugeOf,
        subjects: [...subjects].sort(),
        lag: (subject) => {
          const histogram = lags.get(subject);
          return histogram === undefined ? null : summariseLag(histogram, [subject]);
        },
        allLag: replicas.length === 0 ? null : summariseLag(all, replicas),
      };
    },
  };
}

function keyOf(subject: string, name: string): string {
  return `${subject}\n${name}`;
}

function largest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
