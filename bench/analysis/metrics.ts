import {
  type Checked,
  type MetricId,
  type MetricValue,
  metricIds,
  type SliceKind,
  type SliceResult,
} from '../model.ts';
import { coresOfInstances } from './application-parts.ts';
import { addOutcomes, countDue } from './latency.ts';
import { median, medianInterval } from './median.ts';
import type { MeasuredSlice } from './slice.ts';

export type MetricValues = Readonly<Partial<Record<MetricId, MetricValue>>>;

/** What a metric is called, its unit, and which way is better. */
export interface MetricDefinition {
  readonly unit: string;
  readonly direction: 'higher-is-better' | 'lower-is-better';
}

export const metricDefinitions: Readonly<Record<MetricId, MetricDefinition>> = {
  'read.qps': { unit: '1/s', direction: 'higher-is-better' },
  'write.qps': { unit: '1/s', direction: 'higher-is-better' },
  'read.p50Ms': { unit: 'ms', direction: 'lower-is-better' },
  'read.p95Ms': { unit: 'ms', direction: 'lower-is-better' },
  'read.p99Ms': { unit: 'ms', direction: 'lower-is-better' },
  'write.p50Ms': { unit: 'ms', direction: 'lower-is-better' },
  'write.p95Ms': { unit: 'ms', direction: 'lower-is-better' },
  'write.p99Ms': { unit: 'ms', direction: 'lower-is-better' },
  'primary.cpuPercent': { unit: '%', direction: 'lower-is-better' },
  'replicas.cpuPercent': { unit: '%', direction: 'lower-is-better' },
  'app.cpuMsPerRequest': { unit: 'ms', direction: 'lower-is-better' },
  'lag.p95Ms': { unit: 'ms', direction: 'lower-is-better' },
  'lag.maxBytes': { unit: 'B', direction: 'lower-is-better' },
  'errors.ratio': { unit: '', direction: 'lower-is-better' },
  'stale.ratio': { unit: '', direction: 'lower-is-better' },
  'ryw.violationsPer10k': { unit: 'per 10,000', direction: 'lower-is-better' },
  'monotonic.violationsPer10k': { unit: 'per 10,000', direction: 'lower-is-better' },
};

/**
 * One value per metric and block, then the median over blocks with its order-statistic interval.
 * A metric that no block has is absent.
 */
export function summarizeMetrics(
  slices: readonly MeasuredSlice[],
  replicas: readonly string[],
): MetricValues {
  const blocks = [...new Set(slices.map(({ result }) => result.block))].sort((a, b) => a - b);
  const entries = metricIds.flatMap((metric) => {
    const perBlock = blocks.flatMap((block) => {
      const ofBlock = slices.filter(({ result }) => result.block === block);
      const value = blockValue(metric, ofBlock, replicas);
      return value === null ? [] : [{ block, value }];
    });
    const value = summarizeBlocks(perBlock);
    return value === null ? [] : [[metric, value] as const];
  });
  return Object.fromEntries(entries);
}

/** Median over the blocks and its interval; null without any. */
export function summarizeBlocks(perBlock: MetricValue['perBlock']): MetricValue | null {
  const values = perBlock.map(({ value }) => value);
  const value = median(values);
  if (value === null) return null;
  const interval = medianInterval(values);
  return { value, low: interval?.low ?? null, high: interval?.high ?? null, blocks: values.length, perBlock };
}

function blockValue(
  metric: MetricId,
  slices: readonly MeasuredSlice[],
  replicas: readonly string[],
): number | null {
  const find = (kind: SliceKind): MeasuredSlice | undefined =>
    slices.find(({ result }) => result.kind === kind);
  const steady = find('steady');
  switch (metric) {
    case 'read.qps':
      return find('read-saturation')?.result.read.qps ?? null;
    case 'write.qps':
      return find('write-saturation')?.result.write.qps ?? null;
    case 'read.p50Ms':
      return steady?.result.read.responseTime.p50Ms ?? null;
    case 'read.p95Ms':
      return steady?.result.read.responseTime.p95Ms ?? null;
    case 'read.p99Ms':
      return steady?.result.read.responseTime.p99Ms ?? null;
    case 'write.p50Ms':
      return steady?.result.write.responseTime.p50Ms ?? null;
    case 'write.p95Ms':
      return steady?.result.write.responseTime.p95Ms ?? null;
    case 'write.p99Ms':
      return steady?.result.write.responseTime.p99Ms ?? null;
    case 'primary.cpuPercent':
      return steady?.result.cpu['primary']?.percent ?? null;
    case 'replicas.cpuPercent':
      return steady === undefined
        ? null
        : meanOfAll(replicas.map((name) => steady.result.cpu[name]?.percent));
    case 'app.cpuMsPerRequest':
      return steady === undefined ? null : cpuMsPerRequest(steady.result);
    case 'lag.p95Ms':
      return steady?.allLag?.p95Ms ?? null;
    case 'lag.maxBytes':
      return steady?.allLag?.maxBytes ?? null;
    case 'errors.ratio':
      return errorRatio(slices.map(({ result }) => result));
    case 'stale.ratio':
      return ratio(steady?.result.consistency?.stale, steady?.result.consistency?.reads);
    case 'ryw.violationsPer10k':
      return per10k(steady?.result.consistency?.ownWrites);
    case 'monotonic.violationsPer10k':
      return per10k(steady?.result.consistency?.monotonic);
  }
}

function per10k(checks: Checked | undefined): number | null {
  const share = ratio(checks?.violations, checks?.checked);
  return share === null ? null : share * 10_000;
}

function ratio(part: number | undefined, all: number | undefined): number | null {
  return part === undefined || all === undefined || all === 0 ? null : part / all;
}

/** Mean, or null when any is unknown: the mean of those that answered would flatter. */
function meanOfAll(values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => typeof value === 'number');
  if (known.length === 0 || known.length < values.length) return null;
  return known.reduce((sum, value) => sum + value, 0) / known.length;
}

function cpuMsPerRequest(slice: SliceResult): number | null {
  const cores = coresOfInstances(slice);
  return cores === null || slice.achievedRateHz === 0 ? null : (cores * 1000) / slice.achievedRateHz;
}

/** Requests that failed or never left, of all whose end is known; those cut off by the end are neither. */
function errorRatio(slices: readonly SliceResult[]): number | null {
  const outcomes = addOutcomes(slices.map((slice) => slice.outcomes));
  const known = countDue(outcomes) - outcomes['in-flight-at-end'];
  return known === 0 ? null : (known - outcomes.ok) / known;
}
