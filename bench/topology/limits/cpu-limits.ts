/** CPU quotas: what makes several nodes on one machine stand for several machines. */
import type { CpuSource, Finding, LimitMethod } from '../../model.ts';
import type { Guardian } from '../guardian.ts';

export interface CpuLimits {
  readonly method: LimitMethod;
  /** Folders in which groups are made; leftovers of earlier runs are looked for there. */
  readonly parents: readonly string[];
  /** Why quotas are not available; null when they are. */
  readonly finding: Finding | null;
  /** `part` is the node's name; it becomes part of the group's name. */
  createGroup(part: string): Promise<CpuGroup>;
}

/** Holds one process and all its descendants. Disposing expects them to have ended. */
export interface CpuGroup extends AsyncDisposable {
  /** The command to start instead, for methods that start the process themselves. */
  wrap(command: readonly [string, ...string[]]): readonly [string, ...string[]];
  /** Puts a process into the group; it must not have forked yet. */
  add(pid: number): Promise<void>;
  /** Cores the group may use from now on, null = all. */
  limit(cpus: number | null): Promise<void>;
  /** Where the group's CPU time is counted; `pid` is the process that was added. */
  cpuSource(pid: number): CpuSource;
}

/** Quota and period in microseconds for so many cores. */
export function quotaOf(cpus: number): { readonly quotaUs: number; readonly periodUs: number } {
  // A short period keeps the pauses of a throttled node below the latencies measured. The kernel
  // refuses quotas under 1 ms, so very small shares need a longer one.
  const periodUs = Math.max(10_000, Math.ceil(1000 / cpus));
  return { quotaUs: Math.max(1000, Math.round(cpus * periodUs)), periodUs };
}

/** One method tried: the limits, or why they cannot be had this way. */
export type LimitAttempt = (options: {
  readonly guardian: Guardian;
  /** In place of `/`. */
  readonly root: string;
  /** Proves that a group can be made, limited and filled; throws what the system said. */
  readonly tryOut: (create: () => Promise<CpuGroup>) => Promise<void>;
}) => Promise<CpuLimits | { readonly reason: string }>;
