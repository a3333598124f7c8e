import { build, type Histogram } from 'hdr-histogram-js';
import type { Reading } from '../model.ts';

export interface Distribution {
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

/** Values that are summed up as distributions, and the smallest step that is told apart in each. */
const steps: Readonly<Record<string, number>> = { memoryBytes: 1024, coresUsed: 0.0001 };

export interface Distributions {
  add(key: string, name: string, value: number): void;
  of(key: string): Distribution | null;
}

/** One histogram a value: memory does not grow with the number of readings. */
export function createDistributions(): Distributions {
  const histograms = new Map<string, { readonly histogram: Histogram; readonly step: number }>();
  return {
    add(key, name, value) {
      const step = steps[name];
      if (step === undefined) return;
      const known = histograms.get(key) ?? { histogram: build({ numberOfSignificantValueDigits: 3 }), step };
      known.histogram.recordValue(Math.round(Math.max(0, value) / step));
      histograms.set(key, known);
    },
    of(key) {
      const found = histograms.get(key);
      if (found === undefined) return null;
      const { histogram, step } = found;
      const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) * step;
      return { p50: at(50), p95: at(95), max: histogram.maxValue * step };
    },
  };
}

/** Shorter than this, the kernel's clock ticks and a quota's periods would show more than the load does. */
const leastIntervalMs = 500;

/**
 * Adds to readings of `cpuMs` the gauge `coresUsed`: CPU time per time since about half a second ago. Readings
 * of one subject must come in the order of time.
 */
export function createCoreMeter(): (reading: Reading) => Reading {
  const marks = new Map<string, { readonly atMs: number; readonly cpuMs: number }>();
  return (reading) => {
    const cpuMs = reading.values['cpuMs'];
    if (cpuMs === undefined) return reading;
    const { atMs, subject } = reading;
    const mark = marks.get(subject);
    if (mark !== undefined && atMs - mark.atMs < leastIntervalMs) return reading;
    marks.set(subject, { atMs, cpuMs });
    if (mark === undefined || cpuMs < mark.cpuMs) return reading;
    const coresUsed = (cpuMs - mark.cpuMs) / (atMs - mark.atMs);
    return { ...reading, values: { ...reading.values, coresUsed } };
  };
}
