import type { Arm, LoadResult, Scenario, SliceKind, SliceParts } from '../model.ts';
import { Together } from '../topology/cleanup.ts';
import { type Contender, openContender, type VisitContext, type VisitSlice } from './contender.ts';

/** Successful answers inside the scheduled length. */
export function okAnswers(load: LoadResult): number {
  return load.operations.reduce((sum, operation) => sum + operation.inTime.ok, 0);
}

/**
 * A connection's first use of each statement loads catalogues, plans and pages: several times the cost of the
 * statement itself. So many requests for each connection of the load are needed until that is past.
 */
const warmUpRequestsPerConnection = 20;
const mostWarmUps = 4;

/**
 * One arm in one block: a fresh cluster and application, the slices in order, everything down again.
 * The results are those of the slices that are not warm-ups.
 * @throws EnvironmentError when a node, the application or the generator ends during a slice
 */
export async function visit(
  context: VisitContext,
  arm: Arm,
  block: number,
  slices: readonly VisitSlice[],
): Promise<readonly LoadResult[]> {
  await using contender = await openContender(context, arm, () => true);
  const results: LoadResult[] = [];
  for (const slice of slices) {
    if (slice.kind === 'warm-up') await warmUp(context.scenario, () => contender.load(block, slice));
    else results.push(await contender.measure(block, slice));
  }
  return results;
}

/**
 * Two arms in one block, both up all the time and loaded in turn: each slice in so many parts, the order of
 * the arms reversed from part to part (AB BA AB ...), so that a machine that gets slower or faster within
 * seconds does so for both. Only saturation slices have quotas: both arms have the same cluster, and at a
 * steady rate all that a quota adds to a P95 is the wait for the next period.
 *
 * A block in which an arm has lost more than `hopelessShare` of its steady requests so far ends early, after both had
 * the same: more parts would say the same, each after the time that requests take to run out and replicas to catch
 * up. Errors as for `visit`.
 */
export async function duel(
  context: VisitContext,
  arms: readonly Arm[],
  block: number,
  slices: readonly VisitSlice[],
  parts: SliceParts,
  hopelessShare: number,
): Promise<void> {
  await using all = new Together();
  const contenders = await openTogether(context, arms, all);
  for (const slice of slices) {
    if (slice.kind === 'warm-up') {
      for (const contender of contenders) await contender.load(block, slice);
      // What full speed leaves behind (garbage, pages to write) would be found in the first measured part.
      const calm = { ...slice, pace: 'steady', seconds: slice.seconds / 3 } as const;
      for (const contender of contenders) await contender.measure(block, calm);
      continue;
    }
    const { count, seconds } = parts[slice.kind] ?? { count: 1, seconds: slice.seconds };
    const soFar = new Map<Contender, LoadResult[]>(contenders.map((contender) => [contender, []]));
    for (let part = 1; part <= count; part += 1) {
      for (const contender of part % 2 === 1 ? contenders : contenders.toReversed()) {
        soFar.get(contender)?.push(await contender.measure(block, { ...slice, seconds, part }));
      }
      if (slice.kind !== 'steady') continue;
      for (const [{ name }, loads] of soFar) {
        const lost = lostShare(loads);
        if (lost <= hopelessShare) continue;
        const reason = `${name} lost ${(lost * 100).toFixed(0)} % of the requests`;
        context.record({ type: 'block-cut', atMs: context.ports.clock(), block, reason });
        return context.flush();
      }
    }
  }
}

/** All at the same time, which is faster even on two cores. The first failure is the one to report. */
async function openTogether(
  context: VisitContext,
  arms: readonly Arm[],
  all: Together,
): Promise<readonly Contender[]> {
  const opening = arms.map((arm) => openContender(context, arm, isSaturation));
  const opened = await Promise.allSettled(opening);
  const contenders = opened.flatMap((one) => (one.status === 'fulfilled' ? [all.use(one.value)] : []));
  // Rejects as the first did that failed.
  await Promise.all(opening);
  return contenders;
}

/** Of the requests that were due, how many did not get a good answer. */
function lostShare(loads: readonly LoadResult[]): number {
  const operations = loads.flatMap((load) => load.operations);
  const outcomes = operations.flatMap((operation) => Object.entries(operation.outcomes));
  const due = outcomes.reduce((sum, [, count]) => sum + count, 0);
  const ok = outcomes.reduce((sum, [outcome, count]) => sum + (outcome === 'ok' ? count : 0), 0);
  return due === 0 ? 0 : 1 - ok / due;
}

function isSaturation(kind: SliceKind): boolean {
  return kind === 'read-saturation' || kind === 'write-saturation';
}

/** Once is enough for one process with a few connections, not for several behind a balancer. */
async function warmUp({ load }: Scenario, measure: () => Promise<LoadResult>): Promise<void> {
  const enough = load.saturationConnections * warmUpRequestsPerConnection;
  let answers = 0;
  for (let times = 0; times < mostWarmUps && answers < enough; times++) {
    const more = okAnswers(await measure());
    if (more === 0) return;
    answers += more;
  }
}
