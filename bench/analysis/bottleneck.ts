import type { Arm, Bottleneck, RunPlan, SliceKind, SliceResult } from '../model.ts';
import { median } from './median.ts';
import { nodeNames } from './slice.ts';

/** A station at or beyond this share of what it may use is taken to be used up. */
export const usedUpPercent = 85;

/** A saturated node stopped in this share of its quota's periods is limited by it, however low its mean. */
const throttledLimitPercent = 75;

/** Share of the machine from which on other programs belong into the sentence. */
const notableForeignPercent = 10;

type Station = Bottleneck['utilisation'][number] & {
  /** Whether `percent` is measured against something that the station cannot exceed. */
  readonly bounded: boolean;
  readonly throttledPercent: number | null;
  readonly described: string;
};

/**
 * Utilisation, saturation and errors (Gregg's USE method) of every station that a request passes,
 * median over the blocks, and which of them limits the arm in slices of this kind.
 * @returns null without slices of the kind
 */
export function findBottleneck(
  slices: readonly SliceResult[],
  kind: SliceKind,
  arm: Arm,
  plan: Pick<RunPlan, 'nodeCpus' | 'limitMethod'>,
): Bottleneck | null {
  const measured = slices.filter((slice) => slice.kind === kind);
  if (measured.length === 0) return null;
  const stations = [
    ...nodeNames(arm).map((name) => nodeStation(name, measured, plan)),
    appStation(measured),
    generatorStation(measured),
    hostStation(measured),
  ];
  const { station, sentence } = nameLimit(stations, measured, kind);
  return {
    station,
    sentence,
    utilisation: stations.map(({ station, percent, note }) => ({ station, percent, note })),
  };
}

function nameLimit(
  stations: readonly Station[],
  slices: readonly SliceResult[],
  kind: SliceKind,
): Pick<Bottleneck, 'station' | 'sentence'> {
  const byUse = [...stations].sort((a, b) => (b.percent ?? -1) - (a.percent ?? -1));
  const usedUp = byUse.filter(({ bounded, percent }) => bounded && (percent ?? 0) >= usedUpPercent);
  // An open loop below capacity is met by bursts that touch the quota; that limits nothing.
  const throttled =
    kind === 'steady'
      ? []
      : byUse.filter(({ throttledPercent }) => (throttledPercent ?? 0) >= throttledLimitPercent);
  const limiting = usedUp.length > 0 ? usedUp : throttled;
  const [first, ...others] = limiting;
  if (first !== undefined) {
    const beside = others.map(({ described }) => described).join(' and ');
    return {
      station: first.station,
      sentence: `${first.described} is the limit${beside === '' ? '' : `, with ${beside} used up beside it`}.`,
    };
  }
  const [busiest] = byUse.filter(({ bounded, percent }) => bounded && percent !== null);
  if (busiest === undefined) {
    return { station: 'none', sentence: 'No station could be observed, so what limits is unknown.' };
  }
  return {
    station: 'none',
    sentence: `No station is used up: the busiest is ${busiest.described}. ${suspects(slices)}`,
  };
}

/** What may limit when no CPU does, in the order in which to look. */
function suspects(slices: readonly SliceResult[]): string {
  const waiting = median(known(slices.map((slice) => slice.app.poolWaiting)));
  const inUse = median(known(slices.map((slice) => slice.app.poolInUse)));
  if (waiting !== null && waiting >= 1) {
    const use = inUse === null ? '' : ` with ${inUse.toFixed(1)} in use`;
    return `On average ${waiting.toFixed(1)} requests waited for a database connection${use}: the pool is probably too small.`;
  }
  const pool = waiting === null ? 'the size of the connection pool (not observed), ' : '';
  return `What is left: ${pool}too few connections of the generator, row locks, commit latency of the disk, the network.`;
}

function nodeStation(
  name: string,
  slices: readonly SliceResult[],
  plan: Pick<RunPlan, 'nodeCpus' | 'limitMethod'>,
): Station {
  const percent = median(known(slices.map((slice) => slice.cpu[name]?.percent)));
  const cores = median(known(slices.map((slice) => slice.cpu[name]?.cores)));
  const throttledPercent = median(known(slices.map((slice) => slice.cpu[name]?.throttledPercent)));
  const bounded = plan.nodeCpus !== null && plan.limitMethod !== 'none';
  const used = cores === null ? 'not observed' : `${cores.toFixed(2)} cores used`;
  const notes = [
    bounded && plan.nodeCpus !== null
      ? `${used} of a quota of ${Number(plan.nodeCpus.toPrecision(3))}`
      : `${used}, no quota`,
    ...(throttledPercent === null ? [] : [`stopped by it in ${throttledPercent.toFixed(0)} % of periods`]),
  ];
  const quota = bounded ? 'of its CPU quota' : 'of one core, without a quota';
  return {
    station: name,
    percent,
    note: notes.join(', '),
    bounded,
    throttledPercent,
    described: `${name} (${show(percent)} ${quota}${throttledPercent === null ? '' : `, stopped by it in ${throttledPercent.toFixed(0)} % of periods`})`,
  };
}

function appStation(slices: readonly SliceResult[]): Station {
  const percent = median(known(slices.map((slice) => slice.cpu['app']?.percent)));
  const delayMs = median(known(slices.map((slice) => slice.app.eventLoopDelayP99Ms)));
  const waiting = median(known(slices.map((slice) => slice.app.poolWaiting)));
  const notes = [
    'of one core: JavaScript runs on one thread',
    ...(delayMs === null ? [] : [`event-loop delay P99 ${delayMs.toFixed(0)} ms`]),
    ...(waiting === null ? [] : [`${waiting.toFixed(1)} requests waiting for a connection`]),
  ];
  return plainStation('app', percent, notes.join(', '), `the application (${show(percent)} of one core)`);
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

function plainStation(station: string, percent: number | null, note: string, described: string): Station {
  return { station, percent, note, bounded: true, throttledPercent: null, described };
}

function known(values: readonly (number | null | undefined)[]): readonly number[] {
  return values.filter((value) => typeof value === 'number');
}

function show(percent: number | null): string {
  return percent === null ? 'not observed' : `${percent.toFixed(0)} %`;
}
