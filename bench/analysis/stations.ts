import type { Arm, Bottleneck, SliceResult } from '../model.ts';
import { applicationParts, isInstance } from './application-parts.ts';
import { known, median } from './median.ts';
import { nodeNames } from './slice.ts';

/** Share of the machine from which on other programs belong into the sentence. */
const notableForeignPercent = 10;

export type Station = Bottleneck['utilisation'][number] & {
  /** Whether `percent` is measured against something that the station cannot exceed. */
  readonly bounded: boolean;
  readonly throttledPercent: number | null;
  readonly described: string;
};

/** Everything that a request passes, median over the given slices; the application is there unobserved, too. */
export function stationsOf(slices: readonly SliceResult[], arm: Arm): readonly Station[] {
  const nodes = nodeNames(arm);
  const subjects = [...new Set(slices.flatMap((slice) => Object.keys(slice.cpu)))];
  const parts = applicationParts(subjects, nodes);
  const tier = parts.some(isInstance) ? parts : ['app', ...parts];
  const instances = tier.filter(isInstance);
  return [
    ...nodes.map((name) => quotaStation(name, slices)),
    ...tier.map((name) =>
      isInstance(name)
        ? instanceStation(name, slices, name === instances[0] ? instances.length : 0)
        : // nginx, redis: no one thread bounds them, only a quota.
          quotaStation(name, slices),
    ),
    generatorStation(slices),
    hostStation(slices),
  ];
}

function quotaStation(name: string, slices: readonly SliceResult[]): Station {
  const use = cpuUse(name, slices);
  const bounded = use.quotaCores !== null;
  const quota = bounded ? 'of its CPU quota' : 'of one core, without a quota';
  const note = [usedOfQuota(use), ...stopped(use.throttledPercent)].join(', ');
  return { station: name, ...use, note, bounded, described: `${name} (${details(use, quota)})` };
}

/**
 * One process of the application. `tellsFor`: what the instances say of themselves stands beside the first
 * and is of so many of them.
 */
function instanceStation(name: string, slices: readonly SliceResult[], tellsFor: number): Station {
  const use = cpuUse(name, slices);
  const byQuota = use.quotaCores !== null && use.quotaCores < 1;
  const bound = byQuota ? 'of its CPU quota' : 'of one core';
  const delayMs = median(known(slices.map((slice) => slice.app.eventLoopDelayP99Ms)));
  const waiting = median(known(slices.map((slice) => slice.app.poolWaiting)));
  const own = [
    ...(delayMs === null ? [] : [`event-loop delay P99 ${delayMs.toFixed(0)} ms`]),
    ...(waiting === null ? [] : [`${waiting.toFixed(1)} requests waiting for a connection`]),
  ];
  const note = [
    byQuota ? usedOfQuota(use) : 'of one core: JavaScript runs on one thread',
    ...stopped(use.throttledPercent),
    ...(tellsFor === 0 || own.length === 0
      ? []
      : [`${tellsFor > 1 ? `all ${tellsFor} instances: ` : ''}${own.join(', ')}`]),
  ].join(', ');
  const called = name === 'app' ? 'the application' : name;
  return { station: name, ...use, note, bounded: true, described: `${called} (${details(use, bound)})` };
}

interface CpuUse {
  readonly percent: number | null;
  readonly cores: number | null;
  readonly quotaCores: number | null;
  readonly throttledPercent: number | null;
}

function details({ percent, throttledPercent }: CpuUse, bound: string): string {
  return [`${show(percent)} ${bound}`, ...stopped(throttledPercent)].join(', ');
}

function cpuUse(name: string, slices: readonly SliceResult[]): CpuUse {
  const middle = (pick: keyof CpuUse): number | null =>
    median(known(slices.map((slice) => slice.cpu[name]?.[pick])));
  return {
    percent: middle('percent'),
    cores: middle('cores'),
    quotaCores: middle('quotaCores'),
    throttledPercent: middle('throttledPercent'),
  };
}

function usedOfQuota({ cores, quotaCores }: CpuUse): string {
  if (cores === null) return 'not observed';
  const used = `${cores.toFixed(2)} cores used`;
  return quotaCores === null
    ? `${used}, no quota`
    : `${used} of a quota of ${Number(quotaCores.toPrecision(3))}`;
}

function stopped(throttledPercent: number | null): readonly string[] {
  return throttledPercent === null ? [] : [`stopped by it in ${throttledPercent.toFixed(0)} % of periods`];
}

function generatorStation(slices: readonly SliceResult[]): Station {
  const percent = median(slices.map((slice) => slice.generator.cpuPercent));
  const delayMs = median(slices.map((slice) => slice.generator.eventLoopDelayP99Ms));
  const note = `of one core, event-loop delay P99 ${delayMs === null ? '?' : delayMs.toFixed(0)} ms`;
  return plainStation('generator', percent, note, `the load generator (${show(percent)} of one core)`);
}

function hostStation(slices: readonly SliceResult[]): Station {
  const percent = median(known(slices.map((slice) => slice.host.busyPercent)));
  const foreign = median(known(slices.map((slice) => slice.host.foreignPercent)));
  const note = `of all cores${foreign === null ? '' : `, ${foreign.toFixed(0)} % by other programs`}`;
  const others =
    foreign !== null && foreign >= notableForeignPercent ? `, ${foreign.toFixed(0)} % by other programs` : '';
  return plainStation('host', percent, note, `the whole machine (${show(percent)} of all cores${others})`);
}

function plainStation(name: string, percent: number | null, note: string, described: string): Station {
  return { station: name, percent, note, bounded: true, throttledPercent: null, described };
}

function show(percent: number | null): string {
  return percent === null ? 'not observed' : `${percent.toFixed(0)} %`;
}
