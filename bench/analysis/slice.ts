import type {
  Arm,
  ClassResult,
  JournalEntry,
  LagSummary,
  MemoryUse,
  NodeCpu,
  OperationClass,
  OperationResult,
  RunPlan,
  SliceKind,
  SliceResult,
} from '../model.ts';
import { appHealth, applicationParts, isInstance } from './application-parts.ts';
import { summarizeConsistency } from './consistency-summary.ts';
import { addOutcomes, answersInTime, summarizeLatency } from './latency.ts';
import type { SliceReadings } from './slice-readings.ts';
import { assessLoad } from './validity.ts';

export type SliceEnd = Extract<JournalEntry, { readonly type: 'slice-end' }>;

/** A slice together with what is needed of it for the metrics but has no place in result.json. */
export interface MeasuredSlice {
  readonly result: SliceResult;
  /** Lag of all replicas in one distribution; null when one of them was not observed. */
  readonly allLag: LagSummary | null;
}

/**
 * Turns one finished slice and the readings of its measured time into a result. `subjects` are all whose
 * CPU was ever read in this arm: one that fell silent is unknown, not gone.
 */
export function summarizeSlice(
  end: SliceEnd,
  readings: SliceReadings,
  plan: RunPlan,
  arm: Arm,
  subjects: Iterable<string>,
): MeasuredSlice {
  const parts = applicationParts([...subjects], nodeNames(arm));
  const { load } = end;
  const seconds = load.durationMs / 1000;
  const outcomes = addOutcomes(load.operations.map((operation) => operation.outcomes));
  const ofClass = (name: OperationClass): readonly OperationResult[] =>
    load.operations.filter((operation) => operation.class === name);
  const lag = lagByReplica(readings, arm);
  const consistency = summarizeConsistency(load);
  const result: SliceResult = {
    kind: end.kind,
    block: end.block,
    durationMs: load.durationMs,
    offeredRateHz: end.offeredRateHz,
    achievedRateHz: answersInTime(load.operations) / seconds,
    outcomes,
    read: summarizeClass(ofClass('read'), seconds),
    write: summarizeClass(ofClass('write'), seconds),
    operations: summarizeOperations(load.operations),
    cpu: cpuBySubject(readings, plan, arm, parts, end.kind),
    memory: memoryBySubject(readings, arm),
    lag,
    app: appHealth(readings, parts.filter(isInstance)),
    host: hostLoad(readings, plan, arm, parts),
    readsByNode: addCounts(ofClass('read').map((operation) => operation.servedBy)),
    generator: load.generator,
    walBytes: overSlice(readings.ratePerSecond('primary', 'walBytes'), seconds),
    conflicts: conflicts(readings, arm),
    ...(consistency === null ? {} : { consistency }),
    findings: assessLoad(load, {
      where: `${end.arm}, block ${end.block}, ${end.kind}`,
      offeredRateHz: end.offeredRateHz,
      steady: end.kind === 'steady',
    }),
  };
  const complete = Object.keys(lag).length === arm.replicas;
  return { result, allLag: complete ? readings.allLag : null };
}

/** Names of an arm's nodes, primary first. */
export function nodeNames(arm: Arm): readonly string[] {
  return ['primary', ...replicaNames(arm)];
}

export function replicaNames(arm: Arm): readonly string[] {
  return Array.from({ length: arm.replicas }, (_, index) => `replica${index + 1}`);
}

function summarizeClass(operations: readonly OperationResult[], seconds: number): ClassResult {
  const outcomes = addOutcomes(operations.map((operation) => operation.outcomes));
  return {
    qps: operations.reduce((sum, operation) => sum + operation.inTime.ok, 0) / seconds,
    outcomes,
    serviceTime: summarizeLatency(operations.map((operation) => operation.serviceTime)),
    responseTime: summarizeLatency(operations.map((operation) => operation.responseTime)),
    scheduleLag: summarizeLatency(operations.map((operation) => operation.scheduleLag)),
  };
}

function summarizeOperations(operations: readonly OperationResult[]): SliceResult['operations'] {
  const names = [...new Set(operations.map((operation) => operation.name))];
  return names.flatMap((name) => {
    const same = operations.filter((operation) => operation.name === name);
    const [first] = same;
    if (first === undefined) return [];
    const { qps: _, ...summary } = summarizeClass(same, 1);
    return [{ name, class: first.class, ...summary }];
  });
}

function cpuBySubject(
  readings: SliceReadings,
  plan: RunPlan,
  arm: Arm,
  parts: readonly string[],
  kind: SliceKind,
): SliceResult['cpu'] {
  // Arms that are measured in turn have quotas at saturation only.
  const limited = plan.limitMethod !== 'none' && (plan.parts === undefined || kind !== 'steady');
  const planned = limited ? plan.nodeCpus : null;
  const nodes = nodeNames(arm).map((name) => [name, cpuOf(readings, name, planned)] as const);
  const others = [...parts, 'generator', 'harness', 'links'].map(
    (name) => [name, cpuOf(readings, name, null)] as const,
  );
  return Object.fromEntries(
    [...nodes, ...others].filter(([name, cpu]) => cpu.percent !== null || parts.includes(name)),
  );
}

