import type { ArmResult, Finding, RunPlan, SliceResult } from '../model.ts';
import { isInstance } from './application-parts.ts';
import { median } from './median.ts';
import { replicaNames } from './slice.ts';

/** Limits of {@link assessEnvironment}. */
export const environmentLimits = {
  foreignCpuPercent: 15,
  /** Share of disturbed slices above which the disturbance is more than a passing one. */
  disturbedShare: 0.1,
  /** In more slices than this share others took more than this much of the machine: no measurement. */
  takenPercent: 40,
  takenShare: 0.25,
  stealPercent: 5,
  /** Share of the reads of a replicated arm that the primary may serve before it is said. */
  primaryReadPercent: 10,
  /** Largest over smallest share of reads among the replicas. */
  replicaImbalance: 1.5,
  /** Least time before a fault, and of one that begins or ends within the slice. */
  beforeSeconds: 2,
  faultSeconds: 3,
  /** Answers per block from which on five of them lie beyond the P95. */
  answersForP95: 100,
} as const;

/**
 * Whether the machine and the routing let the run mean what it says. Ids: `no-quota`, `foreign-cpu`,
 * `foreign-cpu-unknown`, `steal`, `app-bound`, `few-requests`, `reads-cached`, `reads-unattributed`,
 * `reads-on-primary`, `replica-unused`, `reads-uneven`, `lag-missing`, `versions-missing`, `fault-short`.
 */
export function assessEnvironment(plan: RunPlan, arms: readonly ArmResult[]): readonly Finding[] {
  return [
    ...assessQuota(plan),
    ...assessFaults(plan),
    ...assessNeighbours(arms),
    ...assessCounts(arms),
    ...arms.flatMap((arm) => [
      ...assessApplication(arm, plan),
      ...assessCache(arm),
      ...assessRouting(whole(arm)),
      ...assessLag(whole(arm)),
      ...assessVersions(arm),
    ]),
  ];
}

function assessQuota(plan: RunPlan): readonly Finding[] {
  // Servers of somebody else are machines of their own, or not: that is theirs to know.
  if (plan.limitMethod === 'external') return [];
  if (plan.limitMethod !== 'none' && plan.nodeCpus !== null) return [];
  return [
    {
      severity: 'warning',
      id: 'no-quota',
      message:
        'the PostgreSQL nodes have no CPU quota and share the same cores, so a replica adds work but no machine: the ratio predicts nothing about replicas on machines of their own; run where cgroups can be written, or with a user systemd',
    },
  ];
}

/** Without the slices in which something was broken: a replica that is down serves no read, and that is no surprise. */
function whole(arm: ArmResult): ArmResult {
  return { ...arm, slices: arm.slices.filter(({ faults }) => faults === undefined) };
}

/** Percentiles of less than a second say little, and the first two seconds of a fault are apart. */
function assessFaults({ scenario, sliceSeconds }: RunPlan): readonly Finding[] {
  const { beforeSeconds, faultSeconds } = environmentLimits;
  const { faults = [] } = scenario;
  return faults.flatMap(({ kind, node, from, to = 1 }) => {
    if (from === 0 && to === 1) return [];
    const needed = Math.max(from === 0 ? 0 : beforeSeconds / from, faultSeconds / (to - from));
    if (sliceSeconds >= needed - 1e-9) return [];
    const length = (share: number): string => `${Number((share * sliceSeconds).toFixed(1))} s`;
    return [
      warning(
        'fault-short',
        `slices of ${sliceSeconds} s have ${length(from)} before and ${length(to - from)} of ${kind} on ${node}: too little for what is said of before and during; use --slice-seconds ${Math.ceil(needed)} or more`,
      ),
    ];
  });
}

