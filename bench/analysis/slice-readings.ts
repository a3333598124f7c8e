import { build, type Histogram } from 'hdr-histogram-js';
import type { LagSummary, Reading } from '../model.ts';
import { createCoreMeter, createDistributions, type Distribution } from './distribution.ts';
import { summarizeHistogram } from './latency.ts';

/** What the probes saw during the measured time of one slice. */
export interface SliceReadings {
  /** Increase per second of a cumulative value between its first and last reading; null when unknown. */
  ratePerSecond(subject: string, name: string): number | null;
  /** Increase of a cumulative value between its first and last reading; null when unknown. */
  increase(subject: string, name: string): number | null;
  gauge(subject: string, name: string): GaugeSummary | null;
  /** Of `memoryBytes`, and of `coresUsed`, which is made from `cpuMs` by the half-second. */
  distribution(subject: string, name: string): Distribution | null;
  /** Who had a value of this name, in the order of their first. */
  subjects(name: string): readonly string[];
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
  /**
   * What was read from `fromMs` to `toMs`, both included, together with the parts closed before. Nothing can
   * be added afterwards, unless a further part is begun.
   */
  close(fromMs: number, toMs: number): SliceReadings;
  /** Begins a further part of the same slice, announced at `startedAtMs`. */
  resume(startedAtMs: number): void;
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
  'cacheHits',
  'cacheMisses',
  'cacheErrors',
  'readsTakenOver',
  'readsRejected',
]);

/** Collects the readings of a slice that was announced at `startedAtMs`. */
export function collectReadings(announcedAtMs: number): ReadingsCollector {
  const totals = createTotals();
  let startedAtMs = announcedAtMs;
  let withCores = createCoreMeter();
  let head: Reading[] = [];
  let tail: Reading[] = [];
  let flushAtMs = startedAtMs + 3 * edgeMs;
  return {
    resume(atMs) {
      startedAtMs = atMs;
      withCores = createCoreMeter();
      head = [];
      tail = [];
      flushAtMs = startedAtMs + 3 * edgeMs;
    },
    add(plain) {
      if (plain.atMs < startedAtMs) return;
      const reading = withCores(plain);
      if (reading.atMs < startedAtMs + edgeMs) {
        head.push(reading);
        return;
      }
      tail.push(reading);
      if (reading.atMs < flushAtMs) return;
      const keepFromMs = reading.atMs - edgeMs;
      for (const old of tail) if (old.atMs < keepFromMs) totals.add(old, 'inside');
      tail = tail.filter((waiting) => waiting.atMs >= keepFromMs);
      flushAtMs = reading.atMs + edgeMs;
    },
    close(fromMs, toMs) {
      for (const reading of [...head, ...tail]) {
        totals.add(reading, reading.atMs < fromMs ? 'before' : reading.atMs > toMs ? 'after' : 'inside');
      }
      return totals.summarise(fromMs, toMs);
    },
  };
}

/** A counter seen over less of the slice than this says nothing about the slice. */
const leastObservedShare = 0.5;

/**
 * A replica from which no lag was had for so long was stalled, silent, or further behind than is
 * remembered. The samples that are left would be the good ones, so they count as none.
 */
const longestSilenceMs = 1_000;

interface Increase {
  readonly by: number;
  readonly inMs: number;
}

/**
 * A probe that is slower than this share of the slice leaves too much of it unseen at the edges; then
 * the readings just outside, taken for that purpose, serve better than the ones inside.
 */
const farFromEdgeShare = 0.25;

interface Point {
  readonly atMs: number;
  readonly value: number;
}

type Place = 'before' | 'inside' | 'after';

/** The readings of a counter that matter: those around the two edges of the slice. */
interface Counter {
  readonly before: Point | null;
  readonly first: Point | null;
  readonly last: Point | null;
  readonly after: Point | null;
}

interface LagSamples {
  readonly histogram: Histogram;
  /** Parts in which it was observed throughout. */
  observedParts: number;
  /** Of the current part; NaN before its first sample. */
  firstMs: number;
  lastMs: number;
  longestGapMs: number;
}

const unseen = { firstMs: Number.NaN, lastMs: Number.NaN, longestGapMs: 0 };

interface Gauge {
  readonly count: number;
  readonly sum: number;
  readonly max: number;
}

