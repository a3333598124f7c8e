/** How large a cluster may be, which share of the machine its nodes get, and what to say about it. */
import { type Finding, UsageError } from '../model.ts';
import { availableCores } from './limits/available-cores.ts';

export interface ClusterSize {
  /** Replicas of the largest arm, 0..8; the quota of every arm is computed from it. */
  readonly maxReplicas: number;
  /** Cores per node; `auto` = 0.4 x cores / nodes of the largest arm; null = no quota. */
  readonly nodeCpus: number | null | 'auto';
}

/** @throws UsageError naming the number and its bounds */
export function checkSize({ maxReplicas, nodeCpus }: ClusterSize): void {
  if (!Number.isInteger(maxReplicas) || maxReplicas < 0 || maxReplicas > 8) {
    throw new UsageError(`${maxReplicas} replicas: use a whole number from 0 to 8`);
  }
  if (typeof nodeCpus === 'number' && !(nodeCpus >= 0.01 && nodeCpus <= availableCores())) {
    throw new UsageError(
      `${nodeCpus} cores per node: use a number from 0.01 to ${availableCores()}, the cores of this machine`,
    );
  }
}

export function coresPerNode({ nodeCpus, maxReplicas }: ClusterSize): number | null {
  if (nodeCpus !== 'auto') return nodeCpus;
  return (0.4 * availableCores()) / (1 + maxReplicas);
}

/** `limitFinding` says why quotas cannot be had; null when they can. */
export function quotaFindings(limitFinding: Finding | null, nodeCpus: number | null): Finding[] {
  if (limitFinding !== null) return [limitFinding];
  if (nodeCpus !== null) return [];
  return [
    {
      severity: 'warning',
      id: 'no-quota',
      message:
        'no CPU quota was asked for: all nodes share the same cores. ' +
        'The ratio between the arms predicts nothing about replicas on machines of their own.',
    },
  ];
}

export function leftoverFindings(left: readonly string[]): Finding[] {
  if (left.length === 0) return [];
  const message = `an earlier run left something that could not be removed: ${left.join('; ')}`;
  return [{ severity: 'warning', id: 'leftovers', message }];
}
