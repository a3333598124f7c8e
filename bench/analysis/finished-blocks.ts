import type { ArmResult, RunPlan, SliceKind } from '../model.ts';

/** Slices that metrics come from; warm-up and calibration are in the journal only. */
export const measuredKinds = ['steady', 'read-saturation', 'write-saturation'] as const satisfies SliceKind[];

/**
 * Numbers of the blocks in which every arm has all the slices that the plan asks of a visit, ascending; of one that
 * was cut short, all that it came to.
 */
export function finishedBlocks(
  arms: readonly Pick<ArmResult, 'slices'>[],
  plan: Pick<RunPlan, 'scenario' | 'slices'>,
  cut: readonly number[] = [],
): readonly number[] {
  const kinds = kindsOf(plan);
  const blocks = new Set(arms[0]?.slices.map(({ block }) => block));
  const complete = (arm: Pick<ArmResult, 'slices'>, block: number): boolean =>
    kinds
      .filter((kind) => kind === 'steady' || !cut.includes(block))
      .every((kind) => arm.slices.some((slice) => slice.block === block && slice.kind === kind));
  return [...blocks].filter((block) => arms.every((arm) => complete(arm, block))).sort((a, b) => a - b);
}

/** Of a scenario that only reads, writes are never saturated, and the other way round. */
function kindsOf({
  scenario: { readShare },
  slices,
}: Pick<RunPlan, 'scenario' | 'slices'>): readonly SliceKind[] {
  return measuredKinds.filter(
    (kind) =>
      (slices?.includes(kind) ?? true) &&
      (kind !== 'read-saturation' || readShare > 0) &&
      (kind !== 'write-saturation' || readShare < 1),
  );
}