/** `plannedCores` is the quota of a subject whose readings do not tell one. */
function cpuOf(readings: SliceReadings, subject: string, plannedCores: number | null): NodeCpu {
  const cores = coresUsed(readings, subject);
  const quotaCores = readings.gauge(subject, 'quotaCores')?.max ?? plannedCores;
  const boundCores = isInstance(subject) ? Math.min(1, quotaCores ?? 1) : (quotaCores ?? 1);
  const throttled = readings.ratePerSecond(subject, 'throttledPeriods');
  const periods = readings.ratePerSecond(subject, 'periods');
  return {
    percent: cores === null ? null : (cores / boundCores) * 100,
    cores,
    p95Cores: readings.distribution(subject, 'coresUsed')?.p95 ?? null,
    quotaCores,
    // Periods, not throttled time: the kernel adds that up over cores, so it can exceed wall time.
    throttledPercent:
      quotaCores === null || throttled === null || !periods
        ? null
        : Math.min(100, (throttled / periods) * 100),
  };
}

function coresUsed(readings: SliceReadings, subject: string): number | null {
  const cpuMsPerSecond = readings.ratePerSecond(subject, 'cpuMs');
  return cpuMsPerSecond === null ? null : cpuMsPerSecond / 1000;
}

function hostLoad(
  readings: SliceReadings,
  plan: RunPlan,
  arm: Arm,
  parts: readonly string[],
): SliceResult['host'] {
  const cores = readings.gauge('host', 'cores')?.max ?? plan.fingerprint.cores;
  const busyMs = readings.ratePerSecond('host', 'busyMs');
  const stealMs = readings.ratePerSecond('host', 'stealMs');
  // An application without readings is a part unobserved.
  const tier = parts.some(isInstance) ? parts : ['app', ...parts];
  // Links are there in a run with such faults alone.
  const links = coresUsed(readings, 'links') === null ? [] : ['links'];
  const own = [...nodeNames(arm), ...tier, 'generator', 'harness', ...links].map((name) =>
    coresUsed(readings, name),
  );
  const known = own.filter((used) => used !== null);
  const ofMachine = (usedCores: number): number => (usedCores / cores) * 100;
  return {
    busyPercent: busyMs === null ? null : ofMachine(busyMs / 1000),
    // With one of our own parts unobserved, its CPU would be taken for a stranger's.
    foreignPercent:
      busyMs === null || known.length < own.length
        ? null
        : Math.max(0, ofMachine(busyMs / 1000 - known.reduce((sum, used) => sum + used, 0))),
    stealPercent: stealMs === null ? null : ofMachine(stealMs / 1000),
  };
}

function memoryBySubject(readings: SliceReadings, arm: Arm): SliceResult['memory'] {
  const measured = readings.subjects('memoryBytes');
  const nodes = nodeNames(arm).filter((name) => measured.includes(name));
  return Object.fromEntries(
    [...nodes, ...applicationParts(measured, nodeNames(arm))].flatMap((name): [string, MemoryUse][] => {
      const bytes = readings.distribution(name, 'memoryBytes');
      if (bytes === null) return [];
      const limitBytes = readings.gauge(name, 'limitBytes')?.max ?? null;
      return [[name, { p50Bytes: bytes.p50, maxBytes: bytes.max, limitBytes }]];
    }),
  );
}

function lagByReplica(readings: SliceReadings, arm: Arm): SliceResult['lag'] {
  return Object.fromEntries(
    replicaNames(arm).flatMap((name) => {
      const lag = readings.lag(name);
      return lag === null ? [] : [[name, lag] as const];
    }),
  );
}

function conflicts(readings: SliceReadings, arm: Arm): number | null {
  const counts = replicaNames(arm).map((name) => readings.increase(name, 'conflicts'));
  const known = counts.filter((count) => count !== null);
  return known.length === 0 ? null : known.reduce((sum, count) => sum + count, 0);
}

/** What a rate makes in the whole slice: the readings do not reach its very edges. */
function overSlice(perSecond: number | null, seconds: number): number | null {
  return perSecond === null ? null : Math.round(perSecond * seconds);
}

function addCounts(counts: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const total = new Map<string, number>();
  for (const [name, count] of counts.flatMap((each) => Object.entries(each))) {
    total.set(name, (total.get(name) ?? 0) + count);
  }
  return Object.fromEntries([...total].sort(([a], [b]) => a.localeCompare(b, 'en')));
}
