import type { ArmResult, MetricId } from '../../../bench/model.ts';
import { replicatedArm } from '../journal-builder.ts';

/** An arm with these values, block by block from 1 on; undefined = not measured in that block. */
export function armWith(
  name: string,
  metrics: Readonly<Partial<Record<MetricId, readonly (number | undefined)[]>>>,
): ArmResult {
  const entries = Object.entries(metrics).map(([metric, values]) => {
    const perBlock = values.flatMap((value, index) =>
      value === undefined ? [] : [{ block: index + 1, value }],
    );
    return [metric, { value: Number.NaN, low: null, high: null, blocks: perBlock.length, perBlock }] as const;
  });
  return {
    ...replicatedArm,
    name,
    nodes: [],
    slices: [],
    bottleneck: {},
    metrics: Object.fromEntries(entries),
  };
}

/** Values that spread by about 2 % around `centre`, no two of them alike. */
export function spread(centre: number, blocks: number): readonly number[] {
  return Array.from({ length: blocks }, (_, block) => centre * (1 + 0.02 * Math.sin(block * 2.4 + 1)));
}

export function blocksUpTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
