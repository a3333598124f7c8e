import { type ArmResult, grossFactor, type Objective } from '../../model.ts';

/** So many blocks, one after the other from the first. */
export const grossBlocks = 3;

/**
 * Whether the candidate has missed a guard by three times or more in each of the first three blocks, while the reference
 * kept it in each: nothing that further blocks could change, and each of them would take long. No test, but it
 * cannot be met by chance: of equal builds one would have to break down three times and the other never.
 */
export function breaksDown(
  guards: readonly Objective[],
  reference: ArmResult,
  candidate: ArmResult,
  blocks: readonly number[],
): boolean {
  const first = blocks.slice(0, grossBlocks);
  if (first.length < grossBlocks) return false;
  return guards.some(({ metric, max }) => {
    if (max === undefined) return false;
    const of = (arm: ArmResult, block: number): number | undefined =>
      arm.metrics[metric]?.perBlock.find((one) => one.block === block)?.value;
    return first.every((block) => {
      const [before, after] = [of(reference, block), of(candidate, block)];
      return before !== undefined && after !== undefined && before <= max && after >= grossFactor * max;
    });
  });
}