function assessNeighbours(arms: readonly ArmResult[]): readonly Finding[] {
  const slices = arms.flatMap((arm) => arm.slices);
  const foreign = known(slices.map((slice) => slice.host.foreignPercent));
  const busy = foreign.filter((percent) => percent > environmentLimits.foreignCpuPercent);
  const steal = known(slices.map((slice) => slice.host.stealPercent));
  const stolen = steal.filter((percent) => percent > environmentLimits.stealPercent);
  return [
    ...(busy.length === 0
      ? []
      : [
          {
            severity: severityOfNeighbours(foreign, slices.length),
            id: 'foreign-cpu',
            message: `other programs used more than ${environmentLimits.foreignCpuPercent} % of the machine in ${busy.length} of ${slices.length} slices (median of all ${show(median(foreign))}, largest ${show(Math.max(...busy))}); absolute figures are too low, ratios less so; stop what else runs`,
          },
        ]),
    ...(slices.length > 0 && foreign.length < slices.length
      ? [
          {
            severity: 'info' as const,
            id: 'foreign-cpu-unknown',
            message: `the CPU use of other programs is unknown in ${slices.length - foreign.length} of ${slices.length} slices, because the CPU of a node, the application, the generator or the machine was not observed`,
          },
        ]
      : []),
    ...(stolen.length === 0
      ? []
      : [
          warning(
            'steal',
            `the hypervisor took more than ${environmentLimits.stealPercent} % of the CPU time in ${stolen.length} of ${slices.length} slices (largest ${show(Math.max(...stolen))}); use a machine that is not shared`,
          ),
        ]),
  ];
}

/** Somebody else's burst is a note; sharing the machine with somebody else's work is no measurement. */
function severityOfNeighbours(foreign: readonly number[], slices: number): Finding['severity'] {
  const beyond = (percent: number): number => foreign.filter((value) => value > percent).length / slices;
  const { foreignCpuPercent, disturbedShare, takenPercent, takenShare } = environmentLimits;
  if (beyond(takenPercent) > takenShare) return 'invalid';
  return beyond(foreignCpuPercent) > disturbedShare ? 'warning' : 'info';
}

/** An application that is used up hides what the replicas could serve. */
function assessApplication(arm: ArmResult, plan: RunPlan): readonly Finding[] {
  const station = arm.bottleneck['read-saturation']?.station ?? 'none';
  const what = isInstance(station) ? 'the application' : others[station];
  // Without quotas the nodes themselves use up the machine, and no-quota says what that means.
  if (arm.replicas === 0 || plan.nodeCpus === null || what === undefined) return [];
  const remedy = station === 'host' ? 'stop what else runs, or lower --node-cpus' : 'lower --node-cpus';
  return [
    warning(
      'app-bound',
      `${what}, not PostgreSQL, limits the reads of ${arm.name}: its read QPS is a lower bound of what the replicas can serve; ${remedy} so that the nodes are the limit`,
    ),
  ];
}

/** Stations that are neither nodes nor the application itself. */
const others: Readonly<Record<string, string>> = {
  nginx: 'the balancer',
  redis: 'the cache',
  generator: 'the load generator',
  host: 'the machine',
};

/** A quantile needs answers beyond it: five above the P95 take a hundred. */
function assessCounts(arms: readonly ArmResult[]): readonly Finding[] {
  return (['read', 'write'] as const).flatMap((name) => {
    const counts = arms
      .flatMap((arm) =>
        known([
          median(
            arm.slices.filter(({ kind }) => kind === 'steady').map((slice) => slice[name].responseTime.count),
          ),
        ]),
      )
      .filter((count) => count > 0);
    const fewest = Math.min(...counts);
    if (counts.length === 0 || fewest >= environmentLimits.answersForP95) return [];
    return [
      warning(
        'few-requests',
        `the P95 of ${name}s rests on ${Math.round(fewest)} requests per block, fewer than ${environmentLimits.answersForP95}: it is close to their maximum; use longer slices (--slice-seconds)`,
      ),
    ];
  });
}

function assessCache(arm: ArmResult): readonly Finding[] {
  const counts = readCounts(arm.slices);
  const cached = counts.get('cache') ?? 0;
  if (cached === 0) return [];
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return [
    warning(
      'reads-cached',
      `a cache answered ${show((cached / total) * 100)} of the reads of ${arm.name}: its read figures are not those of the nodes, and say little about replicas; measure with CACHE=none for that`,
    ),
  ];
}

