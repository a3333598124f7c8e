import type { Arm, Bottleneck, SliceKind, SliceResult } from '../model.ts';
import { known, median } from './median.ts';
import { type Station, stationsOf } from './stations.ts';

/** A station at or beyond this share of what it may use is taken to be used up. */
export const usedUpPercent = 85;

/** A saturated node stopped in this share of its quota's periods is limited by it, however low its mean. */
const throttledLimitPercent = 75;

/**
 * Utilisation, saturation and errors (Gregg's USE method) of every station that a request passes,
 * median over the blocks, and which of them limits the arm in slices of this kind.
 * @returns null without slices of the kind
 */
export function findBottleneck(slices: readonly SliceResult[], kind: SliceKind, arm: Arm): Bottleneck | null {
  const measured = slices.filter((slice) => slice.kind === kind);
  if (measured.length === 0) return null;
  const stations = stationsOf(measured, arm);
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
