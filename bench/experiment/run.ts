import {
  type Arm,
  type Calibration,
  EnvironmentError,
  type GateRules,
  grossFactor,
  type LoadResult,
  type RunPlan,
} from '../model.ts';
import type { VisitContext, VisitSlice } from './contender.ts';
import type { Journal } from './journal.ts';
import type { Emit, ExperimentPorts } from './ports.ts';
import { slicesOf } from './slices.ts';
import { duel, okAnswers, visit } from './visit.ts';

export interface RunOptions {
  readonly plan: RunPlan;
  readonly ports: ExperimentPorts;
  readonly journal: Pick<Journal, 'append' | 'flush'>;
  readonly warmUpSeconds: number;
  readonly calibrationSeconds: number;
  /** That of an earlier run which this one is to be comparable with; nothing is calibrated then. */
  readonly calibration?: Calibration | undefined;
  readonly emit: Emit;
  /** Asked after each block: whether it may be the last, although the plan has more. */
  readonly enough?: (() => boolean) | undefined;
  readonly signal: AbortSignal;
}

export type RunEnd =
  | { readonly outcome: 'completed' }
  | { readonly outcome: 'interrupted' | 'failed'; readonly error: unknown };

/** Arm that calibration measures: the capacity of one node serving everything, or of a gate's reference. */
export function calibrationArm({ arms, gate }: Pick<RunPlan, 'arms' | 'gate'>): Arm {
  const [first] = arms;
  if (gate !== undefined && first !== undefined) return first;
  const topology = arms[0]?.topology ?? 'embedded';
  return { name: 'baseline', topology, replicas: 0, routing: 'primary-only' };
}

/**
 * Calibrates, then measures every arm of every block in the plan's order. Never throws for what goes
 * wrong during the measurement: the journal says how the run ended, and so does the value.
 */
export async function run(options: RunOptions): Promise<RunEnd> {
  const { ports, journal, signal, plan } = options;
  journal.append({ type: 'plan', atMs: ports.clock(), plan });
  // A run that is killed before its first slice can be rendered, too.
  await journal.flush();
  for (const finding of ports.topology.findings) {
    journal.append({ type: 'finding', atMs: ports.clock(), finding });
    options.emit({ kind: 'finding', finding });
  }
  const end = await measure(options).then(
    (): RunEnd => ({ outcome: 'completed' }),
    (error: unknown): RunEnd => ({ outcome: signal.aborted ? 'interrupted' : 'failed', error }),
  );
  const reason = end.outcome === 'failed' ? { reason: describe(end.error) } : {};
  journal.append({ type: 'end', atMs: ports.clock(), outcome: end.outcome, ...reason });
  // The first thing that went wrong is the one to report, also when the disk takes no more.
  return journal.flush().then(
    () => end,
    (error: unknown): RunEnd => (end.outcome === 'completed' ? { outcome: 'failed', error } : end),
  );
}

async function measure(options: RunOptions): Promise<void> {
  const { plan, ports, journal } = options;
  const context: VisitContext = {
    ports,
    scenario: plan.scenario,
    runSeed: plan.seed,
    record: (entry) => journal.append(entry),
    flush: () => journal.flush(),
    emit: options.emit,
    signal: options.signal,
    nextSliceIndex: counter(),
  };
  const calibration = options.calibration ?? (await calibrate(options, context));
  const { steadyRateHz } = calibration;
  journal.append({ type: 'calibration', atMs: ports.clock(), ...calibration });
  options.emit({ kind: 'calibrated', ...calibration });
  const arms = new Map(plan.arms.map((arm) => [arm.name, arm]));
  const measuredSlices = plan.slices ?? slicesOf(plan.scenario);
  const plannedSlices = plan.arms.length * plan.blocks * measuredSlices.length;
  const slices: readonly VisitSlice[] = [
    { kind: 'warm-up', seconds: options.warmUpSeconds, steadyRateHz },
    ...measuredSlices.map((kind) => ({ kind, seconds: plan.sliceSeconds, steadyRateHz })),
  ];
  let finishedSlices = 0;
  for (const [index, order] of plan.order.entries()) {
    const block = index + 1;
    const visited = order.map((name) => {
      const arm = arms.get(name);
      if (arm === undefined) throw new Error(`the plan's order names an arm that it does not have: ${name}`);
      return arm;
    });
    const begin = (arm: string): void => {
      options.signal.throwIfAborted();
      options.emit({ kind: 'visit', arm, block, blocks: plan.blocks, finishedSlices, plannedSlices });
    };
    if (plan.parts === undefined) {
      for (const arm of visited) {
        begin(arm.name);
        await visit(context, arm, block, slices);
        finishedSlices += measuredSlices.length;
      }
    } else {
      begin(visited.map(({ name }) => name).join(' and '));
      await duel(context, visited, block, slices, plan.parts, hopelessShare(plan.gate));
      finishedSlices += visited.length * measuredSlices.length;
    }
    if (options.enough?.()) return;
  }
}

/** A guard that allows no error at all does not make a single one a break-down. */
const leastHopelessShare = 0.03;

/** Where errors are guarded, the share of lost requests from which nobody need see more of them; else Infinity. */
function hopelessShare(gate: GateRules | undefined): number {
  const bounds =
    gate?.guards.flatMap(({ metric, max }) => (metric === 'errors.ratio' ? (max ?? []) : [])) ?? [];
  return Math.max(leastHopelessShare, Math.min(...bounds) * grossFactor);
}

/** Capacity of the baseline under the scenario's own mix, closed loop; the steady rate is a share of it. */
async function calibrate(options: RunOptions, context: VisitContext): Promise<Calibration> {
  const slices: readonly VisitSlice[] = [
    { kind: 'warm-up', seconds: options.warmUpSeconds, steadyRateHz: 0 },
    { kind: 'calibration', seconds: options.calibrationSeconds, steadyRateHz: 0 },
  ];
  const results = await visit(context, calibrationArm(options.plan), 0, slices);
  const calibration = results.at(-1);
  const capacityHz = calibration === undefined ? 0 : okRateHz(calibration);
  const steadyRateHz = capacityHz * options.plan.scenario.load.steadyShare;
  if (capacityHz === 0) {
    throw new EnvironmentError(
      `the application answered no request successfully during calibration; ${firstFault(calibration)}`,
    );
  }
  return { capacityHz, steadyRateHz };
}

function okRateHz(load: LoadResult): number {
  return (okAnswers(load) / load.durationMs) * 1000;
}

function counter(): () => number {
  let next = 0;
  return () => next++;
}

/** Names what came instead of an answer, so that the reader knows where to look. */
function firstFault(load: LoadResult | undefined): string {
  const faults = (load?.operations ?? []).flatMap((operation) => {
    const statuses = Object.entries(operation.statuses).map(([status, n]) => `${n} x status ${status}`);
    const other = (['timeout', 'connection-error'] as const)
      .filter((name) => operation.outcomes[name] > 0)
      .map((name) => `${operation.outcomes[name]} x ${name}`);
    return [...statuses, ...other].map((what) => `${operation.name}: ${what}`);
  });
  return faults.length === 0 ? 'no request was answered at all' : `seen: ${faults.slice(0, 4).join(', ')}`;
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
