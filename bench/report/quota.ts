/** Whether the nodes' CPU had a quota, and hence what their figures are shares of. */
import type { RunResult } from '../model.ts';

/** Whether each node had a CPU quota, so that it stands for a machine. */
export function hasQuota(result: Pick<RunResult, 'nodeCpus' | 'limitMethod'>): boolean {
  return result.nodeCpus !== null && result.limitMethod !== 'none';
}

/** Of arms that were measured in turn: at the steady rate their nodes had none. */
export function isQuotaAtSaturationOnly(
  result: Pick<RunResult, 'nodeCpus' | 'limitMethod' | 'arms'>,
): boolean {
  const steady = result.arms.flatMap(({ slices }) => slices.filter(({ kind }) => kind === 'steady'));
  const quotas = steady.flatMap(({ cpu }) => cpu['primary'] ?? []).map(({ quotaCores }) => quotaCores);
  return hasQuota(result) && quotas.length > 0 && quotas.every((cores) => cores === null);
}

/** Unit of the nodes' CPU figures at the steady rate: a share of the quota where there is one. */
export function cpuUnit(result: Pick<RunResult, 'nodeCpus' | 'limitMethod' | 'arms'>): string {
  return hasQuota(result) && !isQuotaAtSaturationOnly(result) ? '% of quota' : '% of one core';
}