function assessRouting(arm: ArmResult): readonly Finding[] {
  const counts = readCounts(arm.slices);
  counts.delete('cache');
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (total === 0) return [];
  const percentOf = (name: string): number => ((counts.get(name) ?? 0) / total) * 100;
  if (percentOf('') > 1) {
    return [
      warning(
        'reads-unattributed',
        `${show(percentOf(''))} of the read answers of ${arm.name} do not name the node that served them, so it is not shown that the replicas were read; let the application send the x-db-node header`,
      ),
    ];
  }
  const replicas = replicaNames(arm);
  if (replicas.length === 0) return [];
  const unused = replicas.filter((name) => percentOf(name) === 0);
  if (unused.length > 0) {
    return [
      warning(
        'replica-unused',
        `${unused.join(' and ')} of ${arm.name} served no read at all (the primary ${show(percentOf('primary'))}); check the application's routing and its DB_REPLICA settings`,
      ),
    ];
  }
  // Slice by slice: a block in which one replica took all and a block with the other one are not even.
  const imbalance =
    median(
      arm.slices
        .map((slice) => replicas.map((name) => slice.readsByNode[name] ?? 0))
        .filter((reads) => Math.max(...reads) > 0)
        .map((reads) => Math.max(...reads) / Math.max(1, Math.min(...reads))),
    ) ?? 1;
  return [
    ...(percentOf('primary') > environmentLimits.primaryReadPercent
      ? [
          warning(
            'reads-on-primary',
            `the primary of ${arm.name} still served ${show(percentOf('primary'))} of the reads; reads inside transactions, and those after a write, may be meant to`,
          ),
        ]
      : []),
    ...(imbalance > environmentLimits.replicaImbalance
      ? [
          warning(
            'reads-uneven',
            `the replicas of ${arm.name} served uneven shares of the reads: in the median slice the busiest served ${imbalance.toFixed(1)} times as many as the least busy, which limits all; the pool keeps connections, not turns`,
          ),
        ]
      : []),
  ];
}

function assessLag(arm: ArmResult): readonly Finding[] {
  const steady = arm.slices.filter((slice) => slice.kind === 'steady');
  const unseen = steady.filter((slice) => Object.keys(slice.lag).length < arm.replicas);
  if (unseen.length === 0) return [];
  return [
    warning(
      'lag-missing',
      `the lag of at least one replica of ${arm.name} was not observed throughout in ${unseen.length} of ${steady.length} steady slices: it was stalled, silent, or further behind than is remembered; those blocks count as unknown, not as zero`,
    ),
  ];
}

/** An application that leaves versions out has no stale reads either. */
function assessVersions(arm: ArmResult): readonly Finding[] {
  const seen = arm.slices.flatMap(({ consistency }) => consistency ?? []);
  const without = seen.reduce((sum, { withoutVersion }) => sum + withoutVersion, 0);
  if (without === 0) return [];
  return [
    warning(
      'versions-missing',
      `${without} answers of ${arm.name} should have told a version and did not: stale reads and violations among them are not seen; let every answer of an operation with a version have its header`,
    ),
  ];
}

/** Read answers by node over the given slices; those of a cache under `cache`. */
export function readCounts(slices: readonly SliceResult[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [name, count] of slices.flatMap((slice) => Object.entries(slice.readsByNode))) {
    counts.set(name, (counts.get(name) ?? 0) + count);
  }
  return counts;
}

function warning(id: string, message: string): Finding {
  return { severity: 'warning', id, message };
}

function known(values: readonly (number | null)[]): readonly number[] {
  return values.filter((value) => value !== null);
}

function show(percent: number | null): string {
  if (percent === null) return 'unknown';
  return `${percent < 10 ? percent.toFixed(1) : percent.toFixed(0)} %`;
}