/** Running totals; the order in which readings arrive does not matter. */
function createTotals(): {
  add(reading: Reading, place: Place): void;
  summarise(fromMs: number, toMs: number): SliceReadings;
} {
  let counters = new Map<string, Counter>();
  /** Sums over the parts that are closed; null = unknown in one of them. */
  const increases = new Map<string, Increase | null>();
  let parts = 0;
  const gauges = new Map<string, Gauge>();
  const lags = new Map<string, LagSamples>();
  const distributions = createDistributions();
  const subjectsOf = new Map<string, Set<string>>();

  const addCounter = (key: string, point: Point, place: Place): void => {
    const known = counters.get(key) ?? { before: null, first: null, last: null, after: null };
    const { before, first, last, after } = known;
    counters.set(
      key,
      place === 'before'
        ? { ...known, before: later(before, point) }
        : place === 'after'
          ? { ...known, after: earlier(after, point) }
          : { ...known, first: earlier(first, point), last: later(last, point) },
    );
  };

  const addGauge = (key: string, value: number): void => {
    const gauge = gauges.get(key) ?? { count: 0, sum: 0, max: Number.NEGATIVE_INFINITY };
    gauges.set(key, { count: gauge.count + 1, sum: gauge.sum + value, max: Math.max(gauge.max, value) });
  };

  const addLag = (subject: string, atMs: number, lagMs: number): void => {
    const samples = lags.get(subject) ?? {
      histogram: build({ numberOfSignificantValueDigits: 3 }),
      observedParts: 0,
      ...unseen,
    };
    samples.histogram.recordValue(Math.max(0, Math.round(lagMs * 1000)));
    if (Number.isNaN(samples.firstMs)) Object.assign(samples, { firstMs: atMs, lastMs: atMs });
    samples.longestGapMs = Math.max(samples.longestGapMs, atMs - samples.lastMs);
    samples.firstMs = Math.min(samples.firstMs, atMs);
    samples.lastMs = Math.max(samples.lastMs, atMs);
    lags.set(subject, samples);
  };

  const observedThroughout = (samples: LagSamples, fromMs: number, toMs: number): boolean =>
    Math.max(samples.firstMs - fromMs, samples.longestGapMs, toMs - samples.lastMs) <= longestSilenceMs;

  const increase = (fromMs: number, toMs: number, counter: Counter): Increase | null => {
    const lengthMs = toMs - fromMs;
    const start = nearEdge(fromMs, counter.first, counter.before, lengthMs);
    const end = nearEdge(toMs, counter.last, counter.after, lengthMs);
    if (start === null || end === null) return null;
    const seenMs = Math.min(end.atMs, toMs) - Math.max(start.atMs, fromMs);
    if (seenMs <= 0 || seenMs < leastObservedShare * lengthMs) return null;
    const by = end.value - start.value;
    // A counter that went back began anew: its source restarted, and what it counted before is lost.
    return by < 0 ? null : { by, inMs: end.atMs - start.atMs };
  };

  /** A counter that is new in a later part was not observed in the earlier ones. */
  const closePart = (fromMs: number, toMs: number): void => {
    for (const key of new Set([...counters.keys(), ...increases.keys()])) {
      const counter = counters.get(key);
      const now = counter === undefined ? null : increase(fromMs, toMs, counter);
      const before = parts === 0 ? { by: 0, inMs: 0 } : (increases.get(key) ?? null);
      const known = now !== null && before !== null;
      increases.set(key, known ? { by: before.by + now.by, inMs: before.inMs + now.inMs } : null);
    }
    for (const samples of lags.values()) {
      if (observedThroughout(samples, fromMs, toMs)) samples.observedParts += 1;
      Object.assign(samples, unseen);
    }
    counters = new Map();
    parts += 1;
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
      maxLowerMs: largest(of.map((subject) => gaugeOf(subject, 'lagLowerMs')?.max ?? null)),
      maxBytes: largest(of.map((subject) => gaugeOf(subject, 'lagBytes')?.max ?? null)),
      viewMaxMs: largest(of.map((subject) => gaugeOf(subject, 'viewReplayLagMs')?.max ?? null)),
    };
  };

  return {
    add({ atMs, subject, values }, place) {
      for (const [name, value] of Object.entries(values)) {
        if (!Number.isFinite(value)) continue;
        subjectsOf.set(name, (subjectsOf.get(name) ?? new Set()).add(subject));
        if (cumulative.has(name)) addCounter(keyOf(subject, name), { atMs, value }, place);
        else if (place === 'inside') addGauge(keyOf(subject, name), value);
        if (place === 'inside') distributions.add(keyOf(subject, name), name, value);
        if (name === 'lagMs' && place === 'inside') addLag(subject, atMs, value);
      }
    },
    summarise(fromMs, toMs) {
      closePart(fromMs, toMs);
      const observed = [...lags].filter(([, samples]) => samples.observedParts === parts);
      const all = build({ numberOfSignificantValueDigits: 3 });
      for (const [, { histogram }] of observed) all.add(histogram);
      return {
        increase: (subject, name) => increases.get(keyOf(subject, name))?.by ?? null,
        ratePerSecond: (subject, name) => {
          const found = increases.get(keyOf(subject, name)) ?? null;
          return found === null ? null : (found.by / found.inMs) * 1000;
        },
        gauge: gaugeOf,
        distribution: (subject, name) => distributions.of(keyOf(subject, name)),
        subjects: (name) => [...(subjectsOf.get(name) ?? [])],
        lag: (subject) => {
          const found = observed.find(([name]) => name === subject);
          return found === undefined ? null : summariseLag(found[1].histogram, [subject]);
        },
        allLag:
          observed.length === 0
            ? null
            : summariseLag(
                all,
                observed.map(([name]) => name),
              ),
      };
    },
  };
}

/** The reading inside when it is close to the edge, else the one just outside when there is one. */
function nearEdge(
  edgeMs: number,
  inside: Point | null,
  outside: Point | null,
  lengthMs: number,
): Point | null {
  const far = inside === null || Math.abs(inside.atMs - edgeMs) > farFromEdgeShare * lengthMs;
  return far ? (outside ?? inside) : inside;
}

function earlier(known: Point | null, point: Point): Point {
  return known === null || point.atMs < known.atMs ? point : known;
}

function later(known: Point | null, point: Point): Point {
  return known === null || point.atMs >= known.atMs ? point : known;
}

function keyOf(subject: string, name: string): string {
  return `${subject}\n${name}`;
}

function largest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
