import type { LoadProgress, Reading } from '../model.ts';
import { applicationParts } from './application-parts.ts';
import { createSampleBuckets, type Sample, type SampleBuckets } from './sample-buckets.ts';

/**
 * `rate`: requests that ended, 1/s, by class. `p95`: P95 of those that ended within about a second, ms, by
 * class. `cores`: CPU by node, and of the application's parts together. `lag`: ms, by replica.
 */
export type Measure = 'rate' | 'p95' | 'cores' | 'lag';

export interface SeriesKey {
  readonly measure: Measure;
  readonly subject: string;
}

/** What happened inside one slice, point by point. */
export interface SliceSamples {
  readings(readings: readonly Reading[]): void;
  progress(progress: LoadProgress): void;
  /** What was observed from `fromMs` to `toMs` and not beyond, as points of times since `fromMs`. */
  close(fromMs: number, toMs: number): readonly (SeriesKey & { readonly points: readonly Point[] })[];
}

export interface Point {
  readonly atMs: number;
  readonly value: number;
}

/**
 * When a slice's measured time begins and ends is known at its end, and a drain may be as long as a time-out:
 * so much is kept as it came. What is older is in buckets already.
 */
const keptMs = 60_000;

/** Of a slice announced at `startedAtMs`; at most `capacity` points a series. */
export function collectSamples(
  startedAtMs: number,
  nodes: readonly string[],
  capacity: number,
): SliceSamples {
  const series = new Map<string, Series>();
  const counters = new Map<string, Point>();
  let lastProgressMs: number | null = null;
  let newestMs = startedAtMs;

  const take = (measure: Measure, subject: string, sample: Recent): void => {
    const key = `${measure}\n${subject}`;
    const known = series.get(key) ?? createSeries({ measure, subject }, startedAtMs, capacity);
    series.set(key, known);
    known.recent.push(sample);
    newestMs = Math.max(newestMs, sample.toMs);
    if (newestMs - (known.recent[0]?.toMs ?? newestMs) > 2 * keptMs) settle(known, newestMs - keptMs);
  };

  /** The cores that a cumulative count of CPU time stands for since its last reading; null when unknown. */
  const coresUsed = ({ subject, atMs, values }: Reading): Sample | null => {
    const cpuMs = values['cpuMs'];
    if (cpuMs === undefined || !Number.isFinite(cpuMs)) return null;
    const last = counters.get(subject);
    counters.set(subject, { atMs, value: cpuMs });
    if (last === undefined || atMs <= last.atMs || cpuMs < last.value) return null;
    return { fromMs: last.atMs, toMs: atMs, value: (cpuMs - last.value) / (atMs - last.atMs) };
  };

  return {
    readings(readings) {
      const cores = new Map<string, Sample | null>();
      for (const reading of readings) {
        const { atMs, subject, values } = reading;
        if (values['cpuMs'] !== undefined) cores.set(subject, coresUsed(reading));
        const lagMs = values['lagMs'];
        if (lagMs !== undefined && Number.isFinite(lagMs))
          take('lag', subject, { fromMs: atMs, toMs: atMs, value: lagMs });
      }
      for (const node of nodes) {
        const sample = cores.get(node);
        if (sample) take('cores', node, sample);
      }
      const parts = applicationParts([...cores.keys()], nodes).map((part) => cores.get(part) ?? null);
      const together = addUp(parts);
      if (together !== null) take('cores', 'application', together);
    },
    progress({ atMs, interval }) {
      const fromMs = lastProgressMs ?? startedAtMs;
      lastProgressMs = atMs;
      for (const name of ['read', 'write'] as const) {
        const { count, p95Ms } = interval[name];
        const span = { fromMs, toMs: atMs };
        if (atMs > fromMs) take('rate', name, { ...span, value: perSecond(count, fromMs, atMs), count });
        if (p95Ms !== null) take('p95', name, { ...span, value: p95Ms });
      }
    },
    close(fromMs, toMs) {
      return [...series.values()].flatMap(({ key, recent, buckets }) => {
        for (const sample of recent) {
          const inside = clip(sample, fromMs, toMs, startedAtMs);
          if (inside !== null) buckets.add(inside);
        }
        const points = buckets.points().map(({ atMs, value }) => ({ atMs: atMs - fromMs, value }));
        return points.length === 0 ? [] : [{ ...key, points }];
      });
    },
  };
}

interface Series {
  readonly key: SeriesKey;
  readonly buckets: SampleBuckets;
  recent: Recent[];
}

/** `count`: what a rate was made of, to be made again of a shorter time. */
type Recent = Sample & { readonly count?: number };

function createSeries(key: SeriesKey, originMs: number, capacity: number): Series {
  // Of percentiles there is no mean, and of lag the worst is what matters.
  const combine = key.measure === 'p95' || key.measure === 'lag' ? 'max' : 'mean';
  return { key, buckets: createSampleBuckets(originMs, capacity, combine), recent: [] };
}

function settle(series: Series, beforeMs: number): void {
  for (const sample of series.recent) if (sample.toMs < beforeMs) series.buckets.add(sample);
  series.recent = series.recent.filter((sample) => sample.toMs >= beforeMs);
}

/**
 * The first interval is counted from the slice's announcement, but nothing was sent before its measured time
 * began; any other that reaches over an edge says something of both sides.
 */
function clip(sample: Recent, fromMs: number, toMs: number, announcedMs: number): Sample | null {
  const { count } = sample;
  if (sample.toMs > toMs || sample.toMs < fromMs) return null;
  if (sample.fromMs >= fromMs) return sample;
  if (sample.fromMs !== announcedMs || sample.toMs === fromMs) return null;
  return {
    ...sample,
    fromMs,
    value: count === undefined ? sample.value : perSecond(count, fromMs, sample.toMs),
  };
}

function perSecond(count: number, fromMs: number, toMs: number): number {
  return (count / (toMs - fromMs)) * 1000;
}

/** Null when any is unknown: the sum of the others would be too small. */
function addUp(samples: readonly (Sample | null)[]): Sample | null {
  const known = samples.filter((sample) => sample !== null);
  const [first] = known;
  if (first === undefined || known.length < samples.length) return null;
  return { ...first, value: known.reduce((sum, { value }) => sum + value, 0) };
}
