import type { AppHealth, SliceResult } from '../model.ts';
import type { SliceReadings } from './slice-readings.ts';

/** Whether a part of the application tier is one of its own processes, and not nginx or redis beside them. */
export function isInstance(part: string): boolean {
  return /^app\d*$/.test(part);
}

/** Subjects of CPU readings that are neither nodes nor the harness: instances by number, then the others. */
export function applicationParts(subjects: readonly string[], nodes: readonly string[]): readonly string[] {
  const others = new Set([...nodes, 'generator', 'harness', 'links']);
  return subjects
    .filter((subject) => !others.has(subject))
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b, 'en', { numeric: true }));
}

function rank(part: string): number {
  return isInstance(part) ? 0 : part === 'docker' ? 2 : 1;
}

/** Cores that all instances used together; null when one was not observed, or there are none. */
export function coresOfInstances({ cpu }: Pick<SliceResult, 'cpu'>): number | null {
  const instances = Object.entries(cpu).filter(([name]) => isInstance(name));
  return instances.length === 0 ? null : sumOfAll(instances.map(([, { cores }]) => cores));
}

/** Over all the instances. */
export function appHealth(readings: SliceReadings, instances: readonly string[]): AppHealth {
  const gauges = (name: string) => instances.map((instance) => readings.gauge(instance, name));
  const delays = gauges('eventLoopDelayP99Ms').flatMap((gauge) => gauge?.max ?? []);
  const gcMsPerSecond = sumOfAll(instances.map((instance) => readings.ratePerSecond(instance, 'gcMs')));
  return {
    eventLoopDelayP99Ms: delays.length === 0 ? null : Math.max(...delays),
    gcPercent: gcMsPerSecond === null ? null : gcMsPerSecond / 10 / instances.length,
    poolWaiting: sumOfAll(gauges('poolWaiting').map((gauge) => gauge?.mean ?? null)),
    poolInUse: sumOfAll(gauges('poolInUse').map((gauge) => gauge?.mean ?? null)),
    ...cacheShares(readings, instances),
    takenOver: takenOver(readings, instances),
  };
}

function takenOver(readings: SliceReadings, instances: readonly string[]): AppHealth['takenOver'] {
  const rate = (name: string): number | null =>
    sumOfAll(instances.map((instance) => readings.ratePerSecond(instance, name)));
  const most = (name: string): number | null =>
    sumOfAll(instances.map((instance) => readings.gauge(instance, name)?.max ?? null));
  const [limit, limitHz] = [most('takenOverLimit'), most('takenOverLimitHz')];
  if (limit === null || limitHz === null) return null;
  return {
    ...{ rateHz: rate('readsTakenOver'), limitHz, most: most('takenOverMost'), limit },
    rejectedHz: rate('readsRejected'),
  };
}

function cacheShares(
  readings: SliceReadings,
  instances: readonly string[],
): Pick<AppHealth, 'cacheHitPercent' | 'cacheErrorPercent'> {
  const total = (name: string): number | null =>
    sumOfAll(instances.map((instance) => readings.increase(instance, name)));
  const [hits, misses, errors] = [total('cacheHits'), total('cacheMisses'), total('cacheErrors')];
  const reads = sumOfAll([hits, misses, errors]);
  const share = (count: number | null): number | null =>
    count === null || !reads ? null : (count / reads) * 100;
  return { cacheHitPercent: share(hits), cacheErrorPercent: share(errors) };
}

/** Null when any is unknown, or there are none: the sum of the others would be too small. */
function sumOfAll(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0 || known.length < values.length) return null;
  return known.reduce((sum, value) => sum + value, 0);
}
