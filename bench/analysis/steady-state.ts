import type { Finding, LoadProgress, Scenario } from '../model.ts';
import type { SliceEnd } from './slice.ts';
import { warmUpCut } from './warm-up-cut.ts';

/**
 * Whether the latency of a steady slice came to rest in its first half. Asked of the P95 of each second, on
 * the log scale, so that one spike does not outweigh all else. Only slices of 100 seconds or more have enough
 * of them, and one whose rate is bent by a profile is not meant to rest. Id: `no-steady-state`.
 */
export function assessSteadyState(
  end: SliceEnd,
  progress: readonly LoadProgress[],
  { load: { profile } }: Scenario,
): readonly Finding[] {
  if (end.kind !== 'steady' || profile !== undefined) return [];
  const { startedAtMs, durationMs } = end.load;
  const measured = progress.filter(({ atMs }) => atMs >= startedAtMs && atMs <= startedAtMs + durationMs);
  return (['read', 'write'] as const).flatMap((name): readonly Finding[] => {
    const series = measured.flatMap(({ interval }) => {
      const { p95Ms } = interval[name];
      return p95Ms === null || p95Ms <= 0 ? [] : [Math.log(p95Ms)];
    });
    const cut = warmUpCut(series);
    if (cut === null || cut.steady) return [];
    const share = ((100 * cut.points) / series.length).toFixed(0);
    return [
      {
        severity: 'info',
        id: 'no-steady-state',
        message: `${end.arm}, block ${end.block}, ${end.kind}: the P95 of the ${name}s did not come to rest in the first half of the slice (MSER-5 would cut the first ${share} %), so its figures depend on the length of the slice; about one slice in twenty looks like this by chance`,
      },
    ];
  });
}
