import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { CpuSource } from '../model.ts';

type CgroupSource = Extract<CpuSource, { kind: 'cgroup' }>;

/** CPU time of a cgroup since its creation, exited processes included. */
export interface CgroupCpu {
  readonly cpuMs: number;
  /** Of groups with a quota only. */
  readonly throttling?: {
    readonly throttledMs: number;
    readonly throttledPeriods: number;
    readonly periods: number;
  };
  /** What the group may use, of groups with a quota only. */
  readonly quotaCores?: number;
}

/**
 * Reads the counters of a cgroup, version 1 (nanoseconds) or 2 (microseconds).
 * Throws what the file system says when the group is gone.
 */
export function readCgroupCpu(source: CgroupSource): CgroupCpu {
  const stat = fields(readFileSync(path.join(source.throttleDir, 'cpu.stat'), 'latin1'));
  const cpuMs = source.version === 1 ? usageOfVersion1(source) : usageOfVersion2(source, stat);
  const quotaCores = quotaOf(source);
  if (quotaCores === null) return { cpuMs };
  const throttledMs =
    source.version === 1 ? count(stat, 'throttled_time') / 1e6 : count(stat, 'throttled_usec') / 1e3;
  const throttledPeriods = count(stat, 'nr_throttled');
  return {
    cpuMs,
    throttling: { throttledMs, throttledPeriods, periods: count(stat, 'nr_periods') },
    quotaCores,
  };
}

function usageOfVersion1(source: CgroupSource): number {
  return Number(readFileSync(path.join(source.usageDir, 'cpuacct.usage'), 'latin1')) / 1e6;
}

function usageOfVersion2(source: CgroupSource, throttleStat: ReadonlyMap<string, number>): number {
  const stat =
    source.usageDir === source.throttleDir
      ? throttleStat
      : fields(readFileSync(path.join(source.usageDir, 'cpu.stat'), 'latin1'));
  return count(stat, 'usage_usec') / 1e3;
}

/** Asked each time: a drill may set or lift the quota while the node runs. */
function quotaOf(source: CgroupSource): number | null {
  const read = (file: string): string => readFileSync(path.join(source.throttleDir, file), 'latin1');
  if (source.version === 1) {
    const quotaUs = Number(read('cpu.cfs_quota_us'));
    return quotaUs > 0 ? quotaUs / Number(read('cpu.cfs_period_us')) : null;
  }
  const [quotaUs, periodUs] = read('cpu.max').trim().split(' ');
  return quotaUs === 'max' ? null : Number(quotaUs) / Number(periodUs);
}

function fields(text: string): ReadonlyMap<string, number> {
  const result = new Map<string, number>();
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ');
    if (space > 0) result.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return result;
}

function count(stat: ReadonlyMap<string, number>, name: string): number {
  const value = stat.get(name);
  if (value === undefined) throw new Error(`cpu.stat has no line ${name}`);
  return value;
}
